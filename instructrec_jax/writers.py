"""Where training's figures go: the terminal, TensorBoard, and a JSON file."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gin
import jax
import tensorboard.summary
import tqdm

from instructrec_jax.artifacts import atomic_write_text
from instructrec_jax.train import runner

METRICS_FILE = "metrics.jsonl"


class TerminalWriter:
  """Prints a line, above the progress bar where there is one."""

  def write_scalars(self, step: int, scalars: Mapping[str, Any]) -> None:
    """Prints one line to standard error."""
    figures = (f"{name} {float(x):.4g}" for name, x in scalars.items())
    tqdm.tqdm.write(f"step {step}: {', '.join(figures)}", file=sys.stderr)

  def flush(self) -> None:
    """Nothing is held back."""


class TensorBoardWriter:
  """Writes scalars as TensorBoard reads them, by its own code, in numpy."""

  def __init__(self, folder: Path):
    """Remembers where to write; nothing is touched before the first figures.

    Args:
      folder: made, if need be.
    """
    self._folder = folder
    self._writer: tensorboard.summary.Writer | None = None

  def write_scalars(self, step: int, scalars: Mapping[str, Any]) -> None:
    """Writes figures, each under its name."""
    if self._writer is None:
      self._writer = tensorboard.summary.Writer(str(self._folder))
    for name, x in scalars.items():
      self._writer.add_scalar(name, float(x), step)

  def flush(self) -> None:
    """Puts what was written where it belongs."""
    if self._writer is not None:
      self._writer.flush()


class JsonLinesWriter:
  """Writes scalars as one JSON object a line: {"step": 10, "loss": 2.5, …}.

  A run that is started again takes up at its last checkpoint. Lines of the
  first step that it writes, or of a later one, are removed: they are written
  anew.
  """

  def __init__(self, path: Path):
    """Remembers where to write; nothing is touched before the first line.

    Args:
      path: made, with its folder, if need be.
    """
    self._path = path
    self._is_clean = False

  def write_scalars(self, step: int, scalars: Mapping[str, Any]) -> None:
    """Writes one line, which is on disk when this returns."""
    if not self._is_clean:
      atomic_write_text(self._path, "".join(self._lines_before(step)))
      self._is_clean = True
    row = {"step": step} | {key: float(x) for key, x in scalars.items()}
    with self._path.open("a", encoding="utf-8") as file:
      file.write(json.dumps(row) + "\n")

  def _lines_before(self, step: int) -> list[str]:
    if not self._path.exists():
      return []
    # A killed run may have left half a line at the end.
    whole = self._path.read_text(encoding="utf-8").rpartition("\n")[0]
    lines = whole.splitlines(keepends=False)
    return [f"{x}\n" for x in lines if json.loads(x)["step"] < step]

  def flush(self) -> None:
    """Nothing is held back."""


class Writers:
  """Several writers as one."""

  def __init__(self, writers: Sequence[runner.Writer]):
    self._writers = writers

  def write_scalars(self, step: int, scalars: Mapping[str, Any]) -> None:
    """Gives the figures of a step to each."""
    for writer in self._writers:
      writer.write_scalars(step, scalars)

  def flush(self) -> None:
    """Flushes each."""
    for writer in self._writers:
      writer.flush()


@gin.configurable(module="instructrec_jax")
def default_writer(model_dir: str | os.PathLike = gin.REQUIRED) -> Writers:
  """Returns a writer to the terminal, TensorBoard and metrics.jsonl.

  On all processes but the first it writes nothing.

  Args:
    model_dir: the run's folder, which gets the two files.
  """
  if jax.process_index():
    return Writers([])
  model_dir = Path(model_dir)
  return Writers(
    [
      TerminalWriter(),
      TensorBoardWriter(model_dir / "tensorboard"),
      JsonLinesWriter(model_dir / METRICS_FILE),
    ]
  )
