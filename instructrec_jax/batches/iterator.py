"""What training takes its batches from."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np


class Batches(Protocol):
  """An iterator over this process's batches that can go back to a position.

  Attributes:
    shares_position: whether the position is the same in all processes, so that
      any number of them can take it up.
  """

  shares_position: bool

  def __next__(self) -> Mapping[str, np.ndarray]:
    """Returns the next batch."""

  def get_state(self) -> bytes:
    """Returns the position after the last batch that was returned."""

  def set_state(self, state: bytes) -> None:
    """Goes to a position, so that the batch after it comes next."""

  def seek(self, step: int) -> None:
    """Goes from the start to where `step` batches have been returned."""
