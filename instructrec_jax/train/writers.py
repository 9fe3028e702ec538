"""Writers of training's figures: terminal, TensorBoard, and a JSON file."""

import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import gin
import jax
import tensorboard.summary
import tqdm
from etils import epath

from instructrec_jax import paths
from instructrec_jax.artifacts import atomic_write_text
from instructrec_jax.errors import InputError
from instructrec_jax.files import json_lines
from instructrec_jax.train import runner

METRICS_FILE = "metrics.jsonl"
# Seconds between writes of that file to a bucket.
_WRITE_PERIOD = 60


class TerminalWriter:
  """Prints a line, above the progress bar if there is one."""

  def write_scalars(self, step: int, scalars: Mapping[str, Any]) -> None:
    """Prints one line to standard error."""
    figures = (f"{name} {float(x):.4g}" for name, x in scalars.items())
    tqdm.tqdm.write(f"step {step}: {', '.join(figures)}", file=sys.stderr)

  def flush(self) -> None:
    """Does nothing, because nothing is held back."""


class TensorBoardWriter:
  """Writes scalars for TensorBoard, with TensorBoard's own code.

  That code uses TensorFlow to write to a bucket.
  """

  def __init__(self, folder: epath.Path):
    """Makes a writer. Nothing is written before the first figures.

    Args:
      folder: The folder. It is made if it does not exist.
    """
    self._folder = folder
    self._writer: tensorboard.summary.Writer | None = None

  def write_scalars(self, step: int, scalars: Mapping[str, Any]) -> None:
    """Writes the figures of a step."""
    if self._writer is None:
      self._writer = tensorboard.summary.Writer(str(self._folder))
    for name, x in scalars.items():
      self._writer.add_scalar(name, float(x), step)

  def flush(self) -> None:
    """Flushes TensorBoard's writer."""
    if self._writer is not None:
      self._writer.flush()


class JsonLinesWriter:
  """Writes scalars as one JSON object a line: {"step": 10, "loss": 2.5, …}.

  A resumed run repeats the steps after its last checkpoint. So lines of the
  first step that it writes, and of later steps, are removed.

  A bucket does not support appending. There the whole file is written: with the
  first line, at most once a minute, and on flush, which training calls before
  each checkpoint. A killed run loses only lines of steps that it repeats.
  """

  def __init__(self, path: epath.Path):
    """Makes a writer. Nothing is written before the first line.

    Args:
      path: The file. It and its folder are made if they do not exist.
    """
    self._path = path
    self._lines: list[str] | None = None  # Old lines, and those held back.
    self._next_write = 0.0

  def write_scalars(self, step: int, scalars: Mapping[str, Any]) -> None:
    """Writes one line. On a local disk, it is written when this returns."""
    remote = paths.is_remote(self._path)
    if self._lines is None:
      self._lines = self._lines_before(step)
      if not remote:
        atomic_write_text(self._path, "".join(self._lines))
    row = {"step": step} | {key: float(x) for key, x in scalars.items()}
    line = json.dumps(row) + "\n"
    if not remote:
      with self._path.open("a", encoding="utf-8") as file:
        file.write(line)
      return
    self._lines.append(line)
    if time.monotonic() >= self._next_write:
      self.flush()

  def _lines_before(self, step: int) -> list[str]:
    if not self._path.exists():
      return []
    # A killed run may have left half a line at the end.
    whole = self._path.read_bytes().rpartition(b"\n")[0]
    kept: list[str] = []
    damaged = 0
    for line in filter(None, whole.split(b"\n")):
      try:
        row = json_lines.loads(line, self._path)
        if row["step"] < step:
          kept.append(f"{line.decode()}\n")
      except (InputError, TypeError, KeyError):
        damaged += 1
    if damaged:
      print(
        f"{self._path}: {damaged} damaged lines are left out", file=sys.stderr
      )
    return kept

  def flush(self) -> None:
    """Writes the lines held back, if the file is in a bucket."""
    if self._lines is not None and paths.is_remote(self._path):
      atomic_write_text(self._path, "".join(self._lines))
      self._next_write = time.monotonic() + _WRITE_PERIOD


class Writers:
  """Several writers as one."""

  def __init__(self, writers: Sequence[runner.Writer]):
    self._writers = writers

  def write_scalars(self, step: int, scalars: Mapping[str, Any]) -> None:
    """Writes the figures of a step with each."""
    for writer in self._writers:
      writer.write_scalars(step, scalars)

  def flush(self) -> None:
    """Flushes each."""
    for writer in self._writers:
      writer.flush()


@gin.configurable(module="instructrec_jax")
def default_writer(model_dir: str | os.PathLike[str] = gin.REQUIRED) -> Writers:
  """Returns a writer to the terminal, TensorBoard and metrics.jsonl.

  Only the first process writes.

  Args:
    model_dir: The run's folder, for TensorBoard's files and metrics.jsonl.
  """
  if jax.process_index():
    return Writers([])
  model_dir = paths.anywhere(model_dir)
  return Writers(
    [
      TerminalWriter(),
      TensorBoardWriter(model_dir / "tensorboard"),
      JsonLinesWriter(model_dir / METRICS_FILE),
    ]
  )
