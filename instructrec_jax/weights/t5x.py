"""T5X's checkpoints: <model_dir>/checkpoint_<step>, in both of its formats.

The new format is an Orbax item, `state`. The old one, which T5X still writes
with use_orbax = False, is a MessagePack file, `checkpoint`, with a tree. It
holds small arrays themselves, and for large ones TensorStore specs of zarr
folders beside it. The public T5 checkpoints have the old format. This module
writes it too, because T5X can always restore it.
"""

import functools
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from etils import epath
from flax import serialization

from instructrec_jax import artifacts
from instructrec_jax.errors import InputError, is_refusal
from instructrec_jax.weights import (
  adafactor_state,
  orbax_item,
  shapes,
  tensor,
  zarr_array,
)

_ITEM = "state"  # The item of the new format.
_FILE = "checkpoint"  # The file of the old format.
_PREFIX = "checkpoint_"
_VERSION = 3  # The version of the old format that T5X writes and expects.
_CHUNK_BYTES = 64 * 2**20


def steps(folder: epath.Path) -> dict[int | None, epath.Path]:
  """Returns the checkpoints that a folder is or holds, by step."""
  if (folder / _FILE).is_file() or (folder / _ITEM).is_dir():
    match = re.fullmatch(rf"{_PREFIX}(\d+)", folder.name)
    return {int(match[1]) if match else None: folder}
  return {
    int(match[1]): child
    for child in (folder.iterdir() if folder.is_dir() else ())
    if (match := re.fullmatch(rf"{_PREFIX}(\d+)", child.name))
  }


def params(folder: epath.Path) -> dict[str, tensor.Tensor]:
  """Returns a checkpoint's parameters, unread."""
  return _tensors(folder, "target")


def load(
  folder: epath.Path, params: Mapping[str, tensor.Tensor], expected: Any
) -> Any:
  """Returns a checkpoint's parameters on the devices."""
  if _is_old(folder):
    return tensor.place_all(params, expected)
  return orbax_item.load(folder / _ITEM, expected, "target")


def optimizer(
  folder: epath.Path, params: Mapping[str, tensor.Tensor]
) -> adafactor_state.State:
  """Returns a checkpoint's optimizer state.

  Raises:
    InputError: It has none, or not Adafactor's.
  """
  return adafactor_state.from_t5x(_tensors(folder, "state"), params, folder)


def write(
  out: Path,
  params: Mapping[str, tensor.Tensor],
  written: Callable[[int], None],
  state: adafactor_state.State | None = None,
) -> str:
  """Writes a model_dir with one checkpoint, in T5X's old format.

  T5X's training fails without an optimizer state, so there always is one. By
  default it is a new one at step 0.

  Args:
    out: The folder.
    params: Parameters by T5X's names.
    written: Called with the bytes of each tensor.
    state: The optimizer state and the step.

  Returns:
    The checkpoint's folder in `out`.
  """
  state = state or adafactor_state.fresh(params)
  where = f"{_PREFIX}{state.step}"
  folder = out / where
  folder.mkdir(parents=True)
  specs = {}
  for name, value in params.items():
    # T5X's names of these folders.
    path = f"target/{name}".replace("/", ".")
    array = zarr_array.spec(zarr_array.folder(epath.Path(folder / path)))
    specs[name] = {
      "driver": "zarr",
      "dtype": value.dtype.name,
      "kvstore": {"driver": "file", "path": path},
      "metadata": zarr_array.write(array, value, _CHUNK_BYTES),
    }
    written(value.nbytes)
  contents = {
    "version": _VERSION,
    "optimizer": {
      "target": shapes.tree(specs),
      "state": adafactor_state.to_t5x(state, params),
    },
  }
  artifacts.atomic_write_bytes(
    folder / _FILE, serialization.msgpack_serialize(contents)
  )
  return where


def _is_old(folder: epath.Path) -> bool:
  return not (folder / _ITEM).is_dir()


def _tensors(folder: epath.Path, part: str) -> dict[str, tensor.Tensor]:
  """Returns the arrays under "target" or "state", unread."""
  if not _is_old(folder):
    return orbax_item.tensors(folder / _ITEM, part)
  try:
    contents = serialization.msgpack_restore((folder / _FILE).read_bytes())
    tree = contents["optimizer"][part]
    # A new optimizer's squares are zeros, which may be left out of the file.
    return {
      name: _array(folder, leaf, sparse=part == "state")
      for name, leaf in _leaves(tree).items()
    }
  except Exception as error:  # msgpack's errors have no common class.
    if is_refusal(error):
      raise
    raise InputError(
      f"{folder / _FILE} is not a T5X checkpoint: expected MessagePack with "
      f"optimizer / {part} ({error!r:.100})"
    ) from None


def _leaves(tree: Any, path: str = "") -> dict[str, Any]:
  """Returns arrays and specs by their paths, without leaves that are None."""
  if isinstance(tree, dict) and not {"driver", "kvstore"} <= tree.keys():
    found = {}
    for key, value in tree.items():
      found |= _leaves(value, f"{path}/{key}".lstrip("/"))
    return found
  return {} if tree is None else {path: tree}


def _array(folder: epath.Path, leaf: Any, sparse: bool) -> tensor.Tensor:
  if not isinstance(leaf, dict):
    return tensor.Tensor.of(np.asarray(leaf))
  # TensorStore before 0.1.14 had the path outside the kvstore.
  path = leaf["kvstore"].get("path", leaf.get("path"))
  return tensor.Tensor(
    tuple(leaf["metadata"]["shape"]),
    np.dtype(leaf.get("dtype") or leaf["metadata"]["dtype"]),
    functools.partial(
      zarr_array.read,
      zarr_array.spec(zarr_array.folder(folder / path), sparse=sparse),
    ),
  )
