"""Checkpoints: parameters, optimizer state and data position.

A checkpoint is the folder <model_dir>/checkpoints/<step> with three items:
  params     the parameters, under T5X's names
  optimizer  the optimizer's state and the step
  data       the position of the batch iterators, one for all processes or one
             each; missing if the checkpoint was converted from another
             runner's
  checksums  the sizes and hashes of the files of the others
Orbax writes it under a temporary name and renames it when complete, so a folder
named by a number is complete. In a bucket, which cannot rename, it is complete
if it has a file commit_success.txt.
"""

import contextlib
import dataclasses
import errno
import logging as python_logging
import os
import shutil
import sys
from collections.abc import Generator
from typing import Any

import jax
import orbax.checkpoint as ocp
from absl import logging
from etils import epath

from instructrec_jax import paths
from instructrec_jax.batches.iterator import Batches
from instructrec_jax.errors import InputError
from instructrec_jax.train.step import TrainState
from instructrec_jax.weights import (
  checksums,
  formats,
  native,
  orbax_item,
  shapes,
)

_ALL_PROCESSES = "all_processes"
# Where checkpoints go before they are deleted, beside those that are kept.
_REMOVED = ".removed"
# What a person can do something about.
_REFUSALS = (
  errno.ENOSPC,
  errno.EDQUOT,
  errno.EROFS,
  errno.EACCES,
  errno.EPERM,
  errno.ENOTDIR,
  errno.EEXIST,
  errno.EIO,
)


class Checkpoints:
  """A context manager for a run's checkpoints. It waits for saves at exit."""

  def __init__(self, model_dir: str | os.PathLike[str], keep: int | None):
    """Opens the run's folder, and removes the remains of a killed save.

    Args:
      model_dir: The run's folder. It is made if it does not exist.
      keep: The number of newest checkpoints to keep, or None for all.

    Raises:
      InputError: It cannot be written.
    """
    self._folder = paths.absolute(model_dir) / native.CHECKPOINTS
    items = ocp.handlers.DefaultCheckpointHandlerRegistry()
    for name, args, handler in (
      (native.PARAMS, ocp.args.StandardSave, ocp.StandardCheckpointHandler()),
      (
        native.OPTIMIZER,
        ocp.args.StandardSave,
        ocp.StandardCheckpointHandler(),
      ),
      (native.DATA, _Position, _PositionHandler()),
      # The last, as it looks at the files of the others.
      (checksums.ITEM, checksums.Args, checksums.handler()),
    ):
      items.add(name, args, handler)
    with contextlib.ExitStack() as quiet:
      quiet.enter_context(_errors_told_once())
      self._open(keep, items)
      self._quiet = quiet.pop_all()

  def _open(
    self, keep: int | None, items: ocp.handlers.CheckpointHandlerRegistry
  ) -> None:
    """Opens Orbax's manager."""
    with paths.reading(self._folder), self._writing("be opened"):
      self._clear_removed()
      self._manager = ocp.CheckpointManager(
        self._folder,
        options=ocp.CheckpointManagerOptions(
          max_to_keep=keep,
          cleanup_tmp_directories=True,
          # A kill must not leave half a checkpoint under its number. Orbax
          # ignores this in a bucket.
          todelete_subdir=_REMOVED,
        ),
        handler_registry=items,
      )

  def __enter__(self) -> "Checkpoints":
    return self

  def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
    with self._quiet:
      try:
        if kind is None:
          with self._writing("be saved"):
            self._manager.close()
        else:
          # What ended the run is told, and not that a save failed, too.
          with contextlib.suppress(Exception):
            self._manager.close()
      finally:
        self._clear_removed()

  def latest_step(self) -> int | None:
    """Returns the step of the newest checkpoint, or None."""
    return self._manager.latest_step()

  def save(self, state: TrainState, batches: Batches) -> None:
    """Saves a state and the position of its data, in the background.

    Args:
      state: The state. It is copied to the host before this returns.
      batches: The batches, at the position of the next step.

    Raises:
      InputError: The disk is full or cannot be written. It may be told when
        the next checkpoint is saved, or at exit.
    """
    optimizer = {"step": state.step, "opt_state": state.opt_state}
    with self._writing("be saved"):
      self._manager.wait_until_finished()
      self._clear_removed()
      self._manager.save(
        int(state.step),
        args=ocp.args.Composite(
          params=ocp.args.StandardSave(state.params),
          optimizer=ocp.args.StandardSave(optimizer),
          data=_Position(batches.get_state(), batches.shares_position),
          checksums=checksums.Args(),
        ),
      )

  def _clear_removed(self) -> None:
    """Deletes checkpoints that are kept no longer, and have no number."""
    if jax.process_index() == 0 and not paths.is_remote(self._folder):
      shutil.rmtree(self._folder / _REMOVED, ignore_errors=True)

  @contextlib.contextmanager
  def _writing(self, what: str) -> Generator[None]:
    """Turns what a disk refuses into one line.

    Args:
      what: What a checkpoint could not.

    Raises:
      InputError: The disk is full or cannot be written.
    """
    try:
      yield
    except Exception as error:
      refused = _refused(error)
      if refused is None:
        raise
      there = sorted(step for step in native.steps(self._folder.parent) if step)
      kept = (
        f"whole are {', '.join(map(str, there))}" if there else "none is there"
      )
      raise InputError(
        f"a checkpoint in {self._folder} could not {what}: {refused}. Of the "
        f"others {kept}. When it can be written, the same command goes on"
      ) from error

  def restore(
    self, step: int, like: TrainState, batches: Batches
  ) -> TrainState:
    """Returns the state saved at a step, and restores the data's position.

    Args:
      step: The step of a checkpoint that exists.
      like: `jax.ShapeDtypeStruct`s with shardings.
      batches: The batches, whose position is restored.

    Raises:
      InputError: The checkpoint does not match, or is damaged.
    """
    folder = self._folder / str(step)
    native.check(folder, native.PARAMS)
    has_state = (folder / native.OPTIMIZER).is_dir()
    if not has_state and not checksums.lists(folder, native.OPTIMIZER):
      raise InputError(
        f"{folder} has only parameters, so a run cannot resume from it: bind "
        "INITIAL_CHECKPOINT_PATH to it, and MODEL_DIR to another folder"
      )
    native.check(folder, native.OPTIMIZER)
    params = _restore(folder, native.PARAMS, like.params, "parameter")
    rest = _restore(
      folder,
      native.OPTIMIZER,
      {"step": like.step, "opt_state": like.opt_state},
      "optimizer array",
    )
    if (folder / native.DATA).is_dir():
      native.check(folder, native.DATA)
      with native.reading(folder, native.DATA):
        batches.set_state(_PositionHandler().restore(folder / native.DATA))
    else:
      logging.info("%s was converted: data start at step %d.", folder, step)
      batches.seek(step)
    return TrainState(rest["step"], params, rest["opt_state"])


