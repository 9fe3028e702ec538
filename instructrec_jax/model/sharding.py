"""The sharding of arrays: rules from names to axes of a (data, model) mesh."""

import contextlib
import contextvars
import functools
import re
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from flax import linen as nn
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from instructrec_jax.errors import InputError, unknown

_LAYER = r"(encoder|decoder)/layers_\d+"
_ATTENTION = (
  r"(encoder/layers_\d+/attention"
  r"|decoder/layers_\d+/(self|encoder_decoder)_attention)"
)
# The logical axes of parameters by name. Each parameter matches exactly one.
# First those of T5, then those of models of items.
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
  (r"item_embedder/embedding", ("vocab", "embed")),
  (r"text", ("vocab", "text")),
  (r"text_projection/wi/kernel", ("text", "mlp")),
  (r"text_projection/wo/kernel", ("mlp", "embed")),
  (r"encoder/positions", ("length", "embed")),
  (rf"{_ATTENTION}/(query|key|value)/bias", ("joined_kv",)),
  (rf"{_LAYER}/mlp/wi/kernel", ("embed", "mlp")),
  (rf"({_LAYER}/mlp|text_projection)/wi/bias", ("mlp",)),
  (
    rf"({_ATTENTION}/out|{_LAYER}/mlp/wo|text_projection/wo|encoder/out)/bias",
    ("embed",),
  ),
  (rf"{_LAYER}/(attention|mlp)_norm/(scale|bias)", ("embed",)),
  (r"encoder/encoder_norm/bias", ("embed",)),
  (rf"{_LAYER}/(input/kernel|hidden_kernel)", ("embed", "mlp")),
  (rf"{_LAYER}/(input/bias|hidden_bias)", ("mlp",)),
  (r"encoder/out/kernel", ("mlp", "embed")),
  (r"encoder/wi/kernel", ("embed", "mlp")),
  (r"encoder/wi/bias", ("mlp",)),
  (r"encoder/wo/kernel", ("mlp", "embed")),
  (r"encoder/wo/bias", ("embed",)),
  (r"item_words", ("vocab", "text")),
  (r"word_tower/embedder/embedding", ("vocab", "embed")),
  (r"word_tower/projection/kernel", ("mlp", "embed")),
  (r"word_tower/projection/bias", ("embed",)),
)
# The mesh axis of each logical axis, None for a copy on every device. As in
# T5X, if an array has a mesh axis twice, its first such axis gets it.
MESH_AXES = {
  "batch": "data",
  "embed": None,
  "heads": "model",
  "joined_kv": "model",
  "length": None,
  "mlp": "model",
  "relpos_buckets": None,
  "text": None,
  "vocab": "model",
}
# By T5X's parameter_partitioning_dims: 1 shards over the mesh's model axis, 2
# also over the data axis, so that each device has its share of every parameter
# and of the optimizer state (fully sharded).
RULES = {1: MESH_AXES, 2: MESH_AXES | {"embed": "data"}}

_MESH: contextvars.ContextVar[Mesh | None] = contextvars.ContextVar(
  "mesh", default=None
)


def logical_axes(name: str) -> tuple[str, ...]:
  """Returns the logical axes of a parameter.

  Args:
    name: Its path, joined by "/".

  Raises:
    ValueError: Not exactly one rule matches.
  """
  found = [
    (rule, axes) for rule, axes in PARAMETER_AXES if re.fullmatch(rule, name)
  ]
  if len(found) != 1:
    rules = [rule for rule, _ in found] or "none"
    raise ValueError(
      f"parameter {name!r} must match exactly one rule of "
      f"sharding.PARAMETER_AXES, but it matches {rules}"
    )
  return found[0][1]


