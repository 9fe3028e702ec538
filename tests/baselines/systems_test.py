"""Each baseline by hand on a few items, and what it asks of a dataset."""

import types

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import pairwise

from instructrec_jax.baselines import systems, world
from instructrec_jax.data.records.requests import Requests
from instructrec_jax.errors import InputError


def requests(histories, candidates, ordered=True):
  lengths = [len(h) for h in histories]
  n = len(lengths)
  return Requests(
    instance=np.arange(n),
    user=np.arange(n),
    target=np.array(candidates)[:, 0],
    candidates=np.array(candidates),
    history=np.concatenate(histories).astype(np.int64),
    history_offsets=np.concatenate([[0], np.cumsum(lengths)]),
    history_length=np.array(lengths),
    ordered=ordered,
  )


def made(**columns):
  """Returns a world of some items."""
  found = world.World("nowhere", "shop", "test")
  size = len(next(iter(columns.values())))
  columns = {"train_count": [0] * size} | columns
  found.__dict__["items"] = pl.DataFrame(columns)
  return found


def test_next_item_counts_on_from_the_newest():
  shop = made(title=list("abcdef"))
  asked = requests([[5, 1], [4]], [[2, 0, 3], [5, 0, 4]])
  scores = systems.next_item(shop, asked, 0)
  assert scores.tolist() == [[0, -4, -1], [0, -1, -5]]


def test_repeat_label_by_hand():
  shop = made(
    brand=["x", "y", None, "x"],
    categories=[["games"], ["games", "cards"], [], ["toys"]],
  )
  asked = requests([[3, 0], [1]], [[0, 1, 2, 3], [3, 2, 1, 0]])
  scores = systems.repeat_label(shop, asked, 0)
  # Weights of the first history: x 1 + 1/2, games 1, toys 1/2.
  expected = [
    [(1.5 + 1) / 2, 1 / 3, 0, (1.5 + 0.5) / 2],
    [0, 0, (1 + 1 + 1) / 3, 1 / 2],
  ]
  np.testing.assert_allclose(scores, expected)


@pytest.mark.parametrize("width", [5, 150], ids=["candidates", "catalogue"])
def test_title_similarity_is_scikit_learn_s_cosine(width):
  rng = np.random.default_rng(0)
  count = rng.integers(0, 50, 200)
  shop = made(title=["t"] * 200, train_count=count)
  vectors = rng.normal(size=(200, 16)).astype(np.float32)
  shop.__dict__["_vectors"] = "made", vectors
  histories = [rng.integers(0, 200, n) for n in (1, 7, 3, 0, 12)]
  candidates = np.stack([rng.permutation(200)[:width] for _ in histories])
  asked = requests(histories, candidates)
  cosine = pairwise.cosine_similarity(vectors)
  expected = np.stack(
    [
      cosine[history][:, row].max(axis=0) if len(history) else np.zeros(width)
      for history, row in zip(histories, candidates, strict=True)
    ]
  ) + 0.1 * np.log1p(count[candidates])
  found = systems.title_similarity(shop, asked, 0)
  np.testing.assert_allclose(found, expected, atol=1e-5)


def test_bm25_by_lucene_s_formula():
  """Its score of a term is idf · tf / (tf + k1 (1 - b + b length / mean))."""
  shop = made(
    title=["Red racing car", "Blue racing boat", "Chess"],
    brand=["Fast", "Fast", None],
    categories=[["toys"], [], ["board games", "games"]],
  )
  shop.__dict__["_texts"] = (
    np.arange(3),
    np.array([b"racing games", b"fast", b"zebra"], object),
  )
  asked = requests([[0]] * 3, [[0, 1, 2]] * 3)
  documents = [
    ["red", "racing", "car", "fast", "toys"],
    ["blue", "racing", "boat", "fast"],
    ["chess", "board", "games", "games"],
  ]
  mean = np.mean([len(words) for words in documents])

  def score(query, words):
    total = 0.0
    for term in query:
      df = sum(term in other for other in documents)
      tf = words.count(term)
      idf = np.log(1 + (3 - df + 0.5) / (df + 0.5))
      total += idf * tf / (tf + 1.5 * (0.25 + 0.75 * len(words) / mean))
    return total

  expected = [
    [score(query, words) for words in documents]
    for query in (["racing", "games"], ["fast"], ["zebra"])
  ]
  np.testing.assert_allclose(systems.bm25(shop, asked, 0), expected, rtol=1e-5)


def test_what_is_missing_is_told(small_data):
  shop = made(title=list("abc"))
  unordered = requests([[0]], [[1, 2]], ordered=False)
  with pytest.raises(InputError, match="'shop' has no times and no order"):
    systems.next_item(shop, unordered, 0)
  with pytest.raises(InputError, match="instance 0 has an empty history"):
    systems.next_item(shop, requests([[]], [[1, 2]]), 0)
  with pytest.raises(InputError, match="neither brands nor categories"):
    systems.repeat_label(shop, requests([[0]], [[1, 2]]), 0)
  of = world.World(small_data, "small", "test", query="wish")
  with pytest.raises(InputError, match="unknown text of a query 'wish'"):
    of.queries(types.SimpleNamespace(instance=np.arange(2)))


def test_queries_are_those_of_the_records(small_data):
  of = world.World(small_data, "small", "test")
  asked = Requests.load(small_data, "small", "test")
  found = of.queries(asked.between(5, 9))
  assert found == of.queries(asked)[5:9]
  assert any(found)
