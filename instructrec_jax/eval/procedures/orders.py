"""How much a ranking depends on the order in which candidates are shown.

Dimension letters: P orders, B requests, C candidates of the longest list.
"""

import itertools
from collections.abc import Iterable, Mapping

import gin
import numpy as np

from instructrec_jax.errors import InputError
from instructrec_jax.eval.metrics import Outcomes
from instructrec_jax.eval.procedures import asking, comparisons, rankings
from instructrec_jax.eval.procedures.rankings import Ranked

# Pairs of candidates compared at a time (64 MiB of numbers).
_BLOCK = 2**24


def permutations(
  instances_B: Iterable[int], counts_B: np.ndarray, number: int, seed: int
) -> np.ndarray:
  """Draws orders for each request, from its instance and the seed.

  Args:
    instances_B: The records' running numbers.
    counts_B: The number of candidates of each request.
    number: The number of orders.
    seed: Seed of the orders.

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
  """Measures how much each request's ranking depends on the order.

  Args:
    scores_PxBxC: Scores of the candidates in each of at least two orders.
    gains_BxC: The gain of each candidate, as in `Outcomes.of`.
    mask_BxC: Where there is a candidate.

  Returns:
    float64 [B] by name. rank_sd: the standard deviation of the rank of the best
    relevant candidate. top_changes: 0 if all orders have the same single
    candidate on top, else 1. kendall_tau: the mean of Kendall's tau-b over
    pairs of orders, with 0 if all candidates of an order tie. hit_<p>: HR@1 in
    order p.
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
  """Returns the figures to report, from the means of `sensitivity`."""
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

  Tau-b (Kendall, 1945) is the number of concordant pairs less the discordant
  ones, over the geometric mean of each order's number of untied pairs.
  """
  number, count, width = scores_PxBxC.shape
  tau_B = np.zeros(count)
  block = max(1, _BLOCK // max(1, number * width**2))
  for start in range(0, count, block):
    some = slice(start, start + block)
    both = mask_BxC[some, :, None] & mask_BxC[some, None, :]
    # int8 saves memory.
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


def turn(asker: asking.Asker) -> Ranked:
  """Ranks by comparisons of all pairs of candidates, each in both orders.

  The ranking is Bradley-Terry's, from the mean of both log-odds. Figures: those
  of `rankings.of_pairs`; those of `permute`, for the two rankings by each
  pair's first and second order; and pair_changes, the share of pairs whose
  winner depends on the order.
  """
  C = asker.relevant.shape[1]
  mask_BxC = np.arange(C) < asker.counts[:, None]
  two_BxCxC = np.triu(mask_BxC[:, :, None] & mask_BxC[:, None, :], 1)
  rows_N, *pairs = np.nonzero(two_BxCxC)
  named_Nx2, _ = asking.named(np.stack(pairs, axis=1), asker.counts[rows_N])
  one_N, right_N = asking.compare(asker, rows_N, named_Nx2)
  other_N, _ = asking.compare(asker, rows_N, named_Nx2[:, ::-1])
  columns = rankings.comparison_columns(
    np.tile(rows_N, 2),
    np.concatenate([one_N, other_N]),
    np.concatenate([right_N, -right_N]),
    len(asker.counts),
  )
  changes_N = np.sign(one_N) != -np.sign(other_N)
  columns["changes"] = np.bincount(rows_N, changes_N, len(asker.counts))

  def strengths(odds_N: np.ndarray) -> np.ndarray:
    odds_BxCxC = np.zeros(two_BxCxC.shape)
    odds_BxCxC[rows_N, *named_Nx2.T] = odds_N
    odds_BxCxC = odds_BxCxC - odds_BxCxC.transpose(0, 2, 1)
    compared_BxCxC = two_BxCxC | two_BxCxC.transpose(0, 2, 1)
    scores_BxC = comparisons.bradley_terry(odds_BxCxC, compared_BxCxC)
    return np.where(mask_BxC, scores_BxC, -np.inf)

  columns |= sensitivity(
    np.stack([strengths(one_N), strengths(-other_N)]),
    asker.relevant.astype(np.float64),
    mask_BxC,
  )

  return asker.ranked(strengths((one_N - other_N) / 2), columns, _turn_figures)


def _turn_figures(means: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
  """Returns the figures of `turn`."""
  changes = {"pair_changes": 2 * means["changes"] / means["comparisons"]}
  return changes | rankings.comparison_figures(means) | figures(means)


@gin.configurable(module="instructrec_jax")
def permute(
  asker: asking.Asker, number: int = 5, order_seed: int = 0
) -> Ranked:
  """Ranks by the mean log-likelihood over several orders of the candidates.

  Figures: those of `figures`, from the means of `sensitivity`.

  Args:
    asker: A task with the candidates in the prompt.
    number: The number of orders, 2 or more.
    order_seed: Seed of the orders.

  Raises:
    InputError: There are fewer than two orders.
  """
  if number < 2:
    raise InputError(f"permute.number = {number}: expected 2 or more orders")
  instances = [target["instance"] for target in asker.targets]
  drawn_PxBxC = permutations(instances, asker.counts, number, order_seed)
  scores_PxBxC = np.full(drawn_PxBxC.shape, -np.inf)
  for scores_BxC, drawn_BxC in zip(scores_PxBxC, drawn_PxBxC, strict=True):
    for count in np.unique(asker.counts).tolist():
      rows = np.flatnonzero(asker.counts == count)
      columns = drawn_BxC[rows, :count]
      scores_BxC[rows[:, None], columns] = asker.ask(rows, columns)
  mask_BxC = np.arange(drawn_PxBxC.shape[2]) < asker.counts[:, None]
  moved = sensitivity(scores_PxBxC, asker.relevant.astype(np.float64), mask_BxC)
  return asker.ranked(scores_PxBxC.mean(axis=0), moved, figures)
