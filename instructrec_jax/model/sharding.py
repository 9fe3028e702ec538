"""Where each array lives: rules from names to axes of a (data, model) mesh."""

import re
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from instructrec_jax.errors import InputError

_LAYER = r"(encoder|decoder)/layers_\d+"
_ATTENTION = (
  r"(encoder/layers_\d+/attention"
  r"|decoder/layers_\d+/(self|encoder_decoder)_attention)"
)
# Name of a parameter: its logical axes. Each parameter matches exactly one.
PARAMETER_AXES = (
  (r"token_embedder/embedding", ("vocab", "embed")),
  (r"(encoder|decoder)/relpos_bias/rel_embedding", ("heads", "relpos_buckets")),
  (rf"{_ATTENTION}/(query|key|value)/kernel", ("embed", "joined_kv")),
  (rf"{_ATTENTION}/out/kernel", ("joined_kv", "embed")),
  (rf"{_LAYER}/mlp/wi_[01]/kernel", ("embed", "mlp")),
  (rf"{_LAYER}/mlp/wo/kernel", ("mlp", "embed")),
  (rf"{_LAYER}/pre_(\w+)_layer_norm/scale", ("embed",)),
  (r"(encoder/encoder|decoder/decoder)_norm/scale", ("embed",)),
  (r"decoder/logits_dense/kernel", ("embed", "vocab")),
)
# Logical axis: axis of the mesh, None for a copy on every device.
MESH_AXES = {
  "embed": None,
  "heads": "model",
  "joined_kv": "model",
  "mlp": "model",
  "relpos_buckets": None,
  "vocab": "model",
}


def logical_axes(name: str) -> tuple[str, ...]:
  """Returns the logical axes of a parameter.

  Args:
    name: its path, joined by "/".

  Raises:
    ValueError: unless exactly one rule matches.
  """
  found = [
    (rule, axes) for rule, axes in PARAMETER_AXES if re.fullmatch(rule, name)
  ]
  if len(found) != 1:
    rules = [rule for rule, _ in found] or "none"
    raise ValueError(
      f"parameter {name!r} must match exactly one rule of "
      f"sharding.PARAMETER_AXES, it matches {rules}"
    )
  return found[0][1]


