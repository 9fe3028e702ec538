"""Converts Adafactor's state between our optimizer's tree and T5X's.

If a parameter has two axes of at least 128, both keep mean squares over its
largest axis (`v_row`) and over the second largest (`v_col`). Otherwise they
keep the squares (`v`). Unused slots hold placeholders [1]. Of equal axes the
later counts as larger. So arrays are copied unchanged. T5X has one step count;
optax has one in each of its states.
"""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from etils import epath

from instructrec_jax.errors import InputError
from instructrec_jax.model import sharding
from instructrec_jax.optim import optimizers
from instructrec_jax.weights import orbax_item, shapes, tensor

Tensors = Mapping[str, tensor.Tensor]

# A leaf of our optimizer's state that belongs to a parameter.
_SLOT = re.compile(r"opt_state/inner_state/0/(v_row|v_col|v)/(.+)")
_MOMENTUM = "m"  # T5X's fourth slot; a placeholder [1] unless beta1 is set.


@dataclasses.dataclass(frozen=True)
class State:
  """The state of Adafactor.

  Attributes:
    step: The number of steps done.
    slots: Arrays by "<parameter>/<slot>". The slots are v_row, v_col and v.
  """

  step: int
  slots: Mapping[str, np.ndarray]


def fresh(params: Tensors) -> State:
  """Returns the state before the first step."""
  zeros = {
    f"{m[2]}/{m[1]}": np.zeros(shape, np.float32)
    for name, shape in shapes.table(_like(params)).items()
    if (m := _SLOT.fullmatch(name))
  }
  return State(0, zeros)


def from_native(item: epath.Path, params: Tensors) -> State:
  """Returns the state in the item `optimizer` of one of our checkpoints.

  Raises:
    InputError: It is another optimizer's.
  """
  like = _like(params)
  _check(shapes.table(orbax_item.metadata(item)), shapes.table(like), item)
  tree = orbax_item.load(item, jax.tree.map(_empty, like))
  arrays = {
    sharding.path_name(path): np.asarray(leaf)
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
  }
  slots = {
    f"{m[2]}/{m[1]}": array
    for name, array in arrays.items()
    if (m := _SLOT.fullmatch(name))
  }
  return State(int(arrays["step"]), slots)


def to_native(state: State, params: Tensors) -> Any:
  """Returns the tree of the item `optimizer`, with tensors as leaves.

  The learning rate of the last update is unknown and set to 0. It is only
  reported.
  """

  def leaf(path: tuple[Any, ...], like: jax.ShapeDtypeStruct) -> tensor.Tensor:
    name = sharding.path_name(path)
    if m := _SLOT.fullmatch(name):
      value = state.slots[f"{m[2]}/{m[1]}"]
    elif name.endswith(("/count", "step")):
      value = state.step
    else:
      value = 0
    return tensor.Tensor.of(np.asarray(value, like.dtype))

  return jax.tree_util.tree_map_with_path(leaf, _like(params))


def from_t5x(found: Tensors, params: Tensors, where: epath.Path) -> State:
  """Returns the state in a T5X checkpoint.

  Args:
    found: Its `state`: "step" and "param_states/<parameter>/<slot>".
    params: Its parameters.
    where: The checkpoint, for messages.

  Raises:
    InputError: It is another optimizer's, or has momentum.
  """
  names = {
    name.removeprefix("param_states/"): value
    for name, value in found.items()
    if name != "step"
  }
  expected = {name: x.shape for name, x in fresh(params).slots.items()}
  expected |= {f"{name}/{_MOMENTUM}": (1,) for name in params}
  _check(shapes.table(names), expected, where)
  slots = {
    name: value.read()
    for name, value in names.items()
    if not name.endswith(f"/{_MOMENTUM}")
  }
  return State(int(found["step"].read()), slots)


def to_t5x(state: State, params: Tensors) -> dict[str, Any]:
  """Returns a T5X checkpoint's `state`: step and param_states, as arrays."""
  momentum = {f"{name}/{_MOMENTUM}": np.zeros(1, np.float32) for name in params}
  return {
    "step": np.asarray(state.step, np.int32),
    "param_states": shapes.tree(dict(state.slots) | momentum),
  }


def _like(params: Tensors) -> Any:
  """Returns the shapes of the item `optimizer` with Adafactor's state."""
  like = shapes.tree(
    {
      name: jax.ShapeDtypeStruct(value.shape, np.float32)
      for name, value in params.items()
    }
  )
  return {
    "step": jax.ShapeDtypeStruct((), np.int32),
    "opt_state": jax.eval_shape(optimizers.adafactor().init, like),
  }


def _empty(like: jax.ShapeDtypeStruct) -> np.ndarray:
  return np.empty(like.shape, like.dtype)


def _check(
  found: Mapping[str, shapes.Shape],
  expected: Mapping[str, shapes.Shape],
  where: epath.Path,
) -> None:
  differs = shapes.difference(found, expected, "optimizer array")
  if differs:
    raise InputError(
      f"{where} does not hold the state of Adafactor without momentum "
      f"({differs}). Only that state can be converted: start with a new "
      "optimizer state, with --optimizer reset"
    )
