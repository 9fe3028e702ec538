"""Groups requests into buckets of one shape: few compilations, little padding.

A bucket has the length of its longest input and the most rows of candidates.
The plan starts with one bucket of all requests. It divides the bucket that
saves the most, as long as the saving is worth a compilation.

Letters: N requests.
"""

from typing import NamedTuple

import numpy as np

# Lengths of inputs are rounded up to a multiple of this, so that the tasks of
# an evaluation, which have separate plans, share shapes.
_ROUND_INPUTS = 32
_MAX_BUCKETS = 8
# A position of a candidate also costs its projection to the vocabulary.
_CANDIDATE_POSITION = 2.0
# A new shape must save as much as this many batches of the largest shape.
_WORTH_BATCHES = 4
# The number of sizes tried for dividing a bucket.
_TRIED = 16


class Bucket(NamedTuple):
  """Requests of one shape.

  Attributes:
    requests: int64, the numbers of the requests.
    inputs: Tokens of an input.
    rows: Rows of candidates.
  """

  requests: np.ndarray
  inputs: int
  rows: int


def plan(
  inputs_N: np.ndarray, rows_N: np.ndarray, width: int, batch_size: int
) -> list[Bucket]:
  """Returns buckets that hold each request once.

  Args:
    inputs_N: int, tokens of each input.
    rows_N: int, rows that each request's candidates need.
    width: Positions of a row.
    batch_size: Requests of a batch. A bucket's last batch is padded.
  """
  inputs_N = -(-np.maximum(inputs_N, 1) // _ROUND_INPUTS) * _ROUND_INPUTS
  sizes = np.stack([inputs_N, np.maximum(rows_N, 1)])
  position = np.array([1.0, _CANDIDATE_POSITION * width])

  def cost(chosen: np.ndarray) -> float:
    batches = -(-len(chosen) // batch_size)
    return batches * batch_size * float(position @ sizes[:, chosen].max(axis=1))

  def best_division(chosen: np.ndarray) -> tuple:
    """Returns the saving, and both parts."""
    best = 0.0, chosen, chosen[:0]
    for size in sizes[:, chosen]:
      bounds = np.unique(size)[:-1]
      for bound in bounds[:: -(-len(bounds) // _TRIED) or 1]:
        parts = chosen[size <= bound], chosen[size > bound]
        saved = cost(chosen) - sum(map(cost, parts))
        if saved > best[0]:
          best = saved, *parts
    return best

  everything = np.arange(len(inputs_N))
  if not len(everything):
    return []
  worth = _WORTH_BATCHES * batch_size * float(position @ sizes.max(axis=1))
  parts = [best_division(everything)]
  whole = [everything]
  while len(whole) < _MAX_BUCKETS:
    number = int(np.argmax([saved for saved, *_ in parts]))
    saved, *both = parts[number]
    if saved < worth:
      break
    whole[number : number + 1] = both
    parts[number : number + 1] = map(best_division, both)
  return [
    Bucket(chosen, *map(int, sizes[:, chosen].max(axis=1))) for chosen in whole
  ]
