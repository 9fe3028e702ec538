"""Ranking metrics of requests with one or several relevant candidates.

Every metric is a function of the ranks of the relevant candidates and of the
number of candidates; `Outcomes` holds both. Ties count against the system. A
request's figures are computed from its own outcome in a fixed order of
additions, so they are bit-identical whatever other requests are measured with
it. `resampling` adds them up.

Dimension letters: B requests, C candidates, E relevant candidates of all
requests together.
"""

import dataclasses
import functools
import re
from collections.abc import Callable, Sequence

import numpy as np

from instructrec_jax.errors import InputError, unknown

# The default metrics. With one relevant candidate a request, precision and
# recall add nothing to the hit rate, nor MAP to the reciprocal rank.
ONE_RELEVANT = (
  "hr@1", "hr@3", "hr@5", "hr@10", "ndcg@3", "ndcg@5", "ndcg@10", "mrr",
)  # fmt: skip
SEVERAL_RELEVANT = (
  "hr@1", "precision@5", "recall@5", "recall@10", "ndcg@5", "ndcg@10", "map",
  "mrr", "auc",
)  # fmt: skip


# An array of K numbers is made, so K is below a million.
_K = re.compile("[1-9][0-9]{0,5}")


@dataclasses.dataclass(frozen=True)
class Outcomes:
  """The ranks of each request's relevant candidates.

  Attributes:
    sizes: int64 [B], the number of items ranked.
    requests: int64 [E], the request of each relevant candidate, ascending.
    ranks: int64 [E], its rank from 1, ascending within a request.
    gains: float64 [E], its gain, above 0.
  """

  sizes: np.ndarray
  requests: np.ndarray
  ranks: np.ndarray
  gains: np.ndarray

  @classmethod
  def of(
    cls,
    scores_BxC: np.ndarray,
    gains_BxC: np.ndarray,
    mask_BxC: np.ndarray | None = None,
    sizes_B: np.ndarray | None = None,
  ) -> "Outcomes":
    """Ranks candidates by their scores. Every doubt counts against the system.

    Among equal scores, the candidate with the lower gain ranks higher. A score
    of NaN ranks first for an irrelevant candidate and last for a relevant one.
    A scorer that gives every candidate the same score gets the worst ranking.

    Args:
      scores_BxC: Scores, greater is better. Any real dtype; may be infinite.
      gains_BxC: The gain of each candidate. 0 means that it is not relevant.
      mask_BxC: True where there is a candidate. None means everywhere.
      sizes_B: The number of items ranked, if the candidates are only the best
        of them. All others then have the score -inf and are not relevant. None
        means that the candidates are all items.

    Raises:
      InputError: The shapes do not match, a gain is negative or not finite, a
        request has no relevant candidate, or a size is too small.
    """
    scores_BxC, gains_BxC = _checked(scores_BxC, gains_BxC, mask_BxC)
    n, width = scores_BxC.shape
    # Ascending from the best. Absent candidates come last.
    keys_BxC = -scores_BxC
    nan_BxC = np.isnan(keys_BxC)
    if nan_BxC.any():
      keys_BxC[nan_BxC] = np.where(gains_BxC[nan_BxC] > 0, np.inf, -np.inf)
    if mask_BxC is None:
      present_B = np.full(n, width)
    else:
      keys_BxC[~mask_BxC] = np.inf
      present_B = np.count_nonzero(mask_BxC, axis=1)
    if sizes_B is None:
      sizes_B = present_B
    elif (sizes_B < present_B).any():
      row = int((sizes_B < present_B).argmax())
      raise InputError(
        f"size of row {row}: expected at least its {present_B[row]} "
        f"candidates, got {sizes_B[row]}"
      )
    requests_E, columns_E = np.divmod(
      np.flatnonzero(gains_BxC > 0), max(width, 1)
    )
    _check_found(requests_E, n)
    own_E = keys_BxC[requests_E, columns_E]
    # The last place among equal scores. A score of -inf ties with every item
    # that is not among the candidates.
    places_E = np.where(
      own_E == np.inf,
      sizes_B[requests_E],
      _not_greater(np.sort(keys_BxC, axis=1), requests_E, own_E),
    )
    levels_V, level_E = np.unique(
      gains_BxC[requests_E, columns_E], return_inverse=True
    )
    # Request, place and gain as one number, because that sorts fast.
    stride = int(sizes_B.max(initial=0)) + 1
    order_E = (requests_E * stride + places_E) * len(levels_V) + level_E
    order_E.sort()
    group_E, level_E = np.divmod(order_E, len(levels_V))
    requests_E, places_E = np.divmod(group_E, stride)
    return cls(
      sizes=sizes_B.astype(np.int64),
      requests=requests_E,
      ranks=places_E - _followers(group_E),
      gains=levels_V[level_E],
    )

  @property
  def n(self) -> int:
    """The number of requests."""
    return len(self.sizes)

  @functools.cached_property
  def relevant(self) -> np.ndarray:
    """How many candidates are relevant, int64 [B], at least 1."""
    return np.bincount(self.requests, minlength=self.n)

  @functools.cached_property
  def firsts(self) -> np.ndarray:
    """The index in [E] of each request's best relevant candidate, int64 [B]."""
    return np.cumsum(self.relevant) - self.relevant

  @functools.cached_property
  def places(self) -> np.ndarray:
    """Its place among the relevant ones of its request, int64 [E] from 1."""
    return np.arange(len(self.ranks)) - self.firsts[self.requests] + 1

  @functools.cached_property
  def ideal(self) -> np.ndarray:
    """The gains, greatest first within a request, float64 [E]."""
    levels_V, level_E = np.unique(self.gains, return_inverse=True)
    key_E = (self.requests + 1) * len(levels_V) - level_E
    return levels_V[-np.sort(key_E) % len(levels_V)]

  @property
  def first_ranks(self) -> np.ndarray:
    """The rank of each request's best relevant candidate, int64 [B]."""
    return self.ranks[self.firsts]

  def sum_by_request(self, values_E: np.ndarray) -> np.ndarray:
    """Adds up each request's values, in the order of its ranks: float64 [B]."""
    return np.bincount(self.requests, values_E, minlength=self.n)


