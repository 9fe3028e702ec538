"""What a beam may choose next: any token, or an edge of a trie."""

import functools

import jax
import numpy as np
import pytest

from instructrec_jax.model import (
  beam,
  choices,
  ranking_model,
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


def test_with_an_item_goes_what_has_its_title():
  catalogue = trie.from_titles(
    [[3, 4], [5], [3, 4], [6]], list, CONFIG.vocab_size, same_title="first"
  )
  excluded = np.array([[2], [1], [-1]], np.int32)
  found = recommender(3)(PARAMS, INPUTS, catalogue, excluded)
  items = [set(row) for row in np.asarray(found.items).tolist()]
  assert items == [{1, 3, -1}, {0, 3, -1}, {0, 1, 3}]


def test_any_text_is_found_as_by_enumeration():
  """Of at most two tokens: ended at once, ended then, or cut."""
  V = CONFIG.vocab_size
  search = jax.jit(
    lambda params, inputs: beam.search(
      MODEL.module, params, inputs, V, 2, choices.AnyText()
    )
  )
  found = search(PARAMS, INPUTS)
  first = [[1, 0]]
  second = [[a, b] for a in range(V) if a != 1 for b in range(V)]
  before = np.array([[0, a] for a in range(V)], np.int32)
  logits = MODEL.module.apply(
    {"params": PARAMS}, INPUTS, np.broadcast_to(before, (3, V, 2))
  )
  logp = np.asarray(jax.nn.log_softmax(logits))
  texts = np.array(first + second)
  for request in range(3):
    at_first = logp[request, 0, 0]
    scores = [at_first[1]]
    scores += [at_first[a] + logp[request, a, 1, b] for a, b in second]
    order = np.argsort(-np.array(scores), kind="stable")[:V]
    np.testing.assert_array_equal(found.tokens[request], texts[order])
    np.testing.assert_allclose(
      found.scores[request], np.array(scores)[order], rtol=1e-5
    )
