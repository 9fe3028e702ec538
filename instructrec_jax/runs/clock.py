"""Says what is being done, and how long it took."""

import sys
import time


class Clock:
  """Says on standard error what is being done, and keeps the times."""

  def __init__(self):
    self._stages: list[tuple[str, float]] = []

  def start(self, stage: str) -> None:
    """Begins a stage, and ends the one before."""
    self._stages.append((stage, time.monotonic()))
    print(f"── {stage}", file=sys.stderr, flush=True)

  def stop(self) -> None:
    """Ends the last stage."""
    self._stages.append(("", time.monotonic()))

  def __str__(self) -> str:
    parts = [
      f"{stage} {end - start:.0f} s"
      for (stage, start), (_, end) in zip(
        self._stages, self._stages[1:], strict=False
      )
    ]
    total = self._stages[-1][1] - self._stages[0][1]
    return f"Time: {', '.join(parts)}; {total:.0f} s in all"