def hit_rate(outcomes: Outcomes, k: int) -> np.ndarray:
  """Returns 1.0 where a relevant candidate is among the first `k`, else 0.0."""
  return (outcomes.first_ranks <= k).astype(np.float64)


def precision(outcomes: Outcomes, k: int) -> np.ndarray:
  """Returns the share of the first `k` places with a relevant candidate."""
  return outcomes.sum_by_request(outcomes.ranks <= k) / k


def recall(outcomes: Outcomes, k: int) -> np.ndarray:
  """Returns the share of the relevant candidates among the first `k`."""
  return outcomes.sum_by_request(outcomes.ranks <= k) / outcomes.relevant


def ndcg(outcomes: Outcomes, k: int) -> np.ndarray:
  """Returns the discounted cumulative gain, divided by the ideal one.

  A gain at rank r <= k counts gain / log2(1 + r) (Järvelin and Kekäläinen,
  2002), as in trec_eval. Gains of 1 give binary NDCG, other gains graded NDCG;
  gains of 2^grade - 1 give the form of Burges et al., 2005. The ideal ranking
  has the relevant candidates first, in descending order of their gains.
  """
  discounts = discounts_to(k)

  def dcg(ranks_E: np.ndarray, gains_E: np.ndarray) -> np.ndarray:
    shown_E = ranks_E <= k
    return np.bincount(
      outcomes.requests[shown_E],
      gains_E[shown_E] * discounts[ranks_E[shown_E] - 1],
      minlength=outcomes.n,
    )

  return dcg(outcomes.ranks, outcomes.gains) / dcg(
    outcomes.places, outcomes.ideal
  )


def reciprocal_rank(outcomes: Outcomes) -> np.ndarray:
  """Returns 1 / rank of the best relevant candidate."""
  return 1.0 / outcomes.first_ranks


def average_precision(outcomes: Outcomes) -> np.ndarray:
  """Returns the mean precision at the ranks of the relevant candidates.

  Its mean over requests is MAP, as in trec_eval.
  """
  return (
    outcomes.sum_by_request(outcomes.places / outcomes.ranks)
    / outcomes.relevant
  )


def auc(outcomes: Outcomes) -> np.ndarray:
  """Returns the share of pairs whose relevant candidate ranks higher.

  A pair is a relevant candidate and another. Equal scores count as wrong. If
  all candidates are relevant there is no pair, and AUC is 1.
  """
  others_B = outcomes.sizes - outcomes.relevant
  pairs_B = outcomes.relevant * others_B
  wrong_B = outcomes.sum_by_request(outcomes.ranks - outcomes.places)
  return 1.0 - wrong_B / np.maximum(pairs_B, 1)


def discounts_to(k: int) -> np.ndarray:
  """Returns 1 / log2(1 + r) for the ranks r from 1 to `k`, float64 [k]."""
  return 1.0 / np.log2(np.arange(2, k + 2))


