"""Reads and writes arrays in zarr folders with TensorStore."""

from typing import Any

import numpy as np
import tensorstore as ts
from etils import epath

from instructrec_jax.errors import InputError
from instructrec_jax.weights import tensor

# A cache for the index nodes of OCDBT stores.
_CONTEXT = ts.Context({"cache_pool#ocdbt": {"total_bytes_limit": 10**8}})

Spec = dict[str, Any]


def spec(store: Spec, version: int = 2, sparse: bool = False) -> Spec:
  """Returns the TensorStore spec of an array.

  Args:
    store: The spec of its key-value store.
    version: The version of zarr.
    sparse: Whether missing chunks are zeros. Otherwise reading one is an error.
  """
  return {
    "driver": "zarr3" if version == 3 else "zarr",
    "kvstore": store,
    "fill_missing_data_reads": sparse,
    "store_data_equal_to_fill_value": True,
  }


def folder(path: epath.Path) -> Spec:
  """Returns the spec of a folder, local or in a bucket."""
  where = f"{path}/"
  scheme, found, rest = where.partition("://")
  if not found:
    return {"driver": "file", "path": where}
  bucket, _, inside = rest.partition("/")
  driver = {"gs": "gcs"}.get(scheme, scheme)
  return {"driver": driver, "bucket": bucket, "path": inside}


def read(spec: Spec, index: tensor.Index) -> np.ndarray:
  """Returns a part of an array.

  Raises:
    InputError: It is missing or cannot be read.
  """
  try:
    array = ts.open(spec, open=True, context=_CONTEXT).result()
    return array[index].read().result()
  except ValueError as error:
    store = spec["kvstore"]
    where = "".join(part["path"] for part in (store.get("base"), store) if part)
    why = str(error).partition(" [tensorstore_spec=")[0]
    raise InputError(f"the array {where} cannot be read: {why}") from None


def write(spec: Spec, value: tensor.Tensor, chunk_bytes: int) -> dict[str, Any]:
  """Writes an array in chunks of whole rows.

  Returns:
    The array's zarr metadata.
  """
  row_bytes = value.nbytes // max(value.shape[0], 1)
  rows = max(chunk_bytes // max(row_bytes, 1), 1)
  metadata = {
    "shape": list(value.shape),
    "chunks": [min(rows, value.shape[0]), *value.shape[1:]],
    "compressor": None,  # As in `orbax_item.save`.
  }
  dtype = {"dtype": value.dtype.name}
  array = ts.open(spec | dtype | {"metadata": metadata}, create=True).result()
  array.write(value.read()).result()
  return metadata
