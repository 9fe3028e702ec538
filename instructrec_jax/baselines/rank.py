"""Baselines, evaluated on the same requests as any model."""

import dataclasses
import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from instructrec_jax import errors
from instructrec_jax.baselines.systems import BASELINES, BLOCK
from instructrec_jax.baselines.world import World
from instructrec_jax.data import names, ragged
from instructrec_jax.data.records import read, sampling
from instructrec_jax.data.records.requests import Requests
from instructrec_jax.data.records.seen import Seen
from instructrec_jax.eval.predictions import RANKED, Predictions
from instructrec_jax.eval.recording import results

# The splits whose records have candidates.
SPLITS = ("validation", "test")
# The number of items recommended from a catalogue for a request.
_KEPT = 10


def evaluate_baseline(
  data_dir: str | Path,
  dataset: str,
  split: str,
  baseline: str,
  out: str | Path,
  seed: int = 0,
  rank: str = "candidates",
  exclude_history: bool = True,
  query: str | None = None,
  vectors: str | None = None,
  num_requests: int | None = None,
  sample_seed: int = 0,
  planted: str | os.PathLike | None = None,
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
    query: The text of a record that is its query, see `World.query`. If it is
      named, requests without it are left out and counted.
    vectors: The text vectors of items, see `World.vectors_path`.
    num_requests: Requests to draw from the split. All by default.
    sample_seed: Draws them.
    planted: The folder of a simulated domain, see `World.planted`.

  Returns:
    The result, as written.

  Raises:
    InputError: A name is unknown, there are no records, or they lack what the
      baseline needs.
  """
  if baseline not in BASELINES:
    raise errors.unknown("baseline", baseline, BASELINES)
  if split not in SPLITS:
    raise errors.unknown("split with candidates", split, SPLITS)
  if rank not in RANKED:
    raise errors.unknown("choice of what to rank", rank, RANKED)
  requests = Requests.load(data_dir, dataset, split)
  sample = None
  if num_requests is not None:
    sample = {"num_requests": num_requests, "seed": sample_seed}
    drawn = sampling.drawn(requests.instance, **sample)
    requests = requests.take(np.isin(requests.instance, drawn))
  world = World(data_dir, dataset, split, query, vectors, planted)
  skipped = {}
  if query is not None:
    every, requests = len(requests), world.with_query(requests)
    if len(requests) < every:
      skipped = {f"without a {query}": every - len(requests)}
  score = functools.partial(BASELINES[baseline], world)
  if rank == "candidates":
    predictions = of_candidates(requests, score(requests, seed))
  else:
    seen = Seen.nothing(len(requests))
    if exclude_history:
      seen = Seen.of(
        names.records_dir(data_dir, dataset),
        split,
        requests.instance,
        requests.relevant_items,
      )
    predictions = rank_catalogue(
      score, requests, seen, world.items.height, seed
    )
  if world.has_read_vectors:
    print(f"text vectors: {world.vectors_name}", file=sys.stderr)
  return write(
    predictions,
    out,
    system=baseline,
    dataset=dataset,
    split=split,
    seed=seed,
    ordered=requests.ordered,
    sample=sample,
    skipped=skipped,
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
  block = max(1, BLOCK // num_items)
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


def of_candidates(requests: Requests, scores: np.ndarray) -> Predictions:
  """Returns the predictions of candidates' scores.

  Args:
    requests: n requests.
    scores: float [n, C], in the order of the candidates.

  Raises:
    InputError: The scores do not match the requests.
  """
  here = requests.candidates != read.ABSENT
  return Predictions.of(
    requests.instance,
    requests.user,
    requests.relevant_items,
    [row[some] for row, some in zip(requests.candidates, here, strict=True)],
    np.where(here, scores, -np.inf),
  )


def write(
  predictions: Predictions, out: str | os.PathLike, **description: Any
) -> results.Result:
  """Measures the predictions of a system that reads records, and writes them.

  Args:
    predictions: Its predictions.
    out: The folder for metrics.json and predictions.jsonl.
    **description: Fields of a `results.Result`: system, dataset, split, seed,
      ordered and, if they apply, step and sample.

  Returns:
    The result, as written.
  """
  result = results.Result.of(predictions, task=None, **description)
  results.write(out, result, predictions)
  return result
