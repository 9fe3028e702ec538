"""Adafactor's state, in our optimizer's tree and in T5X's.

Both keep, of each parameter with two axes of at least 128, the mean squares
over its largest axis (`v_row`) and over the second largest (`v_col`), of any
other the squares themselves (`v`), and placeholders [1] for what they do not
keep. Of equally large axes the later counts as larger. So the arrays carry over
as they are. T5X counts its steps once; optax has a count in each of its states.
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
  """What Adafactor remembers.

  Attributes:
    step: steps done.
    slots: arrays by "<parameter>/<slot>", slots being v_row, v_col and v.
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
    InputError: if it is another optimizer's.
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
  """Returns the tree of the item `optimizer`, of tensors.

  The learning rate of the last update, which is only ever shown, is not known:
  it is 0.
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
    found: its `state`: "step", and "param_states/<parameter>/<slot>".
    params: its parameters.
    where: the checkpoint, for messages.

  Raises:
    InputError: if it is another optimizer's, or has momentum.
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
  """Returns a T5X checkpoint's `state`: step and param_states, of arrays."""
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
      f"{where} does not hold the state of Adafactor without momentum, the "
      f"only one that can be carried to another format ({differs}); start the "
      f"optimizer afresh with --optimizer reset"
    )
