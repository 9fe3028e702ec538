"""Turns rankings that were read from answers into scores and figures.

Dimension letters: P orders, B requests, C candidates of the longest list.
"""

from collections.abc import Mapping

import numpy as np
import polars as pl

from instructrec_jax.baselines.asked.asking import OUTPUT, Reading
from instructrec_jax.eval import resampling
from instructrec_jax.eval.procedures import orders as order_effects
from instructrec_jax.teacher.protocol import FAULT, INSTANCE, NO_ANSWER

# What the orders of candidates change has these figures from two orders on.
_SEVERAL = 2


def points(answered: pl.DataFrame, orders_PxBxC: np.ndarray) -> np.ndarray:
  """Returns what each candidate gets in each order, float64 [P, B, C].

  The first of a ranking of n candidates gets n points, the next n - 1, and so
  on. A candidate that was not ranked gets none, so all such tie for last. The
  sum over orders is Borda's count.

  Args:
    answered: INSTANCE and OUTPUT, see `Questions.batches`.
    orders_PxBxC: columns in the order in which they were shown.
  """
  number = len(orders_PxBxC)
  counts_B = (orders_PxBxC[0] >= 0).sum(axis=1)
  points_PxBxC = np.where(orders_PxBxC >= 0, 0.0, -np.inf)
  rows = answered.select(INSTANCE, OUTPUT).drop_nulls()
  for question, ranking in rows.iter_rows():
    b, p = divmod(question, number)
    shown = np.array(ranking.split(), np.int64) - 1
    columns = orders_PxBxC[p, b, shown]
    points_PxBxC[p, b, columns] = counts_B[b] - np.arange(len(columns))
  return points_PxBxC


def further(
  reading: Reading,
  points_PxBxC: np.ndarray,
  gains_BxC: np.ndarray,
  seed: int,
) -> dict[str, resampling.Estimate]:
  """Returns what is to be known of the answers, with intervals.

  invalid_answers: the share of answers that are no ranking. partial_answers:
  the share of rankings that lack candidates. asked_again: the share of
  questions that were asked more than once. unranked: the share of questions
  without a ranking, all of whose candidates tie. From two orders on, also the
  figures of `orders.figures`.

  Args:
    reading: what has read the answers.
    points_PxBxC: see `points`.
    gains_BxC: the gain of each candidate.
    seed: of the intervals.
  """
  number, count, _ = points_PxBxC.shape
  mask_BxC = np.isfinite(points_PxBxC[0])
  ranked_PxB = (points_PxBxC > 0).sum(axis=2)
  columns = {
    "questions": np.full(count, float(number)),
    "answers": _by_request(reading.answers, number, count),
    "invalid": _by_request(reading.invalid, number, count),
    "again": _by_request(
      {q: n > 1 for q, n in reading.answers.items()}, number, count
    ),
    "rankings": (ranked_PxB > 0).sum(axis=0).astype(np.float64),
    "partial": (
      ((ranked_PxB > 0) & (ranked_PxB < mask_BxC.sum(axis=1)))
      .sum(axis=0)
      .astype(np.float64)
    ),
  }
  found = resampling.estimates(columns, seed, _rates)
  if number >= _SEVERAL:
    moved = order_effects.sensitivity(points_PxBxC, gains_BxC, mask_BxC)
    found |= resampling.estimates(moved, seed, order_effects.figures)
  return found


def _by_request(
  of_question: Mapping[int, float], number: int, count: int
) -> np.ndarray:
  """Returns sums over the questions of each request, float64 [B]."""
  sums_B = np.zeros(count)
  for question, value in of_question.items():
    sums_B[question // number] += value
  return sums_B


def _rates(means: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
  with np.errstate(invalid="ignore", divide="ignore"):
    return {
      "invalid_answers": means["invalid"] / means["answers"],
      "partial_answers": means["partial"] / means["rankings"],
      "asked_again": means["again"] / means["questions"],
      "unranked": 1 - means["rankings"] / means["questions"],
    }


def without_answer(answered: pl.DataFrame) -> dict[str, int]:
  """Returns how many questions got no response, by reason."""
  silent = answered.filter(pl.col(FAULT).str.starts_with(NO_ANSWER))
  return dict(silent[FAULT].value_counts(sort=True).iter_rows())
