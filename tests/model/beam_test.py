"""What beam search finds, against enumeration, plain Python, Hugging Face."""

import dataclasses
import functools

import hypothesis
import hypothesis.strategies as st
import jax
import numpy as np
import pytest

from instructrec_jax.errors import InputError
from instructrec_jax.model import (
  beam,
  choices,
  network,
  ranking_model,
  sharding,
  trie,
)
from tests.model import golden as golden_file

GOLDEN = golden_file.load("uneven")


CONFIG, PARAMS = GOLDEN["config"], GOLDEN["params"]


MODEL = ranking_model.RankingModel(CONFIG)


# Titles of few tokens, so that many begin alike; with EOS, as candidates have.
with np.load(golden_file.FOLDER / "hf_beams.npz") as file:
  HUGGING_FACE = dict(file)


INPUTS, TOKENS = HUGGING_FACE["inputs"], HUGGING_FACE["titles"]


TITLES = [tokens[tokens > 1].tolist() for tokens in TOKENS]


N = len(TITLES)


TRIE = trie.from_titles(TITLES, list, CONFIG.vocab_size)


@functools.cache
def recommender(beams, edges=512):
  """Returns the compiled search; each number of edges needs one of its own."""

  def recommend(params, inputs, catalogue, excluded):
    with pytest.MonkeyPatch.context() as patch:
      patch.setattr(choices, "_EDGES", edges)
      return beam.recommend(
        MODEL.module, params, inputs, beams, catalogue, excluded
      )

  return jax.jit(recommend)


def scores_of(inputs, tokens_NxT, model=MODEL):
  """Returns the scores that titles have as candidates, [B, N]."""
  candidates = np.broadcast_to(tokens_NxT, (len(inputs), *tokens_NxT.shape))
  batch = {"encoder_input_tokens": inputs, "candidate_tokens": candidates}
  return np.asarray(jax.jit(model.score_batch)(PARAMS, batch))


SCORES = scores_of(INPUTS, TOKENS)


@pytest.mark.parametrize("edges", [3, 512])
def test_a_beam_as_wide_as_the_catalogue_finds_what_enumeration_does(edges):
  found = recommender(N, edges)(PARAMS, INPUTS, TRIE, None)
  order = np.argsort(-SCORES, axis=1)
  np.testing.assert_array_equal(found.items, order)
  np.testing.assert_array_equal(found.tokens, TOKENS[order])
  np.testing.assert_array_equal(found.ranks, [np.arange(1, N + 1)] * 3)
  np.testing.assert_allclose(
    found.scores, np.take_along_axis(SCORES, order, 1), rtol=1e-5, atol=1e-5
  )


def excluded_sets(size):
  """Draws three requests' excluded items, as rows of codes and padding."""
  row = st.lists(st.integers(-1, N), min_size=size, max_size=size)
  return st.lists(row, min_size=3, max_size=3).map(
    lambda rows: np.array(rows, np.int32)
  )


@hypothesis.settings(deadline=None, max_examples=40)
@hypothesis.given(excluded_sets(2 * N))
def test_nothing_excluded_is_found_and_all_else_is(excluded):
  """Of so many drawn, most are excluded; some requests keep fewer than N."""
  found = recommender(N)(PARAMS, INPUTS, TRIE, excluded)
  for request in range(3):
    left = sorted(set(range(N)) - set(excluded[request].tolist()))
    expected = sorted(left, key=lambda item: -SCORES[request, item])
    none = [-1] * (N - len(left))
    assert found.items[request].tolist() == expected + none
    ranks = [*range(1, len(left) + 1), *[0] * len(none)]
    assert found.ranks[request].tolist() == ranks
    ours = np.asarray(found.scores[request])
    np.testing.assert_allclose(
      ours[: len(left)], SCORES[request, expected], rtol=1e-5
    )
    assert (ours[len(left) :] == -np.inf).all()
    assert (np.asarray(found.tokens)[request, len(left) :] == 0).all()


@hypothesis.settings(deadline=None, max_examples=40)
@hypothesis.given(excluded_sets(24))
def test_a_narrow_beam_is_the_one_of_plain_python(excluded):
  found = recommender(4)(PARAMS, INPUTS, TRIE, excluded)
  scores = np.asarray(found.scores)
  for request in range(3):
    gone = set(excluded[request].tolist())
    expected = plain_search(request, [n for n in range(N) if n not in gone], 4)
    items = found.items[request].tolist()
    assert [item for item in items if item >= 0] == [n for _, n in expected]
    here = SCORES[request, items[: len(expected)]]
    np.testing.assert_allclose(scores[request, : len(expected)], here, 1e-5)


@functools.cache
def log_likelihoods():
  """Returns those of every token after every title's start, [B, N, T, V]."""
  before = np.broadcast_to(golden_file.shifted(TOKENS), (3, *TOKENS.shape))
  return np.asarray(
    jax.jit(
      lambda params, *inputs: jax.nn.log_softmax(
        MODEL.module.apply({"params": params}, *inputs)
      )
    )(PARAMS, INPUTS, before)
  )


def plain_search(request, items, beams):
  """Returns (score, item) of what a beam search in a few titles finds."""
  live, ended = {(): 0.0}, []
  titles = {(*TITLES[item], 1): item for item in items}
  while live and (len(ended) < beams or max(live.values()) > ended[-1][0]):
    after = {}
    for start, score in live.items():
      depth = len(start)
      below = [title for title in titles if title[:depth] == start]
      for title in below:
        logp = log_likelihoods()[request, titles[title], depth, title[depth]]
        after[title[: depth + 1]] = score + logp
    ended += [(s, titles[title]) for title, s in after.items() if title[-1] < 2]
    ended = sorted(ended, reverse=True)[:beams]
    going = [(s, title) for title, s in after.items() if title[-1] > 1]
    live = {title: s for s, title in sorted(going, reverse=True)[:beams]}
  return ended


