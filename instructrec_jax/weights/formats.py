"""The formats of checkpoints, and the search for checkpoints in a folder."""

import dataclasses
import os
from collections.abc import Callable, Mapping
from typing import Any

from etils import epath

from instructrec_jax import paths
from instructrec_jax.errors import InputError
from instructrec_jax.weights import (
  adafactor_state,
  hf,
  native,
  shapes,
  t5x,
  tensor,
)

Params = Mapping[str, tensor.Tensor]


@dataclasses.dataclass(frozen=True)
class Format:
  """Functions that find and read checkpoints of a format.

  Attributes:
    folder: A description of a folder of this format.
    steps: Returns the checkpoints that a folder is or holds, by step. The step
      is None if the folder's name has none.
    params: Returns a checkpoint's parameters, unread, by T5X's names.
    load: Puts a checkpoint's parameters on the devices, given the unread ones
      and a tree of `jax.ShapeDtypeStruct`.
    optimizer: Returns a checkpoint's optimizer state, given its parameters.
      None for a format without one.
  """

  folder: str
  steps: Callable[[epath.Path], dict[int | None, epath.Path]]
  params: Callable[[epath.Path], dict[str, tensor.Tensor]]
  load: Callable[[epath.Path, Params, Any], Any]
  optimizer: Callable[[epath.Path, Params], adafactor_state.State] | None


FORMATS = {
  "native": Format(
    "<model_dir>/checkpoints/<step> with a folder 'params' in it, or a "
    "<model_dir> with one (in a bucket also with commit_success.txt, without "
    "which the checkpoint is incomplete)",
    native.steps,
    native.params,
    native.load,
    native.optimizer,
  ),
  "t5x": Format(
    "T5X's <model_dir>/checkpoint_<step>, or a <model_dir> with one",
    t5x.steps,
    t5x.params,
    t5x.load,
    t5x.optimizer,
  ),
  "hf": Format(
    f"a Hugging Face folder with {hf.CONFIG_FILE} and weights",
    hf.steps,
    hf.params,
    lambda _, params, expected: tensor.place_all(params, expected),
    None,
  ),
}


@dataclasses.dataclass(frozen=True)
class Checkpoint:
  """A checkpoint that was found.

  Attributes:
    format: A key of `FORMATS`.
    folder: Its folder.
    step: The step in the folder's name, or None.
  """

  format: str
  folder: epath.Path
  step: int | None

  def params(self) -> dict[str, tensor.Tensor]:
    """Returns the parameters, unread, by T5X's names."""
    return FORMATS[self.format].params(self.folder)

  def load(self, expected: Any) -> Any:
    """Returns the parameters on the devices.

    Args:
      expected: A tree of `jax.ShapeDtypeStruct`, with shardings or, for one
        device, without.

    Raises:
      InputError: A parameter is missing, unexpected, or of another shape.
    """
    params = self.params()
    differs = shapes.difference(
      shapes.table(params), shapes.table(expected), "parameter"
    )
    if differs:
      raise InputError(
        f"the checkpoint {self.folder} does not match the model: {differs}"
      )
    return FORMATS[self.format].load(self.folder, params, expected)


def find(path: str | os.PathLike[str], step: int | None = None) -> Checkpoint:
  """Returns a checkpoint of any format.

  Args:
    path: The folder of a checkpoint or of a run, local or in a bucket (gs://…).
    step: The step of the checkpoint. The newest by default.

  Raises:
    InputError: There is none, or none of this step.
  """
  folder = paths.absolute(path)
  with paths.reading(folder):
    found = [
      Checkpoint(name, child, step)
      for name, format_ in FORMATS.items()
      for step, child in format_.steps(folder).items()
    ]
  if not found:
    expected = "; or ".join(f.folder for f in FORMATS.values())
    raise InputError(f"no checkpoint at {folder}: expected {expected}")
  there = sorted({c.step for c in found if c.step is not None})
  chosen = max(there, default=None) if step is None else step
  at_step = [c for c in found if c.step == chosen]
  if not at_step:
    listed = ", ".join(map(str, there)) or "none with a step in its name"
    raise InputError(
      f"{folder} has no checkpoint of step {step}; its steps are: {listed}"
    )
  if len(at_step) > 1:
    raise InputError(
      f"{folder} has several checkpoints of step {chosen}: name one of "
      f"{', '.join(str(c.folder) for c in at_step)}"
    )
  return at_step[0]
