"""A run's folder: its settings, and checks of what the run was made of."""

import contextlib
import json
import os
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import jax
from etils import epath

from instructrec_jax import artifacts, paths
from instructrec_jax.errors import InputError
from instructrec_jax.files import locks
from instructrec_jax.weights import native, t5x

# All gin settings of the run.
CONFIG_FILE = "config.gin"
# The stages that write a folder to train in.
_STAGES = ("train", "convert")
# What tells that a folder without a manifest is something else than a run.
_MARKS = {
  "metrics.json": "results of `instructrec evaluate`",
  "predictions.jsonl": "results of `instructrec evaluate`",
  "records": "data of `instructrec build`",
  "tables": "data of `instructrec normalize`",
}


def check_kind(model_dir: epath.Path) -> None:
  """Raises InputError if a folder holds something else than a run of ours."""
  with paths.reading(model_dir):
    if not model_dir.is_dir():
      return
    stage = manifest(model_dir).get("stage", "train")
    found = [
      what for mark, what in _MARKS.items() if (model_dir / mark).exists()
    ]
    if stage not in _STAGES:
      found = [f"the output of `instructrec {stage}`"]
    if t5x.steps(model_dir):
      found = ["a run of T5X, which `instructrec convert` can convert"]
  if found:
    raise InputError(
      f"MODEL_DIR = {str(model_dir)!r} holds {found[0]}: expected a new "
      "folder, or that of a run"
    )


def check_writable(folder: str | os.PathLike[str], setting: str) -> None:
  """Raises InputError if a folder cannot be written; nothing is written.

  Args:
    folder: The folder, which need not exist. In a bucket it is not checked.
    setting: The flag or macro that names it.
  """
  try:
    paths.check_writable(folder)
  except InputError as error:
    raise InputError(f"{setting}: {error}") from None


@contextlib.contextmanager
def locked(model_dir: epath.Path) -> Generator[None]:
  """Keeps other processes from training in a run's folder.

  The kernel drops the lock when the process ends, however it ends. Of several
  processes of one run, the first holds it. A bucket has no locks. A disk
  without locks, as NFS may be, is used without, and a line says so.

  Raises:
    InputError: Another process trains there, or the folder cannot be written.
  """
  if paths.is_remote(model_dir) or jax.process_index():
    yield
    return
  folder = Path(model_dir)
  check_writable(folder, "MODEL_DIR")
  folder.mkdir(parents=True, exist_ok=True)
  busy = (
    f"another process trains in MODEL_DIR = {str(model_dir)!r}: wait for it, "
    "or choose another folder"
  )
  with locks.locked(folder, busy):
    try:
      yield
    finally:
      # A run that is refused leaves no empty folder.
      with contextlib.suppress(OSError):
        folder.rmdir()


def last_step(model_dir: epath.Path) -> int | None:
  """Returns the step of a run's newest checkpoint, or None.

  Raises:
    InputError: The folder is in a bucket that cannot be read.
  """
  with paths.reading(model_dir):
    steps = [step for step in native.steps(model_dir) if step is not None]
  return max(steps, default=None)


def manifest(model_dir: epath.Path) -> dict[str, Any]:
  """Returns a run's manifest; {} if there is none.

  Raises:
    InputError: It is damaged.
  """
  path = model_dir / artifacts.MANIFEST
  with paths.reading(model_dir):
    if not path.exists():
      return {}
    try:
      found = json.loads(path.read_text())
    except ValueError as error:
      raise InputError(f"{path} is not JSON: {error}") from None
  parts = ("made_of", "vocabulary", "versions")
  if not isinstance(found, dict) or not all(
    isinstance(found.get(part, {}), dict) for part in parts
  ):
    raise InputError(f"{path} is no manifest of a run")
  return found


def check_same(
  model_dir: epath.Path, made_of: Mapping[str, Any]
) -> dict[str, Any]:
  """Returns a run's manifest if the run was made of `made_of`.

  Raises:
    InputError: It was made of something else, or has no manifest.
  """
  there = manifest(model_dir)
  if not there and last_step(model_dir) is not None:
    raise InputError(
      f"{model_dir} has checkpoints but no {artifacts.MANIFEST}, which says "
      "what data they were trained on: put it back, or start a new run with "
      "INITIAL_CHECKPOINT_PATH"
    )
  before = there.get("made_of", {})
  for key, now in made_of.items():
    if key in before and before[key] != now:
      raise InputError(
        f"{model_dir} holds a run with {key} {before[key]}, but got {key} "
        f"{now}: choose another MODEL_DIR, or the data and settings of that "
        "run"
      )
  return there


def check_rows(model: Any, vocabulary: Mapping[str, Any]) -> None:
  """Raises InputError if the model has fewer rows than the vocabulary."""
  rows, pieces = model.config.vocab_size, vocabulary["pieces"]
  if pieces > rows:
    raise InputError(
      f"the vocabulary {vocabulary['file']} has {pieces} pieces, but the model "
      f"has {rows} rows: bind VOCAB_SIZE to {pieces} or more"
    )
