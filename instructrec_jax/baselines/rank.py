"""Baselines, evaluated on the same requests as any model.

A baseline is a function of the catalogue, the requests and a seed, and a row of
`BASELINES`; see `Baseline` for its arguments.
"""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
import polars as pl

from instructrec_jax import errors
from instructrec_jax.data import names, ragged
from instructrec_jax.data.records import read
from instructrec_jax.data.records.requests import Requests
from instructrec_jax.data.records.seen import Seen
from instructrec_jax.eval.predictions import RANKED, Predictions
from instructrec_jax.eval.recording import results


class Baseline(Protocol):
  """Scores the candidates of requests."""

  def __call__(
    self,
    catalogue: pl.DataFrame,
    requests: Requests,
    seed: int,
    /,
  ) -> np.ndarray:
    """Returns scores, float64 [n, C] in candidates' order; greater is better.

    Args:
      catalogue: The items table with train_count. A row is the item's code.
      requests: n requests of a split.
      seed: Seed of random numbers.
    """


def random(
  catalogue: pl.DataFrame, requests: Requests, seed: int
) -> np.ndarray:
  """Draws each score at random."""
  del catalogue
  return names.generator(seed, "baselines", "random").random(
    requests.candidates.shape
  )


def popularity(
  catalogue: pl.DataFrame, requests: Requests, seed: int
) -> np.ndarray:
  """Counts how often each candidate was chosen in the training part.

  Equally popular candidates tie. Metrics count ties against the system.
  """
  del seed
  count_I = catalogue["train_count"].to_numpy().astype(np.float64)
  return count_I[requests.candidates]


# The names that users type and reports show.
BASELINES: dict[str, Baseline] = {"popularity": popularity, "random": random}
# The splits whose records have candidates.
SPLITS = ("validation", "test")
# The number of items recommended from a catalogue for a request.
_KEPT = 10
# The number of scores held at a time (128 MiB).
_BLOCK = 2**24


def evaluate_baseline(
  data_dir: str | Path,
  dataset: str,
  split: str,
  baseline: str,
  out: str | Path,
  seed: int = 0,
  rank: str = "candidates",
  exclude_history: bool = True,
) -> results.Result:
  """Scores a split with a baseline, and writes the results.

  Args:
    data_dir: The folder of all datasets.
    dataset: The dataset's short name. Its records must exist.
    split: One of `SPLITS`.
    baseline: A key of `BASELINES`.
    out: The folder for metrics.json and predictions.jsonl.
    seed: Seed of the bootstrap, and of a random baseline.
    rank: "candidates", or "catalogue" to rank all items. The ten best are then
      written, and all others rank last.
    exclude_history: Whether a ranking of the catalogue excludes the items of
      the user's history.

  Returns:
    The result, as written.

  Raises:
    InputError: A name is unknown, or there are no records.
  """
  if baseline not in BASELINES:
    raise errors.unknown("baseline", baseline, BASELINES)
  if split not in SPLITS:
    raise errors.unknown("split with candidates", split, SPLITS)
  if rank not in RANKED:
    raise errors.unknown("choice of what to rank", rank, RANKED)
  requests = Requests.load(data_dir, dataset, split)
  catalogue = read.load_catalogue(data_dir, dataset)
  if rank == "candidates":
    scores = BASELINES[baseline](catalogue, requests, seed)
    return write_scores(requests, scores, dataset, split, baseline, out, seed)
  seen = Seen.nothing(len(requests))
  if exclude_history:
    seen = Seen.of(
      names.records_dir(data_dir, dataset),
      split,
      requests.instance,
      requests.relevant_items,
    )
  predictions = rank_catalogue(
    functools.partial(BASELINES[baseline], catalogue),
    requests,
    seen,
    catalogue.height,
    seed,
  )
  return _write(
    predictions, requests.ordered, dataset, split, baseline, out, seed
  )


def rank_catalogue(
  score: Callable[[Requests, int], np.ndarray],
  requests: Requests,
  seen: Seen,
  num_items: int,
  seed: int = 0,
) -> Predictions:
  """Ranks all items for every request.

  Args:
    score: A baseline with its catalogue bound. It is called with blocks of
      requests, with the whole catalogue as candidates, and with a new seed each
      time.
    requests: The requests of a split.
    seen: The items that each request excludes.
    num_items: The size of the catalogue.
    seed: Seed of random numbers.

  Returns:
    The best items of each request, and the number of items ranked.
  """
  n = seen.n
  codes, scores = np.full((n, _KEPT), -1), np.full((n, _KEPT), -np.inf)
  block = max(1, _BLOCK // num_items)
  relevant = requests.relevant_items
  for start in range(0, n, block):
    end = min(start + block, n)
    every_item = np.broadcast_to(np.arange(num_items), (end - start, num_items))
    some = dataclasses.replace(
      requests.between(start, end), candidates=every_item
    )
    given = np.array(score(some, seed + start), np.float64)
    here = (seen.rows >= start) & (seen.rows < end)
    given[seen.rows[here] - start, seen.items[here]] = -np.inf
    # A target that ties with an item that is cut off must not rank above it.
    is_target = np.zeros(given.shape, bool)
    lengths = [len(codes) for codes in relevant[start:end]]
    is_target[
      np.repeat(np.arange(end - start), lengths),
      np.concatenate(relevant[start:end]),
    ] = True
    rows, items = ragged.best(given, _KEPT, is_target)
    place = ragged.places(rows, end - start)
    codes[start + rows, place] = items
    scores[start + rows, place] = given[rows, items]
  return Predictions.of(
    requests.instance,
    requests.user,
    relevant,
    [row[row >= 0] for row in codes],
    scores,
    sizes=num_items - seen.counts(),
  )


def write_scores(
  requests: Requests,
  scores: np.ndarray,
  dataset: str,
  split: str,
  system: str,
  out: str | Path,
  seed: int = 0,
) -> results.Result:
  """Measures scores of a whole split from any source, and writes the result.

  Args:
    requests: The requests of a split.
    scores: float [n, C], in the order of the candidates.
    dataset: The records' dataset.
    split: One of `SPLITS`.
    system: The name that tables show.
    out: The folder for metrics.json and predictions.jsonl.
    seed: Seed of the bootstrap.

  Returns:
    The result, as written.

  Raises:
    InputError: The scores do not match the requests.
  """
  here = requests.candidates != read.ABSENT
  predictions = Predictions.of(
    requests.instance,
    requests.user,
    requests.relevant_items,
    [row[some] for row, some in zip(requests.candidates, here, strict=True)],
    np.where(here, scores, -np.inf),
  )
  return _write(
    predictions, requests.ordered, dataset, split, system, out, seed
  )


def _write(
  predictions: Predictions,
  ordered: bool,
  dataset: str,
  split: str,
  system: str,
  out: str | Path,
  seed: int,
) -> results.Result:
  """Measures predictions, and writes them."""
  result = results.Result.of(
    predictions,
    system=system,
    dataset=dataset,
    task=None,
    split=split,
    seed=seed,
    ordered=ordered,
  )
  results.write(out, result, predictions)
  return result
