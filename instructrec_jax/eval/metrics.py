"""Ranking metrics of requests with one positive among their candidates.

Every metric here is a function of the positive's rank alone, so the histogram
of ranks says all there is to say about a system: `RankCounts` holds it as
whole numbers. Adding the counts of any number of hosts, in any order, gives
bit for bit what one host would have found, and resampling requests is
resampling the histogram.

Dimension letters: B requests, C candidates, R resamples, H ranks that occur.
"""

import dataclasses
import functools
from collections.abc import Callable

import numpy as np

from instructrec_jax.errors import InputError

# Resamples are drawn in blocks of at most this many counts (64 MiB).
_BLOCK = 2**23


def hit_rate(ranks: np.ndarray, k: int) -> np.ndarray:
  """Returns 1.0 where the positive is among the first `k`, else 0.0."""
  return (ranks <= k).astype(np.float64)


def ndcg(ranks: np.ndarray, k: int) -> np.ndarray:
  """Returns 1 / log2(1 + rank) where rank <= k, else 0.0.

  With one relevant candidate the ideal DCG is 1, so that DCG is NDCG already
  (Järvelin and Kekäläinen, 2002).
  """
  return np.where(ranks <= k, 1.0 / np.log2(1.0 + ranks), 0.0)


def reciprocal_rank(ranks: np.ndarray) -> np.ndarray:
  """Returns 1 / rank."""
  return 1.0 / ranks


METRICS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
  **{f"hr@{k}": functools.partial(hit_rate, k=k) for k in (1, 3, 5, 10)},
  **{f"ndcg@{k}": functools.partial(ndcg, k=k) for k in (3, 5, 10)},
  "mrr": reciprocal_rank,
}


@dataclasses.dataclass(frozen=True)
class Estimate:
  """A mean over requests with its confidence interval."""

  value: float
  low: float
  high: float


def ranks_from_scores(
  scores_BxC: np.ndarray,
  positive_B: np.ndarray,
  mask_BxC: np.ndarray | None = None,
) -> np.ndarray:
  """Ranks each request's positive, every doubt decided against us.

  A candidate is above the positive unless its score is truly smaller: ties
  count against us, and so does NaN, whoever has it. A scorer that gives every
  candidate the same score ranks each positive last.

  Args:
    scores_BxC: scores, greater is better; any real dtype, infinities allowed.
    positive_B: the positive's column in each row.
    mask_BxC: True where there is a candidate; None where every column is one.

  Returns:
    int64 [B], from 1 (best) to the number of candidates of the request.

  Raises:
    InputError: the shapes do not match, or a positive is no candidate.
  """
  scores_BxC = np.asarray(scores_BxC)
  positive_B = np.asarray(positive_B)
  if scores_BxC.ndim != 2 or not np.can_cast(
    scores_BxC.dtype, np.float64, "same_kind"
  ):
    raise InputError(
      "scores: expected real numbers of shape [requests, candidates], got "
      f"{scores_BxC.dtype} of shape {list(scores_BxC.shape)}"
    )
  n, width = scores_BxC.shape
  if positive_B.shape != (n,) or positive_B.dtype.kind not in "iu":
    raise InputError(
      f"positive: expected {n} integers, one for each row of scores, got "
      f"{positive_B.dtype} of shape {list(positive_B.shape)}"
    )
  outside_B = (positive_B < 0) | (positive_B >= width)
  if outside_B.any():
    row = int(outside_B.argmax())
    raise InputError(
      f"positive of row {row}: expected a column from 0 to {width - 1}, got "
      f"{positive_B[row]}"
    )
  rows_B = np.arange(n)
  above_BxC = ~(scores_BxC < scores_BxC[rows_B, positive_B][:, None])
  if mask_BxC is not None:
    mask_BxC = np.asarray(mask_BxC, dtype=bool)
    if mask_BxC.shape != scores_BxC.shape:
      raise InputError(
        f"mask: expected the shape of the scores {list(scores_BxC.shape)}, "
        f"got {list(mask_BxC.shape)}"
      )
    present_B = mask_BxC[rows_B, positive_B]
    if not present_B.all():
      raise InputError(
        f"positive of row {int(present_B.argmin())}: it is masked, so it is "
        "none of the candidates"
      )
    above_BxC &= mask_BxC
  # The positive is not smaller than itself, so it has counted itself.
  return above_BxC.sum(axis=1, dtype=np.int64)


def ranking_metrics(ranks_B: np.ndarray) -> dict[str, np.ndarray]:
  """Returns each metric of `METRICS` for each request, float64 [B]."""
  ranks_B = np.asarray(ranks_B)
  return {name: metric(ranks_B) for name, metric in METRICS.items()}


