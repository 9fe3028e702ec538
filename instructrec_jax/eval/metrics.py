"""Ranking metrics of requests with one or several relevant candidates.

Every metric here is a function of where the relevant candidates came, out of
how many: `Outcomes` holds that, however it was found. Ties are decided against
us. A request's figures are worked out from its own outcome alone, in one fixed
order of additions, so they do not depend, to the last bit, on the requests
that it was measured together with; see `resampling` for how they are added up.

Dimension letters: B requests, C candidates, E relevant candidates of all
requests together.
"""

import dataclasses
import functools
import re
from collections.abc import Callable, Sequence

import numpy as np

from instructrec_jax.errors import InputError, unknown

# What is measured where nothing else is asked for: requests with one relevant
# candidate each, where precision and recall say what the hit rate says and
# average precision what the reciprocal rank says; and any other requests.
ONE_RELEVANT = (
  "hr@1", "hr@3", "hr@5", "hr@10", "ndcg@3", "ndcg@5", "ndcg@10", "mrr",
)  # fmt: skip
SEVERAL_RELEVANT = (
  "hr@1", "precision@5", "recall@5", "recall@10", "ndcg@5", "ndcg@10", "map",
  "mrr", "auc",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Outcomes:
  """Where each request's relevant candidates came.

  Attributes:
    sizes: int64 [B], how many items were ranked.
    requests: int64 [E], the request of each relevant candidate, ascending.
    ranks: int64 [E], its rank from 1, ascending within a request.
    gains: float64 [E], what it is worth, above 0.
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
    """Ranks candidates by their scores, every doubt decided against us.

    Whatever is as good as a relevant candidate, and worth less, goes above it.
    So does what has no number for a score; a relevant one without goes last. A
    scorer that gives every candidate the same score has the worst ranking.

    Args:
      scores_BxC: scores, greater is better; any real dtype, infinities allowed.
      gains_BxC: what each candidate is worth: 0 where it is not relevant.
      mask_BxC: True where there is a candidate; None where every column is one.
      sizes_B: how many items were ranked, where the candidates are only the
        best of them: the others have the score -inf, and are not relevant.
        None where the candidates are all.

    Returns:
      The outcomes.

    Raises:
      InputError: the shapes do not match, a gain is not a number from 0, a
        request has no relevant candidate, or a size is too small.
    """
    scores_BxC, gains_BxC = _checked(scores_BxC, gains_BxC, mask_BxC)
    n, width = scores_BxC.shape
    # Ascending from the best; what is not there comes last.
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
    # The last place that candidates of this score take. Those at -inf share it
    # with all that is not among the candidates.
    places_E = np.where(
      own_E == np.inf,
      sizes_B[requests_E],
      _not_greater(np.sort(keys_BxC, axis=1), requests_E, own_E),
    )
    levels_V, level_E = np.unique(
      gains_BxC[requests_E, columns_E], return_inverse=True
    )
    # Request, then place, then gain, as one number that is quickly sorted.
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
    """Where each request's best candidate stands among the E, int64 [B]."""
    return np.cumsum(self.relevant) - self.relevant

  @functools.cached_property
  def places(self) -> np.ndarray:
    """Each one's place among its request's relevant ones, int64 [E] from 1."""
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
  """Returns the share of the first `k` places that relevant ones take."""
  return outcomes.sum_by_request(outcomes.ranks <= k) / k


def recall(outcomes: Outcomes, k: int) -> np.ndarray:
  """Returns the share of the relevant candidates among the first `k`."""
  return outcomes.sum_by_request(outcomes.ranks <= k) / outcomes.relevant


def ndcg(outcomes: Outcomes, k: int) -> np.ndarray:
  """Returns the discounted cumulative gain over the greatest possible.

  A gain at rank r <= k counts gain / log2(1 + r) (Järvelin and Kekäläinen,
  2002), as in trec_eval: gains of 1 are binary NDCG, any others graded; give
  2^grade - 1 as gains for the form of Burges et al., 2005. The greatest
  possible has the relevant candidates first, the greatest gains before others.
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
  """Returns 1 / rank of the first relevant candidate."""
  return 1.0 / outcomes.first_ranks


def average_precision(outcomes: Outcomes) -> np.ndarray:
  """Returns the mean, over the relevant ones, of the precision at their rank.

  Its mean over requests is MAP, as in trec_eval.
  """
  return (
    outcomes.sum_by_request(outcomes.places / outcomes.ranks)
    / outcomes.relevant
  )


def auc(outcomes: Outcomes) -> np.ndarray:
  """Returns the share of pairs, relevant and not, that are in order.

  A pair of one score is not in order. Where all candidates are relevant there
  is no pair, and it is 1, for any scorer.
  """
  others_B = outcomes.sizes - outcomes.relevant
  pairs_B = outcomes.relevant * others_B
  wrong_B = outcomes.sum_by_request(outcomes.ranks - outcomes.places)
  return 1.0 - wrong_B / np.maximum(pairs_B, 1)


def discounts_to(k: int) -> np.ndarray:
  """Returns 1 / log2(1 + r) for the ranks r from 1 to `k`, float64 [k]."""
  return 1.0 / np.log2(np.arange(2, k + 2))


# Metrics of the first K, named e.g. "hr@10", and of the whole ranking.
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
  """Returns e.g. ("ndcg", 10) of "ndcg@10", and ("mrr", None) of "mrr".

  Raises:
    InputError: there is no such metric.
  """
  family, _, k = name.partition("@")
  if name in WHOLE:
    return name, None
  if family in AT_K and re.fullmatch(r"[1-9]\d*", k):
    return family, int(k)
  raise unknown("metric", name, [*(f"{f}@K" for f in AT_K), *WHOLE])


def measure(
  outcomes: Outcomes, names: Sequence[str] | None = None
) -> dict[str, np.ndarray]:
  """Returns each metric for each request, float64 [B] by name.

  Args:
    outcomes: of the requests.
    names: metrics, e.g. "ndcg@10" for any K; None for `names_for`.

  Raises:
    InputError: a name is unknown.
  """
  values = {}
  for name in names_for(outcomes) if names is None else names:
    family, k = parse(name)
    values[name] = (
      WHOLE[family](outcomes) if k is None else AT_K[family](outcomes, k)
    )
  return values


def names_for(outcomes: Outcomes) -> tuple[str, ...]:
  """Returns the metrics that say something about such requests."""
  if (outcomes.relevant == 1).all():
    return ONE_RELEVANT
  return SEVERAL_RELEVANT


def _checked(
  scores: np.ndarray, gains: np.ndarray, mask: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
  """Returns scores and gains as floating point of one shape, or raises."""
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
      f"gain of row {row}, column {column}: expected a number from 0, got "
      f"{gains[row, column]}"
    )
  if mask is not None and gains[~mask].any():
    row, column = np.argwhere((gains > 0) & ~mask)[0]
    raise InputError(
      f"gain of row {row}, column {column}: expected 0, as the mask says that "
      f"there is no candidate, got {gains[row, column]}"
    )
  return scores, gains


def _check_found(requests_E: np.ndarray, n: int) -> None:
  found_B = np.bincount(requests_E, minlength=n)
  if not found_B.all():
    raise InputError(
      f"row {int(found_B.argmin())}: none of its candidates is relevant"
    )


def _not_greater(
  sorted_BxC: np.ndarray, rows_E: np.ndarray, values_E: np.ndarray
) -> np.ndarray:
  """Counts what is not greater than a value, in its row of ascending numbers.

  NumPy's searchsorted takes one row; this halves all of them at once.
  """
  left = sorted_BxC.shape[1]
  flat = sorted_BxC.ravel()
  start_E = rows_E * left
  # All that is before `low` counts; the answer is at most `left` past it.
  low_E = start_E.copy()
  while left:
    half = (left + 1) // 2
    low_E += half * (flat[low_E + (half - 1)] <= values_E)
    left -= half
  return low_E - start_E


def _followers(group_E: np.ndarray) -> np.ndarray:
  """Counts how many of the same group come later; equal ones are adjacent."""
  if not len(group_E):
    return group_E
  last_E = np.append(group_E[1:] != group_E[:-1], True)
  ends = np.flatnonzero(last_E)
  return np.repeat(ends, np.diff(ends, prepend=-1)) - np.arange(len(group_E))
