"""Checkpoints: parameters, optimizer state and data position.

A checkpoint is the folder <model_dir>/checkpoints/<step> with three items:
  params     the parameters, under T5X's names
  optimizer  the optimizer's state and the step
  data       the position of the batch iterators, one for all processes or one
             each; missing if the checkpoint was converted from another
             runner's
Orbax writes it under a temporary name and renames it when complete, so a folder
named by a number is complete. In a bucket, which cannot rename, it is complete
if it has a file commit_success.txt.
"""

import dataclasses
import os
from typing import Any

import jax
import orbax.checkpoint as ocp
from absl import logging
from etils import epath

from instructrec_jax import paths
from instructrec_jax.batches.iterator import Batches
from instructrec_jax.errors import InputError
from instructrec_jax.train.step import TrainState
from instructrec_jax.weights import formats, native, orbax_item, shapes

_ALL_PROCESSES = "all_processes"


class Checkpoints:
  """A context manager for a run's checkpoints. It waits for saves at exit."""

  def __init__(self, model_dir: str | os.PathLike[str], keep: int | None):
    """Opens the run's folder, and removes the remains of a killed save.

    Args:
      model_dir: The run's folder. It is made if it does not exist.
      keep: The number of newest checkpoints to keep, or None for all.

    Raises:
      InputError: It is in a bucket that cannot be used.
    """
    self._folder = paths.absolute(model_dir) / native.CHECKPOINTS
    with paths.reading(self._folder):
      self._manager = ocp.CheckpointManager(
        self._folder,
        options=ocp.CheckpointManagerOptions(
          max_to_keep=keep, cleanup_tmp_directories=True
        ),
      )

  def __enter__(self) -> "Checkpoints":
    return self

  def __exit__(self, *_: Any) -> None:
    self._manager.close()

  def latest_step(self) -> int | None:
    """Returns the step of the newest checkpoint, or None."""
    return self._manager.latest_step()

  def save(self, state: TrainState, batches: Batches) -> None:
    """Saves a state and the position of its data, in the background.

    Args:
      state: The state. It is copied to the host before this returns.
      batches: The batches, at the position of the next step.
    """
    optimizer = {"step": state.step, "opt_state": state.opt_state}
    self._manager.save(
      int(state.step),
      args=ocp.args.Composite(
        params=ocp.args.StandardSave(state.params),
        optimizer=ocp.args.StandardSave(optimizer),
        data=_Position(batches.get_state(), batches.shares_position),
      ),
    )

  def restore(
    self, step: int, like: TrainState, batches: Batches
  ) -> TrainState:
    """Returns the state saved at a step, and restores the data's position.

    Args:
      step: The step of a checkpoint that exists.
      like: `jax.ShapeDtypeStruct`s with shardings.
      batches: The batches, whose position is restored.

    Raises:
      InputError: The checkpoint does not match.
    """
    folder = self._folder / str(step)
    if not (folder / native.OPTIMIZER).is_dir():
      raise InputError(
        f"{folder} has only parameters, so a run cannot resume from it: bind "
        "INITIAL_CHECKPOINT_PATH to it, and MODEL_DIR to another folder"
      )
    params = _restore(folder / native.PARAMS, like.params, "parameter")
    rest = _restore(
      folder / native.OPTIMIZER,
      {"step": like.step, "opt_state": like.opt_state},
      "optimizer array",
    )
    if (folder / native.DATA).is_dir():
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


def _restore(item: epath.Path, expected: Any, kind: str) -> Any:
  """Checks and returns the arrays of an item."""
  found = shapes.table(orbax_item.metadata(item))
  differs = shapes.difference(found, shapes.table(expected), kind)
  if differs:
    raise InputError(
      f"the checkpoint {item.parent} does not match the model or optimizer: "
      f"{differs}"
    )
  return orbax_item.load(item, expected)


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