def make_mesh(num_partitions: int = 1) -> Mesh:
  """Returns the mesh of all devices.

  Args:
    num_partitions: devices that one copy of the parameters is split over; the
      rest of the factor splits the batch.

  Raises:
    InputError: if the devices do not divide into such groups.
  """
  devices = jax.device_count()
  if num_partitions < 1 or devices % num_partitions:
    raise InputError(
      f"num_partitions = {num_partitions} does not divide {devices} devices; "
      f"choose from {_divisors(devices)}"
    )
  return jax.make_mesh(
    (devices // num_partitions, num_partitions),
    ("data", "model"),
    axis_types=(jax.sharding.AxisType.Auto,) * 2,
  )


def tree_shardings(mesh: Mesh, params: Any, tree: Any) -> Any:
  """Returns a sharding for every leaf of a tree.

  A leaf whose path ends in a parameter's name is split as the parameter is;
  Adafactor's row and column statistics are split as the axis that is left of
  the parameter. Everything else (step counts, placeholders of shape [1]) is
  copied to every device.

  Args:
    mesh: the mesh.
    params: the parameters, arrays or `jax.ShapeDtypeStruct`s.
    tree: likewise, a train state, or the parameters alone.

  Returns:
    The structure of `tree`, of `NamedSharding`s.

  Raises:
    InputError: if a parameter's axis does not divide over the mesh.
  """
  shapes = {
    path_name(path): leaf.shape
    for path, leaf in jax.tree_util.tree_leaves_with_path(params)
  }
  _check_divisible(mesh, shapes)

  def of_leaf(path: tuple[Any, ...], leaf: Any) -> NamedSharding:
    suffixes = (path_name(path[i:]) for i in range(len(path)))
    name = next((suffix for suffix in suffixes if suffix in shapes), None)
    axes = _leaf_axes(path_name(path), leaf.shape, name, shapes.get(name))
    return NamedSharding(mesh, PartitionSpec(*axes))

  return jax.tree_util.tree_map_with_path(of_leaf, tree)


def placed(shapes: Any, shardings: Any) -> Any:
  """Returns a tree of `jax.ShapeDtypeStruct`s that know where they belong.

  Args:
    shapes: tree of `jax.ShapeDtypeStruct`s.
    shardings: the same tree, from `tree_shardings`.
  """
  return jax.tree.map(
    lambda shape, place: jax.ShapeDtypeStruct(
      shape.shape, shape.dtype, sharding=place
    ),
    shapes,
    shardings,
  )


def path_name(path: tuple[Any, ...]) -> str:
  """Returns a tree path's keys joined by "/", of dicts, tuples or classes."""
  return jax.tree_util.keystr(path, simple=True, separator="/")


def batch_sharding(mesh: Mesh) -> NamedSharding:
  """Returns the sharding of a batch's arrays: rows over the data axis."""
  return NamedSharding(mesh, PartitionSpec("data"))


def put_batch(
  mesh: Mesh, batch: Mapping[str, np.ndarray]
) -> dict[str, jax.Array]:
  """Returns a batch on the devices, its rows split over the data axis.

  Args:
    mesh: the mesh.
    batch: this process's rows of each array, as many in every process.

  Raises:
    InputError: if the rows of all processes do not divide over the data axis.
  """
  parts = mesh.shape["data"]
  rows = len(next(iter(batch.values()))) * jax.process_count()
  if rows % parts:
    sizes = sorted({max(rows // parts, 1) * parts, (rows // parts + 1) * parts})
    raise InputError(
      f"a batch of {rows} rows does not divide over the {parts} devices of the "
      f"mesh's data axis; use a multiple of {parts}, such as "
      f"{' or '.join(map(str, sizes))}"
    )
  place = batch_sharding(mesh)
  return {
    name: jax.make_array_from_process_local_data(place, np.asarray(array))
    for name, array in batch.items()
  }


def _mesh_axes(name: str) -> list[str | None]:
  return [MESH_AXES[axis] for axis in logical_axes(name)]


def _leaf_axes(
  leaf: str,
  shape: tuple[int, ...],
  param: str | None,
  param_shape: tuple[int, ...] | None,
) -> list[str | None]:
  """Returns the mesh axes of a leaf that belongs to a parameter, or to none.

  Of Adafactor's statistics, `v_row` has averaged out the parameter's largest
  axis and `v_col` the second largest; of equal ones the later counts as larger
  (optax's and T5X's rule).
  """
  if param is None:
    return []
  axes = _mesh_axes(param)
  if shape == param_shape:
    return axes
  if len(param_shape) == 2:
    by_size = np.argsort(param_shape)
    averaged = by_size[-1] if "/v_row/" in leaf else by_size[-2]
    if shape == (param_shape[1 - averaged],):
      return [axes[1 - averaged]]
  return []


def _divisors(n: int) -> list[int]:
  return [d for d in range(1, n + 1) if n % d == 0]


def _check_divisible(mesh: Mesh, shapes: Mapping[str, tuple[int, ...]]) -> None:
  """Raises `InputError` if a parameter does not divide over the mesh."""
  parts = mesh.shape["model"]
  split = [
    (size, name, axis)
    for name, shape in shapes.items()
    for size, axis in zip(shape, logical_axes(name), strict=True)
    if MESH_AXES[axis] == "model"
  ]
  for size, name, axis in split:
    if size % parts:
      common = np.gcd.reduce([size for size, _, _ in split])
      valid = [d for d in _divisors(jax.device_count()) if common % d == 0]
      raise InputError(
        f"num_partitions = {parts} does not divide the {axis!r} axis of "
        f"{name}, which is {size} long; choose from {valid}"
      )
