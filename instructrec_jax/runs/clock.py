"""Keeps how long the stages of a run take."""

import contextlib
import sys
import time
from collections.abc import Generator


class Clock:
  """Adds up how long each stage takes; one is on at a time, or none.

  Attributes:
    seconds: by stage, in the order in which they first began.
  """

  def __init__(self):
    self.seconds: dict[str, float] = {}
    self._stage: str | None = None
    self._since = 0.0

  def start(self, stage: str) -> None:
    """Begins a stage, ends the one before, and says so on standard error."""
    print(f"── {stage}", file=sys.stderr, flush=True)
    self._turn_to(stage)

  def stop(self) -> None:
    """Ends the last stage."""
    self._turn_to(None)

  @contextlib.contextmanager
  def during(self, stage: str) -> Generator[None]:
    """Times a stage; the one that it interrupts goes on afterwards."""
    interrupted = self._stage
    self._turn_to(stage)
    try:
      yield
    finally:
      self._turn_to(interrupted)

  def share(self, stage: str) -> float:
    """Returns the share of a stage in the time of all; 0 if it never began."""
    whole = sum(self.seconds.values())
    return self.seconds.get(stage, 0.0) / whole if whole else 0.0

  def __str__(self) -> str:
    parts = [f"{stage} {taken:.0f} s" for stage, taken in self.seconds.items()]
    total = sum(self.seconds.values())
    return f"Time: {', '.join(parts)}; {total:.0f} s in all"

  def _turn_to(self, stage: str | None) -> None:
    now = time.monotonic()
    if self._stage is not None:
      self.seconds[self._stage] += now - self._since
    if stage is not None:
      self.seconds.setdefault(stage, 0.0)
    self._stage, self._since = stage, now
