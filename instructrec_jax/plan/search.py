"""The largest batch that fits, found by few compilations."""

import dataclasses
from collections.abc import Callable

_COMPILATIONS = 3  # At most.


@dataclasses.dataclass(frozen=True)
class Largest:
  """What is known of the largest batch.

  Attributes:
    fits: rows of the largest batch that was compiled and fits; 0 for none.
    fails: rows of the smallest that was compiled and does not, or None.
    unit: rows that batches are multiples of.
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
  """Looks for the largest batch whose step fits into memory.

  Memory grows about linearly with the batch: two sizes give a line, the line a
  third size to try, and that one a better line.

  Args:
    peak_of: compiles the step for a batch, and returns the bytes it needs.
    memory: bytes that a chip has.
    unit: rows that batches are multiples of.
    known: bytes by rows, of at least one batch; gets what is found out.
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
  """Returns the batch to try next; one that is known if there is none."""
  low = max((r for r, peak in known.items() if peak <= memory), default=0)
  high = min((r for r, peak in known.items() if peak > memory), default=None)
  if len(known) == 1:
    [rows] = known
    return 2 * rows if low else max(rows // 2 // unit, 1) * unit
  # The two batches next to the limit are the best guide to what is between.
  near = sorted(known, key=lambda rows: abs(known[rows] - memory))[:2]
  slope = (known[near[0]] - known[near[1]]) / (near[0] - near[1])
  if slope <= 0:
    return near[0]
  guess = near[0] + int((memory - known[near[0]]) / slope)
  guess = max(guess // unit, low // unit + 1) * unit
  return (
    guess if high is None else min(max(guess, unit), max(high - unit, unit))
  )
