"""Lists of unequal lengths, as one array of rows and one of values."""

import numpy as np


def places(rows: np.ndarray, n: int) -> np.ndarray:
  """Returns the place, from 0, of each entry in its row.

  Args:
    rows: integers [entries] below n, ascending.
    n: number of rows.
  """
  length = np.bincount(rows, minlength=n)
  return np.arange(rows.size) - np.repeat(np.cumsum(length) - length, length)


def gather(
  values: np.ndarray, offsets: np.ndarray, at: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Returns some of many lists.

  Args:
    values: the values of all lists, one list after the other.
    offsets: [lists + 1], the start of each list, and the end of the last.
    at: [n], the lists to return.

  Returns:
    Places in `at`, ascending, and values: [entries] each.
  """
  rows = np.repeat(np.arange(len(at)), np.diff(offsets)[at])
  return rows, values[offsets[at][rows] + places(rows, len(at))]


def best(
  scores: np.ndarray, count: int, last: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
  """Returns the columns of the highest scores of each row, best first.

  Columns of equal score are in order. Minus infinity is left out.

  Args:
    scores: [n, columns], without NaN.
    count: the largest number of columns of a row.
    last: bool [n, columns], the columns that come after all others of equal
      score and are therefore cut off first; None for no column.

  Returns:
    Rows, ascending, and columns: int64 [entries] each.
  """
  count = min(count, scores.shape[1])
  # Sorting a few columns is faster than sorting all.
  least = -np.partition(-scores, count - 1, axis=1)[:, count - 1, None]
  rows, columns = np.nonzero((scores >= least) & (scores > -np.inf))
  behind = 0 * rows if last is None else last[rows, columns]
  order = np.lexsort((columns, behind, -scores[rows, columns], rows))
  rows, columns = rows[order], columns[order]
  first = places(rows, len(scores)) < count
  return rows[first], columns[first]
