"""Reads and writes items of Orbax checkpoints, one array at a time."""

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from etils import epath

from instructrec_jax.model import sharding
from instructrec_jax.weights import tensor, zarr_array

_METADATA_FILE = "_METADATA"
# A large array has several chunks, so that a process can read only its part.
_CHUNK_BYTES = 64 * 2**20


def is_whole(folder: epath.Path) -> bool:
  """Returns whether a checkpoint is complete."""
  return ocp.utils.is_checkpoint_finalized(folder)


def metadata(item: epath.Path) -> Any:
  """Returns the tree of an item, whose leaves have shapes and dtypes."""
  return ocp.StandardCheckpointHandler().metadata(item).tree


def tensors(item: epath.Path, part: str = "") -> dict[str, tensor.Tensor]:
  """Returns the arrays of an item, unread, by their paths joined by "/".

  Args:
    item: The item's folder. Its tree is of dicts.
    part: A key of the tree, to read only the part below it. Names then start
      below it.
  """
  tree = metadata(item)
  if part:
    tree = tree.get(part, {})
  # Orbax can also restore a part of a tree, but takes ten times as long.
  files = json.loads((item / _METADATA_FILE).read_text())
  base = zarr_array.folder(item)

  def spec(name: str) -> zarr_array.Spec:
    path = f"{part}/{name}".strip("/").replace("/", ".")
    store = base | {"path": f"{base['path']}{path}/"}
    if files["use_ocdbt"]:
      store = {"driver": "ocdbt", "base": base, "path": f"{path}/"}
    return zarr_array.spec(store, version=3 if files["use_zarr3"] else 2)

  return {
    name: tensor.Tensor(
      tuple(leaf.shape),
      np.dtype(leaf.dtype),
      functools.partial(zarr_array.read, spec(name)),
    )
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
    for name in [sharding.path_name(path)]
  }


def load(item: epath.Path, expected: Any, part: str = "") -> Any:
  """Returns the arrays of an item on the devices, read in parallel.

  Args:
    item: The item's folder.
    expected: A tree of `jax.ShapeDtypeStruct`, with shardings or, for one
      device, without.
    part: As for `tensors`.
  """
  if not part:
    args = ocp.args.StandardRestore(expected)
    return ocp.StandardCheckpointHandler().restore(item, args=args)
  one = jax.sharding.SingleDeviceSharding(jax.devices()[0])
  args = jax.tree.map(
    lambda like: ocp.ArrayRestoreArgs(
      sharding=like.sharding or one, dtype=like.dtype, global_shape=like.shape
    ),
    {part: expected},
  )
  return ocp.PyTreeCheckpointHandler().restore(
    item,
    args=ocp.args.PyTreeRestore(
      {part: expected}, restore_args=args, partial_restore=True
    ),
  )[part]


def save(
  folder: epath.Path, items: Mapping[str, Any], written: Callable[[int], None]
) -> None:
  """Writes a checkpoint atomically, with one array in memory at a time.

  Args:
    folder: The checkpoint's folder, which must not exist.
    items: Trees by name, with a `tensor.Tensor` for each leaf.
    written: Called with the bytes of each array.
  """
  registry = ocp.type_handlers.create_type_handler_registry(
    (tensor.Tensor, _TensorHandler(written)),
    (jax.Array, ocp.type_handlers.ArrayHandler()),
  )
  handler = ocp.CompositeCheckpointHandler(
    **{
      # Weights are like noise: compressing takes longer than writing them.
      name: ocp.PyTreeCheckpointHandler(
        type_handler_registry=registry, use_compression=False
      )
      for name in items
    }
  )
  args = {
    name: ocp.args.PyTreeSave(
      tree,
      save_args=jax.tree.map(
        lambda _: ocp.SaveArgs(chunk_byte_size=_CHUNK_BYTES), tree
      ),
    )
    for name, tree in items.items()
  }
  with ocp.Checkpointer(handler) as checkpointer:
    checkpointer.save(folder.resolve(), args=ocp.args.Composite(**args))


class _TensorHandler(ocp.type_handlers.NumpyHandler):
  """Saves tensors as numpy arrays, and reads each just before."""

  def __init__(self, written: Callable[[int], None]):
    super().__init__(deepcopy_host_arrays=False)
    self._written = written

  async def serialize(
    self,
    values: Sequence[Any],
    infos: Sequence[Any],
    args: Sequence[Any] | None = None,
  ) -> Sequence[Any]:
    """Reads and writes the arrays before it returns."""
    args = args or [ocp.SaveArgs()] * len(values)
    for value, info, arg in zip(values, infos, args, strict=True):
      writing = await super().serialize([value.read()], [info], [arg])
      for future in writing:
        future.result()
      self._written(value.nbytes)
    return []
