"""Results of made-up systems, for reports."""

import re

import numpy as np

from instructrec_jax.eval.predictions import Predictions
from instructrec_jax.eval.recording import results

N = 60


def evaluated(folder, system, skill, n=N, width=10, shift=0, **description):
  """Writes a result of `n` requests; more skill ranks the positive higher."""
  rng = np.random.default_rng(0)
  candidates = np.argsort(rng.random((N, 30)), axis=1)[:n, :width] + shift
  scores = np.random.default_rng(len(system)).standard_normal((N, width))[:n]
  place = rng.integers(0, width, N)[:n]
  rows = np.arange(n)
  scores[rows, place] += skill
  predictions = Predictions.of(
    rows, rows, candidates[rows, place], candidates, scores
  )
  description = {
    "dataset": "demo",
    "task": None,
    "split": "test",
    "seed": 0,
  } | description
  result = results.Result.of(predictions, system=system, **description)
  results.write(folder, result, predictions)
  return folder


def row_of(table, label):
  lines = table.splitlines()
  return next(line for line in lines if re.match(rf"{label}\b", line))
