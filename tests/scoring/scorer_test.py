"""A scorer's scores are the model's, however many, in whatever order."""

import hypothesis
import hypothesis.strategies as st
import jax
import numpy as np
import pytest

from instructrec_jax.errors import InputError
from instructrec_jax.model import decoding, exchange, ranking_model
from instructrec_jax.scoring import buckets
from instructrec_jax.scoring import scorer as scoring
from tests.train import scored, toy


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
  return scored.write_checkpoint(tmp_path_factory.mktemp("scored"))


@pytest.fixture(scope="module")
def expected(checkpoint):
  """Scores out of one padded batch."""
  rows = scored.requests()
  params = scoring.Scorer(scored.MODEL, checkpoint, 8)._params
  scores = jax.jit(scored.MODEL.score_batch)(jax.device_get(params), rows)
  return np.asarray(scores)


@pytest.fixture
def small_buckets(monkeypatch):
  """Lets so few requests be divided."""
  monkeypatch.setattr(buckets, "_WORTH_BATCHES", 0.01)


@pytest.mark.parametrize(("size", "partitions"), [(8, 1), (16, 2), (48, 1)])
@pytest.mark.usefixtures("small_buckets")
def test_scores_do_not_depend_on_batches(
  checkpoint, expected, size, partitions
):
  scorer = scoring.Scorer(scored.MODEL, checkpoint, size, partitions)
  scores = scorer.score(scored.requests())
  np.testing.assert_allclose(scores, expected, rtol=1e-5)
  assert scores.dtype == np.float32
  assert (len(scorer.shapes) > 1) == (size < 48)
  again = scorer.score(scored.requests())
  np.testing.assert_array_equal(again, scores)


@pytest.fixture(scope="module")
def scorer(checkpoint):
  return scoring.Scorer(scored.MODEL, checkpoint, 8)


@hypothesis.settings(deadline=None, max_examples=8)
@hypothesis.given(
  st.permutations(range(scored.TOTAL)), st.permutations(range(scored.MOST))
)
def test_scores_follow_their_request_and_candidate(
  scorer, expected, requests, candidates
):
  rows = scored.requests()
  scores = scorer.score(
    {
      "encoder_input_tokens": np.pad(
        rows["encoder_input_tokens"][requests], ((0, 0), (0, 3))
      ),
      "candidate_tokens": rows["candidate_tokens"][requests][:, candidates],
    }
  )
  np.testing.assert_allclose(
    scores, expected[requests][:, candidates], rtol=1e-5
  )


def test_no_request_at_all(scorer):
  rows = {name: x[:0] for name, x in scored.requests().items()}
  assert scorer.score(rows).shape == (0, scored.MOST)


def test_items_are_those_of_one_batch(scorer):
  rows, titles = scored.excluded(), scored.catalogue()
  params = jax.device_get(scorer._params)
  expected = jax.jit(scored.MODEL.recommend_batch)(params, rows, titles)
  found = scorer.recommend(rows, titles)
  assert isinstance(found.items, np.ndarray)
  np.testing.assert_array_equal(found.items, expected.items)
  np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-5)
  none = scorer.recommend({name: x[:0] for name, x in rows.items()}, titles)
  assert none.items.shape == (0, 3)
  assert none.tokens.dtype == np.int32


@pytest.mark.usefixtures("small_buckets")
def test_texts_are_those_of_one_batch(checkpoint):
  scorer = scoring.Scorer(scored.MODEL, checkpoint, 8)
  rows = scored.requests()
  params = jax.device_get(scorer._params)
  expected, _ = jax.jit(decoding.greedy, static_argnums=(0, 3))(
    scored.MODEL.module, params, rows["encoder_input_tokens"], 6
  )
  found = scorer.write(rows, 6)
  np.testing.assert_array_equal(found, expected)
  assert len(scorer.shapes) > 1
  none = scorer.write({name: x[:0] for name, x in rows.items()}, 6)
  assert (none.shape, none.dtype) == ((0, 6), np.int32)


def test_a_batch_that_does_not_divide_is_refused(checkpoint):
  with pytest.raises(InputError, match="use a multiple of 8, such as 8"):
    scoring.Scorer(scored.MODEL, checkpoint, 12)


@pytest.mark.parametrize(
  ("requests", "expected"),
  [
    ([0, 1, 1, -1], "request 1 was answered 2 times: .* 0 to 2"),
    ([0, 2, -1, -1], "request 1 was answered 0 times"),
    ([0, 1, 2, 3], "request 3 was answered 1 times: .* 0 to 2"),
  ],
)
def test_each_request_counts_once(requests, expected):
  with pytest.raises(InputError, match=expected):
    scoring._in_order(np.array(requests), np.zeros((4, 2)), 3)


def test_processes_that_see_other_requests_are_told(monkeypatch):
  def gather(tree):
    digest, *rest = tree
    return np.stack([digest, digest + 1]), *(np.stack([x, x]) for x in rest)

  monkeypatch.setattr(scoring.multihost_utils, "process_allgather", gather)
  with pytest.raises(InputError, match="processes have different requests"):
    scoring._gather(7, np.arange(2), np.zeros((2, 3), np.float32), 4)


@pytest.mark.parametrize("count", [2, 3])
def test_several_processes_answer_as_one_does(checkpoint, tmp_path, count):
  """To the last bit, with a remainder; each has a device of its own."""
  [one] = scored.run(checkpoint, tmp_path / "one", 1)
  several = scored.run(checkpoint, tmp_path / "several", count)
  assert len(several) == count
  assert one.keys() == {"likelihoods", "items", "scores", "ranks", "tokens"}
  for answers in several:
    for name, array in one.items():
      np.testing.assert_array_equal(answers[name], array)


@pytest.mark.parametrize("shared", [True, False])
def test_a_prior_is_that_of_the_model(checkpoint, shared):
  """Whether requests share other users' inputs, which scores titles once."""
  rows = scored.requests()
  others = rows["encoder_input_tokens"][[3, 8, 11]]
  number = np.arange(scored.TOTAL)
  prior = np.broadcast_to(others, (scored.TOTAL, *others.shape))
  if not shared:
    prior = rows["encoder_input_tokens"][(number[:, None] + [1, 2, 3]) % 43]
  rows |= {
    "prior_input_tokens": prior,
    "log_popularity": np.ones((scored.TOTAL, scored.MOST), np.float32),
  }
  model = ranking_model.RankingModel(
    toy.CONFIG, prior_weight=0.7, popularity_weight=0.3, length_power=0.5
  )
  own = scoring.Scorer(model, checkpoint, 8)
  expected = jax.jit(model.score_batch)(jax.device_get(own._params), rows)
  found = exchange.exchanged(
    own.score(rows), own.prior(rows), rows["log_popularity"], 0.7, 0.3
  )
  np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
