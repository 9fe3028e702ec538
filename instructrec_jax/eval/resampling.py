"""Means of requests' figures, how sure they are, and whether two differ.

Whatever is measured is one row of figures a request. Sums are exact, rounded
once, and draws are over the distinct rows in ascending order, of which there
is a whole number each: so neither depends, to the last bit, on the order of
the requests or on which host had which. Where every figure follows from the
rank among ten candidates there are ten distinct rows, so that a thousand
resamples of a million requests take milliseconds.

Dimension letters: B requests, H distinct rows, M figures, R resamples.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping

import numpy as np

from instructrec_jax.errors import InputError

# Resamples are drawn in blocks of at most this many counts (64 MiB).
_BLOCK = 2**23
# An interval holds the share between these of the resampled figures.
_BOUNDS = 0.025, 0.975
# Sums that differ by less than this part of their terms are taken for equal.
_ROUNDING = 1e-12

Values = Mapping[str, np.ndarray]
# From the means of the columns, scalars or arrays of one shape, to figures.
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
    InputError: there is no request.
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

  Drawing n requests with replacement makes the counts of their distinct rows
  multinomial with the observed shares, so the counts are drawn at once: the
  same distribution as drawing requests one by one (Efron and Tibshirani, 1993,
  section 13.3). All figures see the same resamples.

  Args:
    values: float [B] by name.
    seed: of the resamples; the same values and seed give the same interval.
    figures: what follows from the means of the columns, such as a root; by
      default the means themselves.
    resamples: how many.

  Raises:
    InputError: there is no request.
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
  """Tests whether two systems differ, by randomisation within requests.

  If they did not, each request's two figures might as well have been swapped
  (Fisher, 1935; Smucker, Allan and Carterette, 2007, recommend it for
  retrieval). The answer is the share of random swaps that bring the means at
  least as far apart as they are, either way, the one observed counted in: so
  it is never 0.

  Args:
    ours: float [B] by name.
    theirs: the same of the other system, requests in the same order.
    seed: of the swaps.
    resamples: how many are drawn.

  Returns:
    The two-sided p-value by name.

  Raises:
    InputError: there is no request, or not the same number of both.
  """
  n, other = _count(ours), _count(theirs)
  if n != other:
    raise InputError(
      f"a paired test takes figures of the same requests, got {n} and {other}"
    )
  differences = {
    name: np.asarray(column_B, np.float64) - theirs[name]
    for name, column_B in ours.items()
  }
  rows_HxM, counts_H = _distinct(differences)
  # Of a row that occurs c times, k ~ binomial(c, 1/2) are swapped, which
  # changes the sum from c to c - 2 k times the row.
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
    raise InputError("there is no request to measure: 0 were scored")
  return n
