"""An item of an Orbax checkpoint, read and written one array at a time."""

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
# Several chunks to a large array, so that a process that needs a part of it
# need not read it all.
_CHUNK_BYTES = 64 * 2**20


def is_whole(folder: epath.Path) -> bool:
  """Returns whether a checkpoint was saved to its end."""
  return ocp.utils.is_checkpoint_finalized(folder)


def metadata(item: epath.Path) -> Any:
  """Returns the tree of an item, with shape and dtype for leaves."""
  return ocp.StandardCheckpointHandler().metadata(item).tree


def tensors(item: epath.Path, part: str = "") -> dict[str, tensor.Tensor]:
  """Returns the arrays of an item, unread, by their paths joined by "/".

  Args:
    item: its folder; a tree of dicts.
    part: a key of the tree, if only what is under it is wanted. The names
      begin below it.
  """
  tree = metadata(item)
  if part:
    tree = tree.get(part, {})
  # Orbax restores parts of a tree as well, but takes ten times as long for one.
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
  """Returns the arrays of an item on the devices, as many at once as it can.

  Args:
    item: its folder.
    expected: tree of `jax.ShapeDtypeStruct`, with shardings or, for one device,
      without.
    part: as for `tensors`.
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
  """Writes a checkpoint, whole or not at all, holding one array at a time.

  Args:
    folder: of the checkpoint, which is not there yet.
    items: by name, trees with a `tensor.Tensor` for each leaf.
    written: is told the bytes of each array.
  """
  registry = ocp.type_handlers.create_type_handler_registry(
    (tensor.Tensor, _TensorHandler(written)),
    (jax.Array, ocp.type_handlers.ArrayHandler()),
  )
  handler = ocp.CompositeCheckpointHandler(
    **{
      # Weights are noise: to pack them takes longer than to write them.
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
  """Saves tensors as numpy arrays, each read when its turn has come."""

  def __init__(self, written: Callable[[int], None]):
    super().__init__(deepcopy_host_arrays=False)
    self._written = written

  async def serialize(
    self,
    values: Sequence[Any],
    infos: Sequence[Any],
    args: Sequence[Any] | None = None,
  ) -> Sequence[Any]:
    """Reads and writes the arrays; nothing is left for later."""
    args = args or [ocp.SaveArgs()] * len(values)
    for value, info, arg in zip(values, infos, args, strict=True):
      writing = await super().serialize([value.read()], [info], [arg])
      for future in writing:
        future.result()
      self._written(value.nbytes)
    return []
