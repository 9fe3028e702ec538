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


def turn(asker: asking.Asker) -> Ranked:
  """Ranks by comparisons of each two candidates, each asked in both orders.

  Bradley-Terry, of the mean of both log-odds. Figures: as those of all pairs,
  see `rankings.of_pairs`; as those of `permute`, of the rankings by each
  pair's first order and by its second one; and pair_changes, the share of pairs
  whose winner the order decides.
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

  Figures: how much the ranking depends on the order, see `sensitivity`.

  Args:
    asker: of a task with the candidates in the prompt.
    number: of orders, from 2.
    order_seed: another one gives other orders.

  Raises:
    InputError: for fewer than two orders.
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
