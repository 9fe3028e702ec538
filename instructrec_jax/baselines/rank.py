"""Baselines, measured over the same requests as any model.

A baseline is a function of the catalogue, the requests and a seed, and a row of
`BASELINES`; see `Baseline` for what it is given.
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
    """Returns float64 [n, C], in the order of the candidates; more is better.

    Args:
      catalogue: the items table with train_count; the row is the item's code.
      requests: n of a split.
      seed: of whatever it draws.
    """


def random(
  catalogue: pl.DataFrame, requests: Requests, seed: int
) -> np.ndarray:
  """Draws each score: chance, as one sample of it turns out."""
  del catalogue
  return names.generator(seed, "baselines", "random").random(
    requests.candidates.shape
  )


def popularity(
  catalogue: pl.DataFrame, requests: Requests, seed: int
) -> np.ndarray:
  """Counts how often each candidate was taken in the training part.

  Equally popular candidates stay tied, which the metrics decide against us.
  """
  del seed
  count_I = catalogue["train_count"].to_numpy().astype(np.float64)
  return count_I[requests.candidates]


# The names that users type and reports show.
BASELINES: dict[str, Baseline] = {"popularity": popularity, "random": random}
# The splits whose records have candidates.
SPLITS = ("validation", "test")
# Items of a catalogue that are recommended for a request.
_KEPT = 10
# Scores that are looked at together (128 MiB).
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
  """Scores a split with a baseline, and writes what an evaluation writes.

  Args:
    data_dir: the folder of all datasets.
    dataset: its short name; its records must be there.
    split: one of `SPLITS`.
    baseline: a key of `BASELINES`.
    out: folder for metrics.json and predictions.jsonl.
    seed: of the bootstrap, and of a baseline that draws.
    rank: the "candidates", or the whole "catalogue", of which the ten best are
      written; what is not among them counts as the last.
    exclude_history: of the catalogue, whether to leave out what a request's
      user has had before.

  Returns:
    The result, as written.

  Raises:
    InputError: an unknown name, or there are no records.
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
  return _write(predictions, dataset, split, baseline, out, seed)


def rank_catalogue(
  score: Callable[[Requests, int], np.ndarray],
  requests: Requests,
  seen: Seen,
  num_items: int,
  seed: int = 0,
) -> Predictions:
  """Ranks all items for every request.

  Args:
    score: as a baseline, with its catalogue bound; it is called with some of
      the requests at a time, the whole catalogue as their candidates, and each
      time another seed.
    requests: of a split.
    seen: items that are left out of each request.
    num_items: size of the catalogue.
    seed: of what it draws.

  Returns:
    The best few of each request, and how many were ranked.
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
    # A target that ties with what is cut off must not be in front of it.
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
  """Measures scores of a whole split, wherever they come from, and writes it.

  Args:
    requests: of a split.
    scores: float [n, C], in the order of the candidates.
    dataset: the records' dataset.
    split: one of `SPLITS`.
    system: the name that tables show.
    out: folder for metrics.json and predictions.jsonl.
    seed: of the bootstrap.

  Returns:
    The result, as written.

  Raises:
    InputError: the scores do not fit the requests.
  """
  here = requests.candidates != read.ABSENT
  predictions = Predictions.of(
    requests.instance,
    requests.user,
    requests.relevant_items,
    [row[some] for row, some in zip(requests.candidates, here, strict=True)],
    np.where(here, scores, -np.inf),
  )
  return _write(predictions, dataset, split, system, out, seed)


def _write(
  predictions: Predictions,
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
  )
  results.write(out, result, predictions)
  return result
