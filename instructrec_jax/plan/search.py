"""Finds the largest batch that fits, with few compilations."""

import dataclasses
from collections.abc import Callable

_COMPILATIONS = 3  # The most compilations of a search.


@dataclasses.dataclass(frozen=True)
class Largest:
  """The bounds of the largest batch.

  Attributes:
    fits: Rows of the largest batch that was compiled and fits; 0 for none.
    fails: Rows of the smallest that was compiled and does not fit, or None.
    unit: Batches are multiples of this many rows.
  """

  fits: int
  fails: int | None
  unit: int

  @property
  def is_exact(self) -> bool:
    """Whether the next batch is known not to fit."""
    return self.fails == self.fits + self.unit


def largest_batch(
  peak_of: Callable[[int], int],
  memory: int,
  unit: int,
  known: dict[int, int],
) -> Largest:
  """Finds the largest batch whose step fits into memory.

  Memory grows about linearly with the batch. So two sizes give a line, the line
  gives a third size to try, and that gives a better line.

  Args:
    peak_of: Compiles the step for a batch, and returns the bytes it needs.
    memory: The bytes of a chip.
    unit: Batches are multiples of this many rows.
    known: Bytes by rows, for at least one batch. Results are added to it.
  """
  for _ in range(_COMPILATIONS):
    rows = _next(memory, unit, known)
    if rows in known:
      break
    known[rows] = peak_of(rows)
  fits = [rows for rows, peak in known.items() if peak <= memory]
  fails = [rows for rows, peak in known.items() if peak > memory]
  return Largest(max(fits, default=0), min(fails, default=None), unit)


def _next(memory: int, unit: int, known: dict[int, int]) -> int:
  """Returns the batch to try next, or a known one if there is none."""
  low = max((r for r, peak in known.items() if peak <= memory), default=0)
  high = min((r for r, peak in known.items() if peak > memory), default=None)
  if len(known) == 1:
    [rows] = known
    return 2 * rows if low else max(rows // 2 // unit, 1) * unit
  # Interpolate between the two batches nearest to the limit.
  near = sorted(known, key=lambda rows: abs(known[rows] - memory))[:2]
  slope = (known[near[0]] - known[near[1]]) / (near[0] - near[1])
  if slope <= 0:
    return near[0]
  guess = near[0] + int((memory - known[near[0]]) / slope)
  guess = max(guess // unit, low // unit + 1) * unit
  return (
    guess if high is None else min(max(guess, unit), max(high - unit, unit))
  )
