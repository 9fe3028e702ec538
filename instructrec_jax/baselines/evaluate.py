"""Measures baselines over the same requests as any model."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import polars as pl

from instructrec_jax import errors
from instructrec_jax.baselines import untrained
from instructrec_jax.data import records
from instructrec_jax.eval import results
from instructrec_jax.eval.predictions import Predictions

Baseline = Callable[[pl.DataFrame, Mapping[str, np.ndarray], int], np.ndarray]

BASELINES: dict[str, Baseline] = {
  "popularity": untrained.popularity,
  "random": untrained.random,
}
# The splits whose records have candidates.
SPLITS = ("validation", "test")


def evaluate_baseline(
  data_dir: str | Path,
  dataset: str,
  split: str,
  baseline: str,
  out: str | Path,
  seed: int = 0,
) -> results.Result:
  """Scores a split with a baseline, and writes what an evaluation writes.

  Args:
    data_dir: the folder of all datasets.
    dataset: its short name; its records must be there.
    split: one of `SPLITS`.
    baseline: a key of `BASELINES`.
    out: folder for metrics.json and predictions.jsonl.
    seed: of the bootstrap, and of a baseline that draws.

  Returns:
    The result, as written.

  Raises:
    InputError: an unknown name, or there are no records.
  """
  if baseline not in BASELINES:
    raise errors.unknown("baseline", baseline, BASELINES)
  if split not in SPLITS:
    raise errors.unknown("split with candidates", split, SPLITS)
  requests = records.load_split(data_dir, dataset, split)
  catalogue = records.load_catalogue(data_dir, dataset)
  scores = BASELINES[baseline](catalogue, requests, seed)
  return write_scores(requests, scores, dataset, split, baseline, out, seed)


def write_scores(
  requests: Mapping[str, np.ndarray],
  scores: np.ndarray,
  dataset: str,
  split: str,
  system: str,
  out: str | Path,
  seed: int = 0,
) -> results.Result:
  """Measures scores of a whole split, wherever they come from, and writes it.

  Args:
    requests: as `records.load_split` returns them.
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
  columns = (
    requests[name] for name in ("instance", "user", "target", "candidates")
  )
  predictions = Predictions.of(*columns, scores)
  result = results.Result.of(
    predictions,
    system=system,
    dataset=dataset,
    task=None,
    split=split,
    seed=seed,
  )
  results.write(Path(out), result, predictions)
  return result
