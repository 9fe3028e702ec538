"""Which requests are scored together: few shapes to compile, little padding.

A bucket's requests are computed at the length of its longest input and the rows
of its most candidates. The plan begins with one bucket of all, and divides the
one that gains most by it, as long as what is saved is worth a compilation.

Letters: N requests.
"""

from typing import NamedTuple

import numpy as np

# Sizes are rounded up to these, so that the tasks of an evaluation, which are
# planned one by one, have shapes in common.
_ROUND_INPUTS = 32
_MAX_BUCKETS = 8
# A position of a candidate also costs its projection to the vocabulary.
_CANDIDATE_POSITION = 2.0
# Whole batches of the largest shape that a new shape must save.
_WORTH_BATCHES = 4
# Where a bucket may be divided is tried at so many sizes.
_TRIED = 16


class Bucket(NamedTuple):
  """Requests of one shape.

  Attributes:
    requests: int64, their numbers.
    inputs: tokens of an input.
    rows: of candidates.
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
    width: positions of a row.
    batch_size: requests at a time; a bucket's last batch is filled up.
  """
  inputs_N = -(-np.maximum(inputs_N, 1) // _ROUND_INPUTS) * _ROUND_INPUTS
  sizes = np.stack([inputs_N, np.maximum(rows_N, 1)])
  position = np.array([1.0, _CANDIDATE_POSITION * width])

  def cost(chosen: np.ndarray) -> float:
    batches = -(-len(chosen) // batch_size)
    return batches * batch_size * float(position @ sizes[:, chosen].max(axis=1))

  def best_division(chosen: np.ndarray) -> tuple:
    """Returns what is saved, and both parts."""
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
