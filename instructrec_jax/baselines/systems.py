"""The baselines: one function each, and the table of all.

Letters: n requests, C candidates, I items, W the width of text vectors, K
labels.
"""

from collections.abc import Callable
from typing import Protocol, cast

import numpy as np
import scipy.sparse

from instructrec_jax.baselines.world import World
from instructrec_jax.data import names
from instructrec_jax.data.records.requests import Requests
from instructrec_jax.errors import InputError
from instructrec_jax.vectors import stage

# The weight of log(1 + popularity) beside a cosine.
_POPULARITY = 0.1
# The weight of an item in a history, over that of the next newer one.
_FADE = 0.5
# The number of scores held at a time (128 MiB).
BLOCK = 2**24


class Baseline(Protocol):
  """Scores the candidates of requests."""

  def __call__(
    self, world: World, requests: Requests, seed: int, /
  ) -> np.ndarray:
    """Returns scores, float64 [n, C] in candidates' order; greater is better.

    Args:
      world: The dataset's items, texts and vectors.
      requests: n requests of a split. An absent candidate, `read.ABSENT`, may
        get any score.
      seed: Seed of random numbers.

    Raises:
      InputError: The dataset lacks what the baseline needs.
    """


def random(world: World, requests: Requests, seed: int) -> np.ndarray:
  """Draws each score at random."""
  del world
  return names.generator(seed, "baselines", "random").random(
    requests.candidates.shape
  )


def popularity(world: World, requests: Requests, seed: int) -> np.ndarray:
  """Counts how often each candidate was chosen in the training part.

  Equally popular candidates tie. Metrics count ties against the system.
  """
  del seed
  return world.train_count[requests.candidates]


def next_item(world: World, requests: Requests, seed: int) -> np.ndarray:
  """Ranks items by how soon they follow the newest one in the catalogue.

  It learns nothing. A figure above chance says that the order of the catalogue
  tells something of what comes next.
  """
  del seed
  world.check_order(requests)
  last = _newest(requests)[:, None]
  return -((requests.candidates - last - 1) % world.items.height).astype(float)


def repeat_label(world: World, requests: Requests, seed: int) -> np.ndarray:
  """Ranks items by the labels that they share with the newest ones.

  A label is a brand or a category. A label of the newest item weighs 1, one of
  the item before it 1/2, and so on; an item's score is the mean weight of its
  labels.
  """
  del seed
  world.check_order(requests)
  of_item = world.labels
  known = sorted({name for names_of in of_item for name in names_of})
  column = {name: k for k, name in enumerate(known)}
  lengths = np.array([len(names_of) for names_of in of_item])
  columns = [column[name] for names_of in of_item for name in names_of]
  has_IxK = scipy.sparse.csr_array(
    (np.ones(len(columns)), columns, np.concatenate([[0], lengths.cumsum()])),
    shape=(len(of_item), max(len(known), 1)),
  )
  share_IxK = scipy.sparse.diags_array(1 / np.maximum(lengths, 1)) @ has_IxK

  def of_all(some: Requests) -> np.ndarray:
    length = np.diff(some.history_offsets)
    age = np.repeat(some.history_offsets[1:], length) - 1
    age = age - some.history_offsets[0] - np.arange(len(some.history))
    weight_nxI = scipy.sparse.csr_array(
      (
        _FADE**age,
        some.history,
        some.history_offsets - some.history_offsets[0],
      ),
      shape=(len(some), len(of_item)),
    )
    return (weight_nxI @ has_IxK @ share_IxK.T).toarray()

  return _in_blocks(requests, world.items.height, of_all)


