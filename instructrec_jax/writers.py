"""Where training's figures go: the terminal, TensorBoard, and a JSON file."""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gin
import tqdm
from clu import metric_writers

from instructrec_jax.artifacts import atomic_write_text

METRICS_FILE = "metrics.jsonl"


class _ScalarsWriter(metric_writers.MetricWriter):
  """A writer of scalars and of nothing else."""

  def flush(self) -> None:
    """Puts what was written where it belongs."""

  def close(self) -> None:
    """Flushes."""
    self.flush()

  def _unsupported(self, *args: Any, **kwargs: Any) -> None:
    raise TypeError(f"{type(self).__name__} writes scalars only")

  write_summaries = write_images = write_videos = write_audios = _unsupported
  write_texts = write_histograms = write_hparams = _unsupported


class TerminalWriter(_ScalarsWriter):
  """Prints a line, above the progress bar where there is one."""

  def write_scalars(self, step: int, scalars: Mapping[str, Any]) -> None:
    """Prints one line to standard error."""
    figures = (f"{name} {float(x):.4g}" for name, x in scalars.items())
    tqdm.tqdm.write(f"step {step}: {', '.join(figures)}", file=sys.stderr)


class JsonLinesWriter(_ScalarsWriter):
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


@gin.configurable(module="instructrec_jax")
def default_writer(
  model_dir: str | os.PathLike = gin.REQUIRED,
) -> metric_writers.MetricWriter:
  """Returns a writer to the terminal, TensorBoard and metrics.jsonl.

  Args:
    model_dir: the run's folder, which gets the two files.
  """
  model_dir = Path(model_dir)
  return metric_writers.MultiWriter(
    [
      TerminalWriter(),
      metric_writers.SummaryWriter(str(model_dir / "tensorboard")),
      JsonLinesWriter(model_dir / METRICS_FILE),
    ]
  )