def make_mesh(
  num_partitions: int = 1, devices: Sequence[jax.Device] | None = None
) -> Mesh:
  """Returns the mesh of all devices.

  Args:
    num_partitions: The number of devices that share a copy of the parameters.
      The batch is split over such groups.
    devices: The devices. By default all.

  Raises:
    InputError: The devices do not divide into such groups.
  """
  count = jax.device_count() if devices is None else len(devices)
  if num_partitions < 1 or count % num_partitions:
    raise InputError(
      f"num_partitions (NUM_PARTITIONS) = {num_partitions} does not divide "
      f"{count} devices; "
      f"choose from {_divisors(count)}"
    )
  mesh = jax.make_mesh(
    (count // num_partitions, num_partitions),
    ("data", "model"),
    axis_types=(jax.sharding.AxisType.Auto,) * 2,
    devices=devices,
  )
  # Rows in the order of processes, so that a process feeds one contiguous part
  # of a batch, see `data_shard`.
  by_process = sorted(
    mesh.devices, key=lambda row: [device.process_index for device in row]
  )
  return Mesh(np.array(by_process), mesh.axis_names, axis_types=mesh.axis_types)


def rules(parameter_partitioning_dims: int = 1) -> Mapping[str, str | None]:
  """Returns the axis of the mesh for each logical axis.

  Args:
    parameter_partitioning_dims: 1 splits parameters over the model axis, 2 also
      over the data axis.

  Raises:
    InputError: It is another number.
  """
  if parameter_partitioning_dims not in RULES:
    raise unknown(
      "parameter_partitioning_dims",
      str(parameter_partitioning_dims),
      map(str, RULES),
    )
  return RULES[parameter_partitioning_dims]


@contextlib.contextmanager
def on_mesh(
  mesh: Mesh, parameter_partitioning_dims: int = 1
) -> Generator[None]:
  """Makes `constrain` work in functions traced inside. T5X has its own way."""
  table = rules(parameter_partitioning_dims)
  before = _MESH.set(mesh)
  try:
    with nn.logical_axis_rules(list(table.items())):
      yield
  finally:
    _MESH.reset(before)


def jit_on_mesh(
  mesh: Mesh,
  function: Callable[..., Any],
  parameter_partitioning_dims: int = 1,
) -> Any:
  """Returns `jax.jit(function)`, traced `on_mesh`."""

  @functools.wraps(function)
  def traced(*args: Any) -> Any:
    with on_mesh(mesh, parameter_partitioning_dims):
      return function(*args)

  return jax.jit(traced)


def constrain(x: jax.Array, *axes: str | None) -> jax.Array:
  """Shards x by its logical axes. Without a mesh, x is unchanged."""
  return nn.with_logical_constraint(x, axes, mesh=_MESH.get())


def devices() -> list[jax.Device]:
  """Returns the devices that run the traced function."""
  mesh = _MESH.get()
  return jax.devices() if mesh is None else list(mesh.devices.flat)


def on_one_cpu() -> bool:
  """Returns whether the traced function runs on a single CPU device."""
  return len(devices()) == 1 and devices()[0].platform == "cpu"


def tree_shardings(
  mesh: Mesh, params: Any, tree: Any, parameter_partitioning_dims: int = 1
) -> Any:
  """Returns a sharding for every leaf of a tree.

  A leaf whose path ends in a parameter's name is split like the parameter.
  Adafactor's row and column statistics are split like the parameter's remaining
  axis. Everything else (step counts, placeholders of shape [1]) is copied to
  every device.

  Args:
    mesh: The mesh.
    params: The parameters, as arrays or `jax.ShapeDtypeStruct`s.
    tree: A train state or the parameters, in the same form.
    parameter_partitioning_dims: See `rules`.

  Returns:
    A tree like `tree`, of `NamedSharding`s.

  Raises:
    InputError: A parameter's axis does not divide over the mesh.
  """
  table = rules(parameter_partitioning_dims)
  shapes = {
    path_name(path): leaf.shape
    for path, leaf in jax.tree_util.tree_leaves_with_path(params)
  }
  _check_divisible(mesh, shapes, table)

  def of_leaf(path: tuple[Any, ...], leaf: Any) -> NamedSharding:
    suffixes = (path_name(path[i:]) for i in range(len(path)))
    name = next((suffix for suffix in suffixes if suffix in shapes), None)
    if name is None:
      return NamedSharding(mesh, PartitionSpec())
    axes = [table[a] for a in logical_axes(name)]
    axes = _leaf_axes(path_name(path), leaf.shape, axes, shapes[name])
    return NamedSharding(mesh, PartitionSpec(*axes))

  return jax.tree_util.tree_map_with_path(of_leaf, tree)


def placed(shapes: Any, shardings: Any) -> Any:
  """Adds shardings to a tree of `jax.ShapeDtypeStruct`s.

  Args:
    shapes: A tree of `jax.ShapeDtypeStruct`s.
    shardings: The tree's shardings, from `tree_shardings`.
  """
  return jax.tree.map(
    lambda shape, place: jax.ShapeDtypeStruct(
      shape.shape, shape.dtype, sharding=place
    ),
    shapes,
    shardings,
  )


def path_name(path: tuple[Any, ...]) -> str:
  """Returns the keys of a tree's path, joined by "/"."""
  return jax.tree_util.keystr(path, simple=True, separator="/")


def batch_sharding(mesh: Mesh) -> NamedSharding:
  """Returns the sharding of a batch's arrays: rows over the data axis."""
  return NamedSharding(mesh, PartitionSpec("data"))


def check_rows(mesh: Mesh, rows: int) -> None:
  """Raises `InputError` if a batch's rows do not divide over the data axis."""
  parts = mesh.shape["data"]
  if rows % parts:
    sizes = sorted({max(rows // parts, 1) * parts, (rows // parts + 1) * parts})
    raise InputError(
      f"a batch of {rows} rows does not divide over the {parts} devices of the "
      f"mesh's data axis; use a multiple of {parts}, such as "
      f"{' or '.join(map(str, sizes))}"
    )


def put_batch(mesh: Mesh, batch: Any) -> Any:
  """Puts a batch on the devices, with its rows split over the data axis.

  Args:
    mesh: The mesh.
    batch: A tree of arrays with this process's rows, its share by `data_shard`.

  Raises:
    InputError: The rows of all processes do not divide over the data axis.
  """
  rows = len(jax.tree.leaves(batch)[0]) * data_shard(mesh)[1]
  check_rows(mesh, rows)
  place = batch_sharding(mesh)
  return jax.tree.map(
    lambda array: jax.make_array_from_process_local_data(
      place, np.asarray(array)
    ),
    batch,
  )


def _leaf_axes(
  leaf: str,
  shape: tuple[int, ...],
  axes: list[str | None],
  param_shape: tuple[int, ...],
) -> list[str | None]:
  """Returns the mesh axes of a leaf that belongs to a parameter.

  `axes` and `param_shape` are the parameter's.

  Adafactor's `v_row` averages over the parameter's largest axis, and `v_col`
  over the second largest. Of equal axes the later counts as larger (optax's and
  T5X's rule).
  """
  if shape == param_shape:
    return axes
  if len(axes) == 2:
    by_size = np.argsort(param_shape)
    averaged = by_size[-1] if "/v_row/" in leaf else by_size[-2]
    if shape == (param_shape[1 - averaged],):
      return [axes[1 - averaged]]
  return []


def data_shard(mesh: Mesh) -> tuple[int, int]:
  """Returns the share of each batch that this process feeds, and their number.

  Processes whose devices hold the same rows feed the same share. That is so if
  `num_partitions` is more than the devices of a process.

  Raises:
    InputError: A process's devices do not hold such a share.
  """
  index = jax.process_index()
  rows = {
    row
    for row, group in enumerate(mesh.devices)
    if any(device.process_index == index for device in group)
  }
  first, parts = min(rows), mesh.shape["data"]
  if (
    parts % len(rows)
    or first % len(rows)
    or rows != set(range(first, first + len(rows)))
  ):
    raise InputError(
      f"process {index} holds rows {sorted(rows)} of the mesh's {parts}: "
      "choose a num_partitions that divides a process's devices, or is a "
      "multiple of them"
    )
  return first // len(rows), parts // len(rows)


def _divisors(n: int) -> list[int]:
  return [d for d in range(1, n + 1) if n % d == 0]


def _check_divisible(
  mesh: Mesh,
  shapes: Mapping[str, tuple[int, ...]],
  table: Mapping[str, str | None],
) -> None:
  """Raises `InputError` if a parameter does not divide over the mesh."""
  split = [
    (size, name, axis)
    for name, shape in shapes.items()
    for size, axis in zip(shape, logical_axes(name), strict=True)
  ]
  for size, name, axis in split:
    parts = mesh.shape.get(table[axis], 1)
    if size % parts == 0:
      continue
    wrong = f"the {axis!r} axis of {name}, which is {size} long"
    if table[axis] == "data":
      raise InputError(
        f"parameter_partitioning_dims = 2 over {parts} devices of the mesh's "
        f"data axis does not divide {wrong}; choose 1, or a larger "
        "num_partitions"
      )
    common = np.gcd.reduce([n for n, _, a in split if table[a] == "model"])
    valid = [d for d in _divisors(mesh.size) if common % d == 0]
    raise InputError(
      f"num_partitions (NUM_PARTITIONS) = {parts} does not divide {wrong}; "
      f"choose from {valid}"
    )
