"""Ranks more candidates than fit a prompt: groups, then rounds of winners.

InstructRec ranks 100 candidates this way: ten groups of ten, then ten winners.

Dimension letters: B requests, C candidates of the longest list, M requests with
equally many candidates, R candidates left in a round, N groups asked about
together, W candidates of a group.
"""

from collections.abc import Callable

import gin
import numpy as np

from instructrec_jax.errors import InputError
from instructrec_jax.eval.procedures import asking
from instructrec_jax.eval.procedures.rankings import Ranked

# Maps the rows [N] of requests and the columns [N, W] of a group to the group's
# columns, best first, [N, W].
RankGroups = Callable[[np.ndarray, np.ndarray], np.ndarray]


def play(
  counts_B: np.ndarray, group_size: int, rank_groups: RankGroups
) -> tuple[np.ndarray, np.ndarray]:
  """Ranks candidates by rounds.

  While more candidates are left than a group holds, they are split in order
  into as few groups as possible, with sizes that differ by at most one. The
  first of each group goes to the next round. The last group gives the final
  order. A candidate that reached a later round ranks higher. Among candidates
  of the same last round, a second of its group ranks above a third, and the
  seconds of different groups tie, because they were never compared.

  Args:
    counts_B: The number of candidates of each request.
    group_size: The most candidates of a group, 2 or more.
    rank_groups: Ranks groups.

  Returns:
    Levels, greater is better, float64 [B, C], -inf past a request's last
    candidate; and the number of groups asked about, int64 [B].

  Raises:
    InputError: The group size is less than 2.
  """
  if group_size < 2:
    raise InputError(f"group_size = {group_size}: expected 2 or more")
  levels_BxC = np.full((len(counts_B), int(counts_B.max(initial=0))), -np.inf)
  groups_B = np.zeros(len(counts_B), np.int64)
  for count in np.unique(counts_B).tolist():
    rows_M = np.flatnonzero(counts_B == count)
    left_MxR = np.tile(np.arange(count), (len(rows_M), 1))
    level = 0.0  # Of the winners of this round.
    while True:
      parts = -(-left_MxR.shape[1] // group_size)
      winners = []
      # There are at most two sizes. Each is asked about in one batch.
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
  """Ranks by groups that fit a prompt, and rounds of their winners.

  See `play` for the ranking. In a tie the relevant candidate loses. Figure:
  prompts, the number for each request.

  Args:
    asker: A task with the candidates in the prompt.
    group_size: The most candidates of a prompt.
  """

  def rank(rows_N: np.ndarray, columns_NxW: np.ndarray) -> np.ndarray:
    scores_NxW = asker.ask(rows_N, columns_NxW)
    relevant_NxW = asker.relevant[rows_N[:, None], columns_NxW]
    order_NxW = np.lexsort((relevant_NxW, -scores_NxW), axis=-1)
    return np.take_along_axis(columns_NxW, order_NxW, axis=1)

  scores_BxC, prompts_B = play(asker.counts, group_size, rank)
  return asker.ranked(scores_BxC, {"prompts": prompts_B})