# Metrics of the first K places, e.g. "hr@10", and of the whole ranking.
AT_K: dict[str, Callable[[Outcomes, int], np.ndarray]] = {
  "hr": hit_rate,
  "precision": precision,
  "recall": recall,
  "ndcg": ndcg,
}
WHOLE: dict[str, Callable[[Outcomes], np.ndarray]] = {
  "mrr": reciprocal_rank,
  "map": average_precision,
  "auc": auc,
}


def parse(name: str) -> tuple[str, int | None]:
  """Parses a metric, e.g. "ndcg@10" as ("ndcg", 10), "mrr" as ("mrr", None).

  Raises:
    InputError: There is no such metric.
  """
  family, _, k = name.partition("@")
  if name in WHOLE:
    return name, None
  if family in AT_K and _K.fullmatch(k):
    return family, int(k)
  raise unknown("metric", name, [*(f"{f}@K" for f in AT_K), *WHOLE])


def measure(
  outcomes: Outcomes, names: Sequence[str] | None = None
) -> dict[str, np.ndarray]:
  """Returns each metric for each request, float64 [B] by name.

  Args:
    outcomes: The requests.
    names: Metrics, e.g. "ndcg@10" for any K. `names_for` by default.

  Raises:
    InputError: A name is unknown.
  """
  values = {}
  for name in names_for(outcomes) if names is None else names:
    family, k = parse(name)
    values[name] = (
      WHOLE[family](outcomes) if k is None else AT_K[family](outcomes, k)
    )
  return values


def names_for(outcomes: Outcomes) -> tuple[str, ...]:
  """Returns the default metrics for these requests."""
  if (outcomes.relevant == 1).all():
    return ONE_RELEVANT
  return SEVERAL_RELEVANT


def _checked(
  scores: np.ndarray, gains: np.ndarray, mask: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
  """Checks scores and gains, and returns them as floating point."""
  scores = np.asarray(scores)
  if scores.ndim != 2 or not np.can_cast(scores.dtype, np.float64, "same_kind"):
    raise InputError(
      "scores: expected real numbers of shape [requests, candidates], got "
      f"{scores.dtype} of shape {list(scores.shape)}"
    )
  if scores.dtype.kind != "f":
    scores = scores.astype(np.float64)
  gains = np.asarray(gains, dtype=np.float64)
  for name, array in (("gains", gains), ("mask", mask)):
    if array is not None and np.shape(array) != scores.shape:
      raise InputError(
        f"{name}: expected the shape of the scores {list(scores.shape)}, got "
        f"{list(np.shape(array))}"
      )
  # A comparison with NaN is false.
  if gains.size and not (gains.min() >= 0 and gains.max() < np.inf):
    row, column = np.argwhere(~(gains >= 0) | (gains == np.inf))[0]
    raise InputError(
      f"gain of row {row}, column {column}: expected a finite number, 0 or "
      f"more, got {gains[row, column]}"
    )
  if mask is not None and gains[~mask].any():
    row, column = np.argwhere((gains > 0) & ~mask)[0]
    raise InputError(
      f"gain of row {row}, column {column}: expected 0, because the mask has "
      f"no candidate there, got {gains[row, column]}"
    )
  return scores, gains


def _check_found(requests_E: np.ndarray, n: int) -> None:
  found_B = np.bincount(requests_E, minlength=n)
  if not found_B.all():
    raise InputError(
      f"row {int(found_B.argmin())}: expected a relevant candidate, got none"
    )


def _not_greater(
  sorted_BxC: np.ndarray, rows_E: np.ndarray, values_E: np.ndarray
) -> np.ndarray:
  """Counts the numbers of a sorted row that are not greater than a value.

  NumPy's searchsorted takes one row. This bisects all rows at once.
  """
  left = sorted_BxC.shape[1]
  flat = sorted_BxC.ravel()
  start_E = rows_E * left
  # Everything before `low` counts. The answer is at most `left` past it.
  low_E = start_E.copy()
  while left:
    half = (left + 1) // 2
    low_E += half * (flat[low_E + (half - 1)] <= values_E)
    left -= half
  return low_E - start_E


def _followers(group_E: np.ndarray) -> np.ndarray:
  """Counts the later members of the same group. A group is contiguous."""
  if not len(group_E):
    return group_E
  last_E = np.append(group_E[1:] != group_E[:-1], True)
  ends = np.flatnonzero(last_E)
  return np.repeat(ends, np.diff(ends, prepend=-1)) - np.arange(len(group_E))