def test_a_wide_beam_finds_what_hugging_face_finds():
  found = recommender(N)(PARAMS, INPUTS, TRIE, None)
  np.testing.assert_array_equal(found.items, HUGGING_FACE[f"items_{N}"])
  np.testing.assert_allclose(
    found.scores, HUGGING_FACE[f"scores_{N}"], atol=2e-4
  )


def test_a_narrow_beam_finds_titles_as_good_as_hugging_face_does():
  """Better ones where Hugging Face forgets one whose end was not likely yet."""
  found = recommender(3)(PARAMS, INPUTS, TRIE, None)
  items, scores = HUGGING_FACE["items_3"], HUGGING_FACE["scores_3"]
  assert (np.asarray(found.scores) >= scores - 2e-4).all()
  np.testing.assert_allclose(
    np.take_along_axis(SCORES, items, 1), scores, atol=2e-4
  )
  assert np.isin(found.items, items).any()


@pytest.mark.parametrize(("rows", "pad"), [(slice(0, 1), 7), (slice(1, 3), 0)])
def test_padding_and_batch_size_change_nothing(rows, pad):
  whole = recommender(4)(PARAMS, INPUTS, TRIE, None)
  part = recommender(4)(
    PARAMS, np.pad(INPUTS[rows], ((0, 0), (0, pad))), TRIE, None
  )
  np.testing.assert_array_equal(part.items, whole.items[rows])
  np.testing.assert_array_equal(part.tokens, whole.tokens[rows])
  np.testing.assert_allclose(part.scores, whole.scores[rows], rtol=1e-5)


def test_equal_scores_share_the_last_of_their_ranks():
  """With no weights all titles of one length are equally likely."""
  zeros = jax.tree.map(np.zeros_like, PARAMS)
  catalogue = trie.from_titles([[3, 4], [5], [6]], list, CONFIG.vocab_size)
  found = recommender(4)(zeros, INPUTS, catalogue, None)
  assert found.ranks.tolist() == [[2, 2, 3, 0]] * 3
  np.testing.assert_allclose(found.scores[0, 2], -3 * np.log(44), rtol=1e-6)


@pytest.mark.parametrize("num_partitions", [1, 4])
def test_a_mesh_finds_what_one_device_does(num_partitions):
  inputs = np.tile(INPUTS, (8, 1))[:8]
  excluded = np.random.default_rng(0).integers(-1, N, (8, 5)).astype(np.int32)
  expected = recommender(4)(PARAMS, inputs, TRIE, excluded)
  mesh = sharding.make_mesh(num_partitions)
  assert mesh.size == 8
  params = jax.device_put(PARAMS, sharding.tree_shardings(mesh, PARAMS, PARAMS))
  model = ranking_model.RankingModel(CONFIG, num_beams=4)
  batch = {"encoder_input_tokens": inputs, "excluded_items": excluded}
  found = sharding.jit_on_mesh(mesh, model.recommend_batch)(
    params, sharding.put_batch(mesh, batch), TRIE
  )
  np.testing.assert_array_equal(found.items, expected.items)
  np.testing.assert_array_equal(found.tokens, expected.tokens)
  np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-5)


def test_bfloat16_finds_items_with_scores_near_those_of_float32():
  half = network.Transformer(dataclasses.replace(CONFIG, dtype="bfloat16"))
  search = jax.jit(
    lambda params, inputs: beam.recommend(half, params, inputs, N, TRIE)
  )
  found = search(PARAMS, INPUTS)
  assert found.scores.dtype == np.float32
  items = np.asarray(found.items)
  assert (np.sort(items) == np.arange(N)).all()
  expected = np.take_along_axis(SCORES, items, 1)
  np.testing.assert_allclose(found.scores, expected, rtol=0.05)


def test_the_model_predicts_out_of_its_catalogue():
  model = ranking_model.RankingModel(CONFIG, num_beams=4, catalogue=TRIE)
  batch = {"encoder_input_tokens": INPUTS}
  tokens, aux = jax.jit(model.predict_batch_with_aux)(PARAMS, batch)
  expected = recommender(4)(PARAMS, INPUTS, TRIE, None)
  assert aux.keys() == {"items", "scores", "ranks"}
  for name, values in aux.items():
    np.testing.assert_allclose(values, getattr(expected, name), rtol=1e-5)
  np.testing.assert_array_equal(tokens, TOKENS[aux["items"][:, 0]])


def test_the_model_predicts_any_text_with_several_beams():
  model = ranking_model.RankingModel(CONFIG, num_beams=4)
  batch = {
    "encoder_input_tokens": INPUTS,
    "decoder_input_tokens": np.zeros((3, 6), np.int32),
  }
  tokens, aux = jax.jit(model.predict_batch_with_aux)(PARAMS, batch)
  assert tokens.shape == (3, 6)
  scores = [
    scores_of(INPUTS, np.asarray(tokens[n : n + 1]))[n, 0] for n in range(3)
  ]
  np.testing.assert_allclose(aux["scores"], scores, rtol=1e-5)


def test_what_cannot_be_searched_is_an_error():
  with pytest.raises(
    InputError, match=r"num_beams .*= 0: expected a whole number of 1 or more"
  ):
    ranking_model.RankingModel(CONFIG, num_beams=0)
  other = dataclasses.replace(TRIE, vocab_size=32100)
  with pytest.raises(InputError, match="32100 tokens, but the network has 44"):
    recommender(4)(PARAMS, INPUTS, other, None)
