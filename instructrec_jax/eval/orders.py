"""How much a ranking depends on the order in which candidates are shown.

Dimension letters: P orders, B requests, C candidates of the longest list.
"""

import itertools
from collections.abc import Iterable

import numpy as np

from instructrec_jax.eval.metrics import Outcomes

# Pairs of candidates that are compared at a time (64 MiB of numbers).
_BLOCK = 2**24


def permutations(
  instances_B: Iterable[int], counts_B: np.ndarray, number: int, seed: int
) -> np.ndarray:
  """Draws orders for each request; they depend on its instance and the seed.

  Args:
    instances_B: the records' running numbers.
    counts_B: candidates of each, in the columns from 0.
    number: of orders.
    seed: another one gives other orders.

  Returns:
    Columns, int64 [P, B, C]; -1 past a request's last candidate.
  """
  width = int(counts_B.max(initial=0))
  drawn = np.full((number, len(counts_B), width), -1, np.int64)
  for row, (instance, count) in enumerate(
    zip(instances_B, counts_B.tolist(), strict=True)
  ):
    rng = np.random.default_rng([seed, instance])
    columns = np.tile(np.arange(count), (number, 1))
    drawn[:, row, :count] = rng.permuted(columns, axis=1)
  return drawn


def sensitivity(
  scores_PxBxC: np.ndarray, gains_BxC: np.ndarray, mask_BxC: np.ndarray
) -> dict[str, np.ndarray]:
  """Measures how much the order moves each request's ranking.

  Args:
    scores_PxBxC: of the candidates as each order, of at least two, made them.
    gains_BxC: what each candidate is worth, as in `Outcomes.of`.
    mask_BxC: where there is a candidate.

  Returns:
    float64 [B] by name. rank_sd: the standard deviation of the rank of the best
    relevant candidate; top_changes: 1 where not all orders have the same
    candidate on top (or one has several); kendall_tau: the mean over pairs of
    orders of Kendall's tau-b, 0 where all candidates of an order are level;
    hit_<p>: HR@1 in order p.
  """
  ranks_PxB = np.stack(
    [
      Outcomes.of(scores, gains_BxC, mask_BxC).first_ranks
      for scores in scores_PxBxC
    ]
  )
  best_PxBx1 = np.where(mask_BxC, scores_PxBxC, -np.inf).max(2, keepdims=True)
  top_PxBxC = (scores_PxBxC == best_PxBx1) & mask_BxC
  same_B = top_PxBxC.all(axis=0).any(axis=1) & (top_PxBxC.sum(2) == 1).all(0)
  return {
    "rank_sd": ranks_PxB.std(axis=0),
    "top_changes": 1.0 - same_B,
    "kendall_tau": _kendall_tau(scores_PxBxC, mask_BxC),
    **{
      f"hit_{order}": (ranks_B == 1).astype(np.float64)
      for order, ranks_B in enumerate(ranks_PxB)
    },
  }


def figures(means: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
  """Returns what to report of the means of `sensitivity`."""
  hits = [means[name] for name in means if name.startswith("hit_")]
  return {
    "rank_sd": means["rank_sd"],
    "top_changes": means["top_changes"],
    "kendall_tau": means["kendall_tau"],
    "hr@1_lowest_order": np.min(hits, axis=0),
    "hr@1_highest_order": np.max(hits, axis=0),
  }


def _kendall_tau(scores_PxBxC: np.ndarray, mask_BxC: np.ndarray) -> np.ndarray:
  """Returns the mean over pairs of orders of tau-b, float64 [B].

  Tau-b (Kendall, 1945): pairs in the same order less those in the opposite
  one, over the geometric mean of the pairs that are not level in either.
  """
  number, count, width = scores_PxBxC.shape
  tau_B = np.zeros(count)
  block = max(1, _BLOCK // max(1, number * width**2))
  for start in range(0, count, block):
    some = slice(start, start + block)
    both = mask_BxC[some, :, None] & mask_BxC[some, None, :]
    # int8, as there are many.
    signs = [
      np.where(
        both,
        (s[:, :, None] > s[:, None, :]).astype(np.int8)
        - (s[:, :, None] < s[:, None, :]).astype(np.int8),
        0,
      )
      for s in scores_PxBxC[:, some]
    ]
    untied = [np.abs(sign).sum(axis=(1, 2), dtype=np.float64) for sign in signs]
    for p, q in itertools.combinations(range(number), 2):
      in_order = (signs[p] * signs[q]).sum(axis=(1, 2), dtype=np.float64)
      tau_B[some] += in_order / np.sqrt(np.maximum(untied[p] * untied[q], 1))
  return tau_B / max(1, number * (number - 1) // 2)
