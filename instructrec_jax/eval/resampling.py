"""Means of requests' figures, confidence intervals, and paired tests.

Each request has one row of figures. Sums are exact and rounded once. Resamples
draw counts of the distinct rows, which are sorted. So results are bit-identical
whatever the order of the requests and whichever host had them. Ranks among ten
candidates give at most ten distinct rows, so a thousand resamples of a million
requests take milliseconds.

Dimension letters: B requests, H distinct rows, M figures, R resamples.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping

import numpy as np

from instructrec_jax.errors import InputError

# Resamples are drawn in blocks of at most this many counts (64 MiB).
_BLOCK = 2**23
# The quantiles of the resampled figures that bound an interval.
_BOUNDS = 0.025, 0.975
# Sums that differ by less than this part of their terms count as equal.
_ROUNDING = 1e-12

Values = Mapping[str, np.ndarray]
# Maps the means of the columns (scalars, or arrays of one shape) to figures.
Figures = Callable[[Mapping[str, np.ndarray]], Mapping[str, np.ndarray]]


@dataclasses.dataclass(frozen=True)
class Estimate:
  """A figure over requests with its confidence interval."""

  value: float
  low: float
  high: float


def means(values: Values) -> dict[str, float]:
  """Returns the mean of each column.

  Args:
    values: float [B] by name.

  Raises:
    InputError: There is no request.
  """
  n = _count(values)
  return {
    name: math.fsum(np.asarray(column, np.float64).tolist()) / n
    for name, column in values.items()
  }


def estimates(
  values: Values,
  seed: int,
  figures: Figures = dict,
  resamples: int = 1000,
) -> dict[str, Estimate]:
  """Returns figures with their 95% percentile bootstrap intervals.

  If n requests are drawn with replacement, the counts of their distinct rows
  are multinomial with the observed shares (Efron and Tibshirani, 1993, section
  13.3). So the counts are drawn directly. All figures share the resamples.

  Args:
    values: float [B] by name.
    seed: Seed of the resamples.
    figures: Computes figures from the means of the columns, such as a root. By
      default the figures are the means.
    resamples: The number of resamples.

  Raises:
    InputError: There is no request.
  """
  exact = figures({name: np.float64(m) for name, m in means(values).items()})
  n = _count(values)
  rows_HxM, counts_H = _distinct(values)
  rng = np.random.default_rng(seed)
  block = max(1, _BLOCK // len(rows_HxM))
  means_RxM = np.concatenate(
    [
      rng.multinomial(n, counts_H / n, size=min(block, resamples - start))
      @ rows_HxM
      / n
      for start in range(0, resamples, block)
    ]
  )
  drawn = figures(dict(zip(values, means_RxM.T, strict=True)))
  return {
    name: Estimate(float(exact[name]), *np.quantile(column_R, _BOUNDS).tolist())
    for name, column_R in drawn.items()
  }


def paired_p_values(
  ours: Values, theirs: Values, seed: int, resamples: int = 10_000
) -> dict[str, float]:
  """Tests whether two systems differ, with a paired randomisation test.

  Under the null hypothesis the two figures of a request can be swapped (Fisher,
  1935; Smucker, Allan and Carterette, 2007, recommend it for retrieval). The
  p-value is the share of random swaps whose means differ at least as much as
  the observed ones. The observed assignment is counted, so it is never 0.

  Args:
    ours: float [B] by name.
    theirs: Figures of the other system, with requests in the same order.
    seed: Seed of the swaps.
    resamples: The number of random assignments drawn.

  Returns:
    The two-sided p-value by name.

  Raises:
    InputError: There is no request, or the numbers of requests differ.
  """
  n, other = _count(ours), _count(theirs)
  if n != other:
    raise InputError(
      "a paired test: expected figures of the same requests for both systems, "
      f"got {n} and {other} requests"
    )
  differences = {
    name: np.asarray(column_B, np.float64) - theirs[name]
    for name, column_B in ours.items()
  }
  rows_HxM, counts_H = _distinct(differences)
  # If a row occurs c times, k ~ binomial(c, 1/2) of them are swapped. Its sum
  # then is c - 2 k times the row.
  moving_H = rows_HxM.any(axis=1)
  rows_HxM, counts_H = rows_HxM[moving_H], counts_H[moving_H]
  observed_M = np.abs(counts_H @ rows_HxM)
  slack_M = _ROUNDING * (counts_H @ np.abs(rows_HxM))
  rng = np.random.default_rng(seed)
  block = max(1, _BLOCK // max(len(rows_HxM), 1))
  reached_M = np.zeros(len(ours), np.int64)
  for start in range(0, resamples, block):
    shape = (min(block, resamples - start), len(counts_H))
    swaps_RxH = rng.binomial(counts_H, 0.5, size=shape)
    sums_RxM = np.abs((counts_H - 2 * swaps_RxH) @ rows_HxM)
    reached_M += (sums_RxM >= observed_M - slack_M).sum(axis=0)
  p_values_M = (reached_M + 1) / (resamples + 1)
  return dict(zip(ours, p_values_M.tolist(), strict=True))


def _distinct(values: Values) -> tuple[np.ndarray, np.ndarray]:
  """Returns the distinct rows, float64 [H, M] ascending, and their counts."""
  rows_BxM = np.stack(list(values.values()), axis=1).astype(np.float64)
  return np.unique(rows_BxM, axis=0, return_counts=True)


def _count(values: Values) -> int:
  n = len(next(iter(values.values())))
  if not n:
    raise InputError("there is no request to measure")
  return n
