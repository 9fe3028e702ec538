"""Reads records back: a whole split, and the tables beside it."""

import hashlib
import os
from pathlib import Path

import numpy as np
import polars as pl
from etils import epath

from instructrec_jax import artifacts, parquet, paths, schema
from instructrec_jax.data import splits
from instructrec_jax.data.names import records_dir
from instructrec_jax.data.records import files as record_files
from instructrec_jax.errors import InputError

# The tables beside the records; see build.py.
CATALOGUE = "catalogue.parquet"
TRAIN_ITEMS = "train_items.parquet"
# Fills the lists of requests with fewer candidates; codes are never negative.
ABSENT = -1


def load_catalogue(data_dir: str | Path, dataset: str) -> pl.DataFrame:
  """Returns the items table with train_count; the row is the item's code."""
  folder = records_dir(data_dir, dataset)
  artifacts.read_manifest(folder, "build")
  return read_table(folder / CATALOGUE)


def digest(items: pl.DataFrame) -> str:
  """Returns a digest of the items' ids, in the order of their codes.

  Args:
    items: the items table, or the catalogue.
  """
  ids = "\n".join(items["item_id"].to_list())
  return hashlib.sha256(ids.encode()).hexdigest()[:16]


def load_train_items(data_dir: str | Path, dataset: str) -> pl.Series:
  """Returns a list of item codes for each user code; see schema.TRAIN_ITEMS."""
  folder = records_dir(data_dir, dataset)
  artifacts.read_manifest(folder, "build")
  return read_table(folder / TRAIN_ITEMS)["items"]


def is_ordered(folder: str | os.PathLike[str]) -> bool:
  """Returns whether a user's items have an order that is not only drawn.

  Args:
    folder: the folder of records; without a manifest they are not ours, and
      taken to have an order.
  """
  folder = paths.anywhere(folder)
  if not (folder / artifacts.MANIFEST).exists():
    return True
  counts = artifacts.read_manifest(folder)["counts"]
  return counts.get("order", {}).get("by") != "none"


def read_table(path: epath.Path) -> pl.DataFrame:
  """Reads a Parquet file, which may be in a bucket."""
  return parquet.read(path)


def load_split(
  data_dir: str | Path, dataset: str, split: str
) -> dict[str, np.ndarray]:
  """Reads a whole split, ordered by instance.

  Args:
    data_dir: the folder of all datasets.
    dataset: the dataset's short name.
    split: one of splits.SPLITS.

  Returns:
    Features by name. Scalars are [n], int64 or float32. Candidates, if the
    split has them, are [n, C], with `ABSENT` after the last of a shorter list.
    Each other list is its values, [values], and `<name>_offsets` [n + 1]; row r
    is values[offsets[r]: offsets[r + 1]].

  Raises:
    InputError: the split is unknown, there are no records, or they were built
      by another version.
  """
  return read_split(records_dir(data_dir, dataset), split)


def read_split(
  folder: str | os.PathLike[str], split: str, first: int | None = None
) -> dict[str, np.ndarray]:
  """Reads a split of the records in a folder; see `load_split`.

  Args:
    folder: the folder of the records.
    split: one of splits.SPLITS.
    first: the number of records to read. Their order is drawn by seed, so the
      first are a uniform sample. None reads all.
  """
  import tensorflow as tf

  folder = paths.anywhere(folder)
  if split not in splits.SPLITS:
    raise InputError(
      f"split {split!r} is unknown: expected one of {', '.join(splits.SPLITS)}"
    )
  manifest = artifacts.read_manifest(folder, "build")
  features = _features(folder, manifest)
  parsers = {
    name: tf.io.RaggedFeature(feature.dtype, row_splits_dtype=tf.int64)
    if feature.is_list
    else tf.io.FixedLenFeature([], feature.dtype)
    for name, feature in features.items()
  }
  files = [str(p) for p in paths.matching(folder, f"*-{split}.tfrecord-*")]
  records = tf.data.TFRecordDataset(files).take(-1 if first is None else first)
  batches = records.batch(record_files.RECORDS_PER_SHARD)
  parsed = list(batches.map(lambda b: tf.io.parse_example(b, parsers)))
  instance = np.concatenate([b["instance"].numpy() for b in parsed])
  order = np.argsort(instance)
  arrays = {}
  for name, feature in features.items():
    if not feature.is_list:
      whole = np.concatenate([b[name].numpy() for b in parsed])
      arrays[name] = whole[order]
      continue
    values, offsets = _rows_in_order(
      np.concatenate([b[name].values.numpy() for b in parsed]),
      np.concatenate([b[name].row_lengths().numpy() for b in parsed]),
      order,
    )
    if name == "candidates" and values.size:
      lengths = np.diff(offsets)
      here = np.arange(lengths.max()) < lengths[:, None]
      arrays[name] = np.full(here.shape, ABSENT, np.int64)
      arrays[name][here] = values
    else:
      arrays |= {name: values, f"{name}_offsets": offsets}
  return arrays


def _features(
  folder: epath.Path, manifest: artifacts.Manifest
) -> dict[str, schema.Feature]:
  """Returns the features of the records.

  Raises:
    InputError: they are not the features of this version.
  """
  there = manifest["counts"].get("features", [])
  wrong = [name for name in there if name not in schema.RECORD] + [
    name
    for name, feature in schema.RECORD.items()
    if not feature.optional and name not in there
  ]
  if wrong:
    needed = [n for n, f in schema.RECORD.items() if not f.optional]
    raise InputError(
      f"{folder} holds records of another version: expected the features "
      f"{needed}, got {there}. Build them again with `instructrec build "
      f"{manifest['options']['dataset']} --overwrite`"
    )
  return {name: schema.RECORD[name] for name in there}


def _rows_in_order(
  values: np.ndarray, lengths: np.ndarray, order: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Reorders ragged rows; returns their values and offsets."""
  starts = np.cumsum(lengths) - lengths
  lengths, starts = lengths[order], starts[order]
  offsets = np.concatenate([[0], np.cumsum(lengths)])
  within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
  return values[np.repeat(starts, lengths) + within], offsets
