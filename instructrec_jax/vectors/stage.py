"""The stage `vectors`: a vector for the text of each item of a dataset.

vectors.npy    float32 [items, width], of unit length; row c is item code c,
               and zero if the item's text has no words
manifest.json  the encoder, and a digest of the items' ids
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from instructrec_jax import artifacts, paths
from instructrec_jax.data.records import read
from instructrec_jax.errors import InputError, unknown
from instructrec_jax.vectors import encoders

STAGE = "vectors"
FILE = "vectors.npy"
# The columns of items that make a text, in this order.
FIELDS = ("title", "brand", "categories", "description")


def default_folder(data_dir: str | os.PathLike, dataset: str) -> Path:
  """Returns the folder of a dataset's vectors."""
  return Path(paths.expanded(data_dir)) / "vectors" / dataset


def make(
  dataset: str,
  data_dir: str | Path = "data",
  encoder: str = encoders.HASHING,
  fields: Sequence[str] = ("title",),
  out: str | Path | None = None,
  overwrite: bool = False,
) -> artifacts.Manifest:
  """Writes the vectors of a dataset's items.

  Args:
    dataset: The dataset's short name. Its records must exist.
    data_dir: The folder of all datasets.
    encoder: "hashing", a folder of a sentence encoder, or an .npy file with a
      row for each item.
    fields: The columns of items that make a text, of `FIELDS`.
    out: The folder to write to. By default <data_dir>/vectors/<dataset>.
    overwrite: Whether to replace vectors of other options.

  Returns:
    The manifest.

  Raises:
    InputError: There are no records, a field is unknown or no item has it, or
      the encoder cannot be used.
  """
  items = read.load_catalogue(data_dir, dataset)
  for field in fields:
    if field not in FIELDS:
      raise unknown("field of an item's text", field, FIELDS)
    if field not in items.columns:
      there = [name for name in FIELDS if name in items.columns]
      raise InputError(
        f"dataset {dataset!r} has no {field!r} of items: choose of "
        f"{', '.join(there)}"
      )
  inputs: dict[str, Any] = {"items": read.digest(items)}
  options: dict[str, Any] = {"fields": list(fields), "encoder": encoder}
  if encoder != encoders.HASHING:
    file = Path(paths.expanded(encoder))
    if not file.exists():
      raise InputError(
        f"--encoder={encoder}: expected {encoders.HASHING!r}, a folder of a "
        "sentence encoder, or an .npy file; there is nothing of this name"
      )
    options["encoder"] = file.name
    if file.is_file():
      inputs["encoder"] = artifacts.file_fingerprint(file)

  def write(staging: Path) -> dict[str, int]:
    vectors = _encoded(items, encoder, fields)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors = vectors / np.where(length > 0, length, 1)
    np.save(staging / FILE, vectors.astype(np.float32))
    return {
      "items": len(vectors),
      "width": vectors.shape[1],
      "items_without_words": int((length == 0).sum()),
    }

  return artifacts.run_stage(
    STAGE,
    out or default_folder(data_dir, dataset),
    write,
    inputs=inputs,
    options=options,
    libraries=("numpy", "polars"),
    overwrite=overwrite,
  )


def _encoded(
  items: pl.DataFrame, encoder: str, fields: Sequence[str]
) -> np.ndarray:
  """Returns a vector for each item, of any length."""
  file = Path(paths.expanded(encoder))
  if encoder != encoders.HASHING and file.is_file():
    return _of_file(file, items.height)
  text = texts(items, fields)
  if encoder == encoders.HASHING:
    return encoders.hashed_words(text)
  return encoders.sentences(text, file)


def texts(items: pl.DataFrame, fields: Sequence[str]) -> list[str]:
  """Returns the text of each item: its fields, with a period between them."""
  parts = [
    (
      pl.col(field).list.join(", ")
      if items[field].dtype == pl.List(pl.String)
      else pl.col(field)
    )
    for field in fields
    if field in items.columns
  ]
  return items.select(
    pl.concat_str(parts, separator=". ", ignore_nulls=True)
  ).to_series().to_list()  # fmt: skip


def name(source: str | os.PathLike) -> str:
  """Returns what the vectors of a folder or file were made by."""
  where = Path(paths.expanded(source))
  if not where.is_dir():
    return where.name
  return str(artifacts.read_manifest(where, STAGE)["options"]["encoder"])


def load(
  source: str | os.PathLike, dataset: str, num_items: int, digest: str
) -> np.ndarray:
  """Returns vectors, float32 [items, width].

  Args:
    source: A folder that `make` wrote, or an .npy file.
    dataset: The dataset, for messages.
    num_items: The number of its items.
    digest: The digest of its items' ids, see `read.digest`.

  Raises:
    InputError: There are none, or they are not of these items.
  """
  where = Path(paths.expanded(source))
  if where.is_dir():
    manifest = artifacts.read_manifest(where, STAGE)
    if manifest["inputs"].get("items") != digest:
      raise InputError(
        f"{where} holds vectors of other items than those of {dataset!r}: run "
        f"`instructrec vectors {dataset}`"
      )
    where = where / FILE
  return _of_file(where, num_items)


def _of_file(path: Path, num_items: int) -> np.ndarray:
  """Returns the array of an .npy file, after checks.

  Raises:
    InputError: It is none, or has another form.
  """
  try:
    vectors = np.load(path, allow_pickle=False)
  except FileNotFoundError:
    raise InputError(
      f"{path}: no such file: expected the folder of `instructrec vectors`, or "
      "an .npy file"
    ) from None
  except (ValueError, EOFError, OSError) as error:
    raise InputError(f"{path} is no .npy file of numbers: {error}") from None
  if (
    not isinstance(vectors, np.ndarray)
    or vectors.ndim != 2
    or vectors.dtype.kind != "f"
    or not vectors.shape[1]
  ):
    what = getattr(vectors, "dtype", "an archive")
    raise InputError(
      f"{path}: expected floating-point numbers [items, width], got {what} "
      f"{list(getattr(vectors, 'shape', []))}"
    )
  if len(vectors) != num_items:
    raise InputError(
      f"{path} has {len(vectors):,} rows, but there are {num_items:,} items: "
      "expected a row for each item code"
    )
  finite = np.isfinite(vectors).all(axis=1)
  if not finite.all():
    raise InputError(
      f"{path}, row {finite.argmin()}: expected finite numbers, got "
      f"{vectors[finite.argmin()][~np.isfinite(vectors[finite.argmin()])][0]}"
    )
  return vectors.astype(np.float32)
