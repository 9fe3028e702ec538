"""Expected metrics of random guessing, by formula.

A guess ranks the items of a request in a uniformly random order, so each of the
R relevant items among C is at each place with probability 1 / C. An expectation
depends on C, R and, for NDCG, the gains. It does not depend on any ranking.

Dimension letters: B requests, S distinct pairs of C and R, P places.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

from instructrec_jax.eval import metrics
from instructrec_jax.eval.metrics import Outcomes


def expected(
  outcomes: Outcomes, names: Sequence[str] | None = None
) -> dict[str, float]:
  """Returns the mean of each metric that random guessing is expected to reach.

  Args:
    outcomes: The requests. Their ranks are not used.
    names: Metrics, as in `metrics.measure`.

  Raises:
    InputError: A name is unknown.
  """
  pairs_Sx2, which_B = np.unique(
    np.stack([outcomes.sizes, outcomes.relevant], axis=1),
    axis=0,
    return_inverse=True,
  )
  means = {}
  for name in metrics.names_for(outcomes) if names is None else names:
    family, k = metrics.parse(name)
    pairs = pairs_Sx2.tolist()
    if k is None:
      values_B = np.array([WHOLE[family](c, r) for c, r in pairs])[which_B]
    elif family == "ndcg":
      values_B = _ndcg(outcomes, k)
    else:
      values_B = np.array([AT_K[family](c, r, k) for c, r in pairs])[which_B]
    means[name] = math.fsum(values_B.tolist()) / outcomes.n
  return means


def _ndcg(outcomes: Outcomes, k: int) -> np.ndarray:
  """Uses that the expected gain at each place is the mean gain: float64 [B]."""
  discounts = metrics.discounts_to(k)
  total_B = np.cumsum(discounts)[np.minimum(k, outcomes.sizes) - 1]
  shown_E = outcomes.places <= k
  ideal_B = np.bincount(
    outcomes.requests[shown_E],
    outcomes.ideal[shown_E] * discounts[outcomes.places[shown_E] - 1],
    minlength=outcomes.n,
  )
  gain_B = outcomes.sum_by_request(outcomes.gains) / outcomes.sizes
  return gain_B * total_B / ideal_B


def _hit_rate(c: int, r: int, k: int) -> float:
  return float(1.0 - _none_before(c, r)[min(k, c)])


def _precision(c: int, r: int, k: int) -> float:
  return min(k, c) / k * r / c


def _recall(c: int, r: int, k: int) -> float:
  return min(k, c) / c


def _reciprocal_rank(c: int, r: int) -> float:
  # Place p holds the first relevant item if none is before and one is there.
  places_P = np.arange(1, c + 1)
  here_P = _none_before(c, r)[:-1] - _none_before(c, r)[1:]
  return float((here_P / places_P).sum())


def _average_precision(c: int, r: int) -> float:
  # Of the other relevant ones, (p - 1) (R - 1) / (C - 1) are before place p.
  places_P = np.arange(1, c + 1)
  others_P = (places_P - 1) * (r - 1) / max(c - 1, 1)
  return float(((1 + others_P) / places_P).sum() / c)


def _auc(c: int, r: int) -> float:
  return 1.0 if r == c else 0.5


def _none_before(c: int, r: int) -> np.ndarray:
  """Returns the chance that the first p places hold no relevant item, [c + 1].

  The next place then holds one with probability R / (C - p).
  """
  places_P = np.arange(c)
  left_P = np.maximum(c - r - places_P, 0) / (c - places_P)
  return np.concatenate([[1.0], np.cumprod(left_P)])


AT_K: dict[str, Callable[[int, int, int], float]] = {
  "hr": _hit_rate,
  "precision": _precision,
  "recall": _recall,
}
WHOLE: dict[str, Callable[[int, int], float]] = {
  "mrr": _reciprocal_rank,
  "map": _average_precision,
  "auc": _auc,
}
