"""Pairs of an input and a title, each once, laid out as requests.

Letters: N requests, K inputs of each, C candidates, U distinct inputs, V
distinct titles, P distinct pairs, R laid-out requests.
"""

from typing import NamedTuple

import numpy as np


class Pairs(NamedTuple):
  """Requests that score every pair once, and where each score belongs.

  Attributes:
    rows: int32 encoder_input_tokens [R, L] and candidate_tokens [R, C, T].
    row: int64 [N, K, C], the row of each pair's score.
    column: int64 [N, K, C], its column.
  """

  rows: dict[str, np.ndarray]
  row: np.ndarray
  column: np.ndarray

  @classmethod
  def of(cls, inputs_NxKxL: np.ndarray, titles_NxCxT: np.ndarray) -> "Pairs":
    """Lays out the pairs of each request's inputs with its candidates.

    Args:
      inputs_NxKxL: int32, padded with 0.
      titles_NxCxT: int32, padded with 0.
    """
    (N, K, L), (_, C, T) = inputs_NxKxL.shape, titles_NxCxT.shape
    inputs_UxL, input_NK = _distinct(inputs_NxKxL.reshape(N * K, L))
    titles_VxT, title_NC = _distinct(titles_NxCxT.reshape(N * C, T))
    pair_NxKxC = (
      input_NK.reshape(N, K, 1) * max(len(titles_VxT), 1)
      + title_NC.reshape(N, C)[:, None]
    )
    pair_P, number = np.unique(pair_NxKxC, return_inverse=True)
    number_NxKxC = number.reshape(pair_NxKxC.shape)
    input_P, title_P = np.divmod(pair_P, max(len(titles_VxT), 1))
    # Pairs ascend, so those of an input follow each other.
    begins_P = np.diff(input_P, prepend=-1) > 0
    first_P = np.maximum.accumulate(
      np.where(begins_P, np.arange(len(pair_P)), 0)
    )
    place_P = np.arange(len(pair_P)) - first_P
    column_P = place_P % max(C, 1)
    row_P = np.cumsum(column_P == 0) - 1
    laid_RxCxT = np.zeros((int((column_P == 0).sum()), C, T), np.int32)
    laid_RxCxT[row_P, column_P] = titles_VxT[title_P]
    return cls(
      {
        "encoder_input_tokens": inputs_UxL[input_P[column_P == 0]],
        "candidate_tokens": laid_RxCxT,
      },
      row_P[number_NxKxC],
      column_P[number_NxKxC],
    )

  def spread(self, scores_RxC: np.ndarray) -> np.ndarray:
    """Returns the score of each pair, [N, K, C]."""
    return scores_RxC[self.row, self.column]


def _distinct(rows_NxL: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Returns the distinct rows, [U, L], and the number of each row's, [N]."""
  rows_NxL = np.ascontiguousarray(rows_NxL, np.int32)
  # Sorting rows of hundreds of tokens takes many times longer.
  numbers: dict[bytes, int] = {}
  number_N = np.array(
    [numbers.setdefault(row.tobytes(), len(numbers)) for row in rows_NxL],
    np.int64,
  )
  first_U = np.unique(number_N, return_index=True)[1]
  return rows_NxL[first_U], number_N