def title_similarity(world: World, requests: Requests, seed: int) -> np.ndarray:
  """Adds .1 · log(1 + popularity) to the greatest cosine with a history's text.

  Texts are vectors of `instructrec vectors`, or else titles whose words are
  hashed. Nothing is trained.
  """
  del seed
  vector_IxW = world.vectors
  prior_I = _POPULARITY * np.log1p(world.train_count)
  scores = np.empty(requests.candidates.shape)
  # Of a whole catalogue one product serves all candidates of a history.
  of = _to_all if requests.candidates.shape[1] > 100 else _to_some
  per_request = max(requests.candidates.shape[1], vector_IxW.shape[1]) * 50
  step = max(1, 4 * BLOCK // per_request)
  for start in range(0, len(requests), step):
    some = requests.between(start, min(start + step, len(requests)))
    scores[start : start + step] = of(vector_IxW, some)
  return scores + prior_I[requests.candidates]


def _to_some(vector_IxW: np.ndarray, some: Requests) -> np.ndarray:
  """Returns the greatest cosine of each candidate with a history, [n, C]."""
  length = np.diff(some.history_offsets)
  at = np.arange(max(int(length.max(initial=0)), 1))[None]
  here = at < length[:, None]
  item = np.zeros(here.shape, np.int64)
  item[here] = some.history
  cosine = np.matmul(
    vector_IxW[some.candidates], vector_IxW[item].swapaxes(1, 2)
  )
  best = np.where(here[:, None], cosine, -np.inf).max(axis=2)
  return np.where(length[:, None] > 0, best, 0.0)


def _to_all(vector_IxW: np.ndarray, some: Requests) -> np.ndarray:
  """Returns the same where candidates are many."""
  scores = np.zeros(some.candidates.shape)
  for row, history in enumerate(some.histories):
    if len(history):
      cosine = vector_IxW[history] @ vector_IxW.T
      scores[row] = cosine.max(axis=0)[some.candidates[row]]
  return scores


def bm25(world: World, requests: Requests, seed: int) -> np.ndarray:
  """Ranks items by BM25 of the query and the item's title and labels.

  The library bm25s computes it, with Lucene's form and its usual constants
  (k1 = 1.5, b = .75).
  """
  del seed
  import bm25s

  def words(texts: list[str]) -> list[list[str]]:
    found = bm25s.tokenize(
      texts, stopwords=None, return_ids=False, show_progress=False
    )
    return cast(list[list[str]], found)

  queries = world.queries(requests)
  distinct = sorted(set(queries))
  index = bm25s.BM25()
  index.index(
    words(stage.texts(world.items, ("title", "brand", "categories"))),
    show_progress=False,
  )
  tokens = dict(zip(distinct, words(distinct), strict=True))
  scores = np.empty(requests.candidates.shape)
  of_query = {query: [] for query in distinct}
  for row, query in enumerate(queries):
    of_query[query].append(row)
  nothing = np.zeros(world.items.height)
  for query, rows in of_query.items():
    of_all = index.get_scores(tokens[query]) if tokens[query] else nothing
    scores[rows] = of_all[requests.candidates[rows]]
  return scores


def _newest(requests: Requests) -> np.ndarray:
  """Returns the newest item of each history, int64 [n].

  Raises:
    InputError: A history is empty.
  """
  length = np.diff(requests.history_offsets)
  if not length.all():
    raise InputError(
      f"instance {requests.instance[length.argmin()]} has an empty history, so "
      "there is no newest item"
    )
  return requests.history[requests.history_offsets[1:] - 1]


def _in_blocks(
  requests: Requests,
  num_items: int,
  of_all: Callable[[Requests], np.ndarray],
) -> np.ndarray:
  """Returns candidates' scores [n, C] from blocks of scores of all items."""
  scores = np.empty(requests.candidates.shape)
  step = max(1, BLOCK // num_items)
  for start in range(0, len(requests), step):
    some = requests.between(start, min(start + step, len(requests)))
    scores[start : start + step] = np.take_along_axis(
      of_all(some), np.maximum(some.candidates, 0), axis=1
    )
  return scores


# The names that users type and reports show.
BASELINES: dict[str, Baseline] = {
  "popularity": popularity,
  "random": random,
  "title_similarity": title_similarity,
  "repeat_label": repeat_label,
  "next_item": next_item,
  "bm25": bm25,
}
