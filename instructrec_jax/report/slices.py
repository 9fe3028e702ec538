"""Requests told apart by what they are, e.g. by the length of their history."""

import dataclasses
from collections.abc import Mapping

import numpy as np

# Numbers are put into so many slices with as nearly as can be equally many
# requests in each.
_PARTS = 4


@dataclasses.dataclass(frozen=True)
class Slice:
  """Some of the requests.

  Attributes:
    attribute: what they are told apart by.
    label: what those of this slice have, e.g. "5 to 8".
    rows: bool [B], which they are.
  """

  attribute: str
  label: str
  rows: np.ndarray

  @property
  def n(self) -> int:
    """The number of requests."""
    return int(self.rows.sum())


def slices(attributes: Mapping[str, np.ndarray]) -> list[Slice]:
  """Returns the slices of every attribute.

  Args:
    attributes: by name, [B]: of strings, each is a slice; numbers are put into
      ranges.

  Returns:
    Of each attribute slices in ascending order, of which each request is in
    exactly one.
  """
  found = []
  for attribute, column_B in attributes.items():
    column_B = np.asarray(column_B)
    ranges = _ranges(column_B) if column_B.dtype.kind in "iuf" else [
      (value, value) for value in np.unique(column_B)
    ]  # fmt: skip
    found += [
      Slice(
        attribute,
        f"{low}" if low == high else f"{low} to {high}",
        (column_B >= low) & (column_B <= high),
      )
      for low, high in ranges
    ]
  return found


def _ranges(column_B: np.ndarray) -> list[tuple]:
  """Returns the least and the greatest number of each slice."""
  values, counts = np.unique(column_B, return_counts=True)
  # A value goes to the part that the middle of its requests is in.
  middle = np.cumsum(counts) - counts / 2
  part = (middle * _PARTS / max(len(column_B), 1)).astype(np.int64)
  return [
    (values[part == p].min(), values[part == p].max()) for p in np.unique(part)
  ]
