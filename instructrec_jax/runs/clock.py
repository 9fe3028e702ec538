"""Measures how long the stages of a run take."""

import contextlib
import sys
import time
from collections.abc import Generator


class Clock:
  """Adds up the time of each stage. At most one stage runs at a time.

  Attributes:
    seconds: The time of each stage, in the order of their first start.
  """

  def __init__(self):
    self.seconds: dict[str, float] = {}
    self._stage: str | None = None
    self._since = 0.0

  def start(self, stage: str) -> None:
    """Ends the current stage, starts another, and prints its name to stderr."""
    print(f"── {stage}", file=sys.stderr, flush=True)
    self._turn_to(stage)

  def stop(self) -> None:
    """Ends the current stage."""
    self._turn_to(None)

  @contextlib.contextmanager
  def during(self, stage: str) -> Generator[None]:
    """Times a stage. The stage that it interrupts continues afterwards."""
    interrupted = self._stage
    self._turn_to(stage)
    try:
      yield
    finally:
      self._turn_to(interrupted)

  def share(self, stage: str) -> float:
    """Returns a stage's share of the total time; 0 if it never started."""
    whole = sum(self.seconds.values())
    return self.seconds.get(stage, 0.0) / whole if whole else 0.0

  def __str__(self) -> str:
    parts = [f"{stage} {taken:.0f} s" for stage, taken in self.seconds.items()]
    total = sum(self.seconds.values())
    return f"Time: {', '.join(parts)}; {total:.0f} s in total"

  def _turn_to(self, stage: str | None) -> None:
    now = time.monotonic()
    if self._stage is not None:
      self.seconds[self._stage] += now - self._since
    if stage is not None:
      self.seconds.setdefault(stage, 0.0)
    self._stage, self._since = stage, now