def find(path: str | os.PathLike[str], step: int | None = None) -> epath.Path:
  """Returns the folder of a checkpoint.

  Args:
    path: The folder of a checkpoint or a run, in any format: ours, T5X's or
      Hugging Face's.
    step: The step of the checkpoint. The newest by default.

  Raises:
    InputError: There is no checkpoint.
  """
  return formats.find(path, step).folder


def load_params(path: str | os.PathLike[str], expected: Any) -> Any:
  """Returns a checkpoint's parameters, without its optimizer.

  Args:
    path: As for `find`.
    expected: A tree of `jax.ShapeDtypeStruct`, with shardings or, for one
      device, without.

  Raises:
    InputError: There is no checkpoint, or it does not match.
  """
  return formats.find(path).load(expected)


def _restore(folder: epath.Path, item: str, expected: Any, kind: str) -> Any:
  """Checks and returns the arrays of an item."""
  with native.reading(folder, item):
    found = shapes.table(orbax_item.metadata(folder / item))
  differs = shapes.difference(found, shapes.table(expected), kind)
  if differs:
    raise InputError(
      f"the checkpoint {folder} does not match the model or optimizer: "
      f"{differs}"
    )
  with native.reading(folder, item):
    return orbax_item.load(folder / item, expected)


@contextlib.contextmanager
def _errors_told_once() -> Generator[None]:
  """Keeps Orbax from printing the errors that it then raises here.

  Each of its threads logs the error with a traceback. TensorStore's threads
  print one for each write that was still on its way when a thread gave up.
  """
  before = sys.unraisablehook

  def hook(unraisable: Any) -> None:
    if str(unraisable.exc_value) != "Event loop is closed":
      before(unraisable)

  def is_new(record: python_logging.LogRecord) -> bool:
    return not (record.exc_info and "orbax" in record.pathname)

  logger = python_logging.getLogger("absl")
  logger.addFilter(is_new)
  sys.unraisablehook = hook
  try:
    yield
  finally:
    sys.unraisablehook = before
    logger.removeFilter(is_new)


def _refused(error: BaseException) -> str | None:
  """Returns why a disk refused to be written, or None for another error.

  TensorStore says only in words what the system refused, and Orbax raises its
  errors from those of its threads.
  """
  seen: set[int] = set()
  one: BaseException | None = error
  while one is not None and id(one) not in seen:
    seen.add(id(one))
    if isinstance(one, OSError) and one.errno in _REFUSALS:
      return os.strerror(one.errno)
    for number in _REFUSALS:
      if os.strerror(number) in str(one):
        return os.strerror(number)
    one = one.__cause__ or one.__context__
  return None


class _PositionHandler(ocp.CheckpointHandler):
  """Keeps one file for all processes, or one for each, named by its index."""

  def save(self, directory: epath.Path, args: "_Position") -> None:
    if not args.is_shared:
      (directory / self._name()).write_bytes(args.data)
    elif jax.process_index() == 0:
      (directory / _ALL_PROCESSES).write_bytes(args.data)

  def restore(
    self, directory: epath.Path, args: "_Position | None" = None
  ) -> bytes:
    del args
    for name in (_ALL_PROCESSES, self._name()):
      if (directory / name).exists():
        return (directory / name).read_bytes()
    there = sorted(child.name for child in directory.iterdir())
    raise InputError(
      f"no data position at {directory / self._name()}, found "
      f"{', '.join(there)}. A run on records must resume with as many "
      "processes as saved it; a run on cached tokens can resume with any number"
    )

  def _name(self) -> str:
    return f"process_{jax.process_index()}-of-{jax.process_count()}"


@ocp.args.register_with_handler(
  _PositionHandler, for_save=True, for_restore=True
)
@dataclasses.dataclass
class _Position(ocp.args.CheckpointArgs):
  data: bytes = b""
  is_shared: bool = False
