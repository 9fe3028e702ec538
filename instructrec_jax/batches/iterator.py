"""The type of iterators that training takes batches from."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np


class Batches(Protocol):
  """An iterator over this process's batches with a position.

  Attributes:
    shares_position: Whether the position is the same in all processes, so any
      number of them can resume from it.
  """

  shares_position: bool

  def __next__(self) -> Mapping[str, np.ndarray]:
    """Returns the next batch."""

  def get_state(self) -> bytes:
    """Returns the position of the next batch."""

  def set_state(self, state: bytes) -> None:
    """Restores a position."""

  def seek(self, step: int) -> None:
    """Goes from the start to the position after `step` batches."""