@dataclasses.dataclass(frozen=True)
class RankCounts:
  """How many requests had which rank, and how many had how many candidates.

  Attributes:
    by_rank: int64, by_rank[r] requests had their positive at rank r.
    by_size: int64 of the same length, by_size[c] requests had c candidates.
  """

  by_rank: np.ndarray
  by_size: np.ndarray

  @classmethod
  def of(cls, ranks_B: np.ndarray, sizes_B: np.ndarray | int) -> "RankCounts":
    """Counts ranks.

    Args:
      ranks_B: int [B], from 1.
      sizes_B: the number of candidates of each request, or of all.

    Returns:
      The counts.

    Raises:
      InputError: a rank is not between 1 and its request's candidates.
    """
    ranks_B = np.asarray(ranks_B, dtype=np.int64)
    sizes_B = np.broadcast_to(np.asarray(sizes_B, np.int64), ranks_B.shape)
    wrong_B = (ranks_B < 1) | (ranks_B > sizes_B)
    if wrong_B.any():
      row = int(wrong_B.argmax())
      raise InputError(
        f"rank of row {row}: expected 1 to {sizes_B[row]}, its number of "
        f"candidates, got {ranks_B[row]}"
      )
    length = int(sizes_B.max(initial=0)) + 1
    return cls(
      by_rank=np.bincount(ranks_B, minlength=length),
      by_size=np.bincount(sizes_B, minlength=length),
    )

  def __add__(self, other: "RankCounts") -> "RankCounts":
    length = max(len(self.by_rank), len(other.by_rank))

    def add(a: np.ndarray, b: np.ndarray) -> np.ndarray:
      total = np.zeros(length, np.int64)
      total[: len(a)] += a
      total[: len(b)] += b
      return total

    return RankCounts(
      by_rank=add(self.by_rank, other.by_rank),
      by_size=add(self.by_size, other.by_size),
    )

  @property
  def n(self) -> int:
    """The number of requests."""
    return int(self.by_rank.sum())

  def sums(self) -> dict[str, float]:
    """Returns each metric's sum over the requests."""
    ranks_H = np.flatnonzero(self.by_rank)
    counts_H = self.by_rank[ranks_H]
    return {
      name: float(counts_H @ metric(ranks_H))
      for name, metric in METRICS.items()
    }

  def means(self) -> dict[str, float]:
    """Returns each metric's mean over the requests.

    Raises:
      InputError: there is no request.
    """
    n = self._some()
    return {name: total / n for name, total in self.sums().items()}

  def chance(self) -> dict[str, float]:
    """Returns what guessing reaches on requests of these sizes, by formula.

    A guess puts the positive at each of C ranks with probability 1 / C, so a
    metric m has the expectation (m(1) + ... + m(C)) / C: min(K, C) / C for
    HR@K, H_C / C for MRR.

    Raises:
      InputError: there is no request.
    """
    n = self._some()
    sizes_H = np.flatnonzero(self.by_size)
    ranks = np.arange(1, sizes_H[-1] + 1)
    return {
      name: float(
        self.by_size[sizes_H]
        @ (np.cumsum(metric(ranks))[sizes_H - 1] / sizes_H)
        / n
      )
      for name, metric in METRICS.items()
    }

  def estimates(
    self, seed: int, resamples: int = 1000, level: float = 0.95
  ) -> dict[str, Estimate]:
    """Returns each metric's mean with its percentile bootstrap interval.

    Drawing n requests with replacement makes the histogram of their ranks
    multinomial with the observed shares, so the histogram is drawn at once:
    the same distribution as drawing requests one by one (Efron and
    Tibshirani, 1993, section 13.3), at the cost of its bins. All metrics see
    the same resamples.

    Args:
      seed: of the resamples; the same counts and seed give the same interval.
      resamples: how many.
      level: the share of resampled means inside the interval.

    Raises:
      InputError: there is no request.
    """
    n = self._some()
    rng = np.random.default_rng(seed)
    ranks_H = np.flatnonzero(self.by_rank)
    shares_H = self.by_rank[ranks_H] / n
    values_HxM = np.stack([m(ranks_H) for m in METRICS.values()], axis=1)
    block = max(1, _BLOCK // len(ranks_H))
    means_RxM = np.concatenate(
      [
        rng.multinomial(n, shares_H, size=min(block, resamples - start))
        @ values_HxM
        / n
        for start in range(0, resamples, block)
      ]
    )
    tail = (1.0 - level) / 2.0
    low_M, high_M = np.quantile(means_RxM, [tail, 1.0 - tail], axis=0)
    return {
      name: Estimate(value, float(low), float(high))
      for (name, value), low, high in zip(
        self.means().items(), low_M, high_M, strict=True
      )
    }

  def _some(self) -> int:
    if not self.n:
      raise InputError("there is no request to measure: 0 were scored")
    return self.n
