"""More candidates than fit into a prompt: groups, and rounds of their winners.

As InstructRec ranks 100 candidates: ten groups of ten, then the ten winners.

Dimension letters: B requests, C candidates of the longest list, M requests with
equally many candidates, R candidates that are left in a round, N groups that
are asked about together, W candidates of a group.
"""

from collections.abc import Callable

import gin
import numpy as np

from instructrec_jax.errors import InputError
from instructrec_jax.eval.procedures import asking
from instructrec_jax.eval.procedures.rankings import Ranked

# From the rows [N] of requests and the columns [N, W] of a group to the group's
# columns, best first, [N, W].
RankGroups = Callable[[np.ndarray, np.ndarray], np.ndarray]


def play(
  counts_B: np.ndarray, group_size: int, rank_groups: RankGroups
) -> tuple[np.ndarray, np.ndarray]:
  """Ranks candidates by rounds.

  While more are left than a group may have, they are split, in their order,
  into as few groups as possible, of sizes that differ by one at most; the first
  of each group goes on. The last group is ranked as it is. Above all stands who
  came to a later round. Among those whose last round was the same, and who were
  in several groups of it, who came second in its group is above who came third,
  and the seconds of different groups are level: they were never compared.

  Args:
    counts_B: candidates of each request, in the columns from 0.
    group_size: candidates of a group at the most, from 2.
    rank_groups: ranks groups.

  Returns:
    Levels, greater is better, float64 [B, C], -inf past a request's last
    candidate; and the number of groups that each request took, int64 [B].

  Raises:
    InputError: for a group of less than two.
  """
  if group_size < 2:
    raise InputError(f"group_size = {group_size}: expected 2 or more")
  levels_BxC = np.full((len(counts_B), int(counts_B.max(initial=0))), -np.inf)
  groups_B = np.zeros(len(counts_B), np.int64)
  for count in np.unique(counts_B).tolist():
    rows_M = np.flatnonzero(counts_B == count)
    left_MxR = np.tile(np.arange(count), (len(rows_M), 1))
    level = 0.0  # Of whoever goes on.
    while True:
      parts = -(-left_MxR.shape[1] // group_size)
      winners = []
      # Two sizes at most, so that each is asked for at once.
      bounds = np.arange(parts + 1) * left_MxR.shape[1] // parts
      for size in np.unique(np.diff(bounds)).tolist():
        starts = bounds[:-1][np.diff(bounds) == size]
        columns = left_MxR[:, starts[:, None] + np.arange(size)]
        rows = np.repeat(rows_M, len(starts))
        ranked = rank_groups(rows, columns.reshape(-1, size))
        levels_BxC[rows[:, None], ranked] = level - np.arange(size)
        winners.append(ranked[:, 0].reshape(len(rows_M), -1))
      groups_B[rows_M] += parts
      if parts == 1:
        break
      left_MxR = np.concatenate(winners, axis=1)
      level += group_size
  return levels_BxC, groups_B


@gin.configurable(module="instructrec_jax")
def groups(asker: asking.Asker, group_size: int = 10) -> Ranked:
  """Ranks by groups that fit into a prompt, and rounds of their winners.

  See `play` for the whole ranking. Of two that are level the relevant
  one loses. Figures: prompts, of a request.

  Args:
    asker: of a task with the candidates in the prompt.
    group_size: candidates of a prompt at the most.
  """

  def rank(rows_N: np.ndarray, columns_NxW: np.ndarray) -> np.ndarray:
    scores_NxW = asker.ask(rows_N, columns_NxW)
    relevant_NxW = asker.relevant[rows_N[:, None], columns_NxW]
    order_NxW = np.lexsort((relevant_NxW, -scores_NxW), axis=-1)
    return np.take_along_axis(columns_NxW, order_NxW, axis=1)

  scores_BxC, prompts_B = play(asker.counts, group_size, rank)
  return asker.ranked(scores_BxC, {"prompts": prompts_B})
