"""Slices of requests by an attribute, e.g. by the length of the history."""

import dataclasses
from collections.abc import Mapping

import numpy as np

# The number of slices of a numeric attribute. Their numbers of requests are as
# equal as possible.
_PARTS = 4


@dataclasses.dataclass(frozen=True)
class Slice:
  """Some of the requests.

  Attributes:
    attribute: The attribute.
    label: Its value or range in this slice, e.g. "5 to 8".
    rows: bool [B], whether each request is in this slice.
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
    attributes: [B] by name. Each string is a slice. Numbers are put into
      ranges.

  Returns:
    The slices of each attribute, in ascending order. Each request is in exactly
    one of them.
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
  """Returns the lowest and the highest number of each slice."""
  values, counts = np.unique(column_B, return_counts=True)
  # A value goes to the part that contains the middle of its requests.
  middle = np.cumsum(counts) - counts / 2
  part = (middle * _PARTS / max(len(column_B), 1)).astype(np.int64)
  return [
    (values[part == p].min(), values[part == p].max()) for p in np.unique(part)
  ]
