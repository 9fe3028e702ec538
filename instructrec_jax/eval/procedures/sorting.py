"""Ranks by few comparisons: merge sorts of many requests in parallel.

Dimension letters: B requests, C candidates of the longest list, S sorted runs
of a request, N comparisons asked for together.
"""

from collections.abc import Callable

import numpy as np

from instructrec_jax.eval.procedures import asking, rankings
from instructrec_jax.eval.procedures.rankings import Ranked

# Maps the rows [N] of requests and the columns [N, 2] of two candidates each to
# whether the first is preferred, bool [N].
Prefer = Callable[[np.ndarray, np.ndarray], np.ndarray]


def merge_sort(
  counts_B: np.ndarray, prefer: Prefer
) -> tuple[np.ndarray, np.ndarray]:
  """Sorts the candidates of all requests in rounds of comparisons.

  All merges of one level run in parallel, over all requests. A round has the
  next comparison of every unfinished merge. So there are about 2 C rounds for
  any B, and each is one large batch for the model.

  Args:
    counts_B: The number of candidates of each request.
    prefer: Decides comparisons. It need not be consistent.

  Returns:
    The columns best first, int64 [B, C], -1 past a request's last; and the
    number of comparisons of each request, int64 [B]. For n candidates it is at
    most n ceil(log2 n) - 2^ceil(log2 n) + 1.
  """
  width = int(counts_B.max(initial=0))
  columns_C = np.arange(width)
  order_BxC = np.where(columns_C < counts_B[:, None], columns_C, -1)
  taken_B = np.zeros(len(counts_B), np.int64)
  levels = (width - 1).bit_length() if width > 1 else 0
  for level in reversed(range(levels)):
    # The runs of a level end where halves of the level below do, so their
    # lengths differ by at most one.
    ends_S = np.arange(2 ** (level + 1) + 1)
    bounds_BxS = counts_B[:, None] * ends_S >> (level + 1)
    order_BxC, asked_B = _merge(order_BxC, bounds_BxS, prefer)
    taken_B += asked_B
  return order_BxC, taken_B


def _merge(
  order_BxC: np.ndarray, bounds_BxS: np.ndarray, prefer: Prefer
) -> tuple[np.ndarray, np.ndarray]:
  """Merges runs 0 and 1, 2 and 3, and so on. Returns order and counts."""
  start_BxS, middle_BxS, end_BxS = (
    bounds_BxS[:, first : bounds_BxS.shape[1] - 2 + first : 2]
    for first in range(3)
  )
  left_BxS, right_BxS = start_BxS.copy(), middle_BxS.copy()
  merged_BxC = order_BxC.copy()
  taken_B = np.zeros(len(order_BxC), np.int64)
  while True:
    has_left_BxS, has_right_BxS = left_BxS < middle_BxS, right_BxS < end_BxS
    rows, runs = np.nonzero(has_left_BxS | has_right_BxS)
    if not len(rows):
      return merged_BxC, taken_B
    left, right = left_BxS[rows, runs], right_BxS[rows, runs]
    takes_left = has_left_BxS[rows, runs].copy()
    open_N = np.flatnonzero(takes_left & has_right_BxS[rows, runs])
    if len(open_N):
      asked = rows[open_N]
      pairs_Nx2 = np.stack(
        [order_BxC[asked, left[open_N]], order_BxC[asked, right[open_N]]], 1
      )
      takes_left[open_N] = prefer(asked, pairs_Nx2)
      np.add.at(taken_B, asked, 1)
    place = left + right - middle_BxS[rows, runs]
    merged_BxC[rows, place] = order_BxC[rows, np.where(takes_left, left, right)]
    left_BxS[rows, runs] += takes_left
    right_BxS[rows, runs] += ~takes_left


def sort(asker: asking.Asker) -> Ranked:
  """Ranks by the comparisons of a merge sort.

  In a tie the relevant candidate loses. The figures are those of
  `rankings.of_pairs`.
  """
  rows, odds, right = [], [], []

  def prefer(rows_N: np.ndarray, pairs_Nx2: np.ndarray) -> np.ndarray:
    named_Nx2, turned_N = asking.named(pairs_Nx2, asker.counts[rows_N])
    odds_N, right_N = asking.compare(asker, rows_N, named_Nx2)
    for column, new in ((rows, rows_N), (odds, odds_N), (right, right_N)):
      column.append(new)
    relevant_N = asker.relevant[rows_N, named_Nx2[:, 0]]
    wins_N = (odds_N > 0) | ((odds_N == 0) & ~relevant_N)
    return wins_N ^ turned_N

  order_BxC, _ = merge_sort(asker.counts, prefer)
  scores_BxC = np.full(order_BxC.shape, -np.inf)
  at, place = np.nonzero(order_BxC >= 0)
  scores_BxC[at, order_BxC[at, place]] = -place
  columns = rankings.comparison_columns(
    np.concatenate(rows),
    np.concatenate(odds),
    np.concatenate(right),
    len(asker.counts),
  )
  return asker.ranked(scores_BxC, columns, rankings.comparison_figures)
