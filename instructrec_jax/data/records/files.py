"""Writes records as tf.train.Examples in shards, with metadata for TFDS."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import tqdm

from instructrec_jax import schema
from instructrec_jax.data import splits
from instructrec_jax.data.names import RECORDS_VERSION

# Small enough that shuffling shards mixes records, large enough to read fast.
RECORDS_PER_SHARD = 8192
_MAX_SHARDS = 256
# The field of a tf.train.Feature for values of each type.
_LISTS = {
  "int64": "int64_list",
  "float32": "float_list",
  "string": "bytes_list",
}


class Table:
  """The interactions in the form that records need."""

  def __init__(self, interactions: pl.DataFrame, max_history: int):
    # A tf.train.Example holds texts as bytes.
    interactions = interactions.cast({pl.String: pl.Binary})
    self._columns = {
      c: interactions[c].to_numpy() for c in interactions.columns
    }
    self.user, self.item = self._columns["user"], self._columns["item"]
    self._max_history = max_history

  def features(self, relevant: bool) -> dict[str, schema.Feature]:
    """Returns the records' features, by name.

    Args:
      relevant: whether relevant candidates are given.
    """
    return {
      name: feature
      for name, feature in schema.RECORD.items()
      if not feature.optional
      or name in self._columns
      or (relevant and name == "relevant")
    }

  def records(
    self,
    part: splits.Instances,
    given: Mapping[str, Sequence],
    features: Mapping[str, schema.Feature],
  ) -> Iterator[bytes]:
    """Yields serialized records.

    Args:
      part: n targets.
      given: the features that are not in the table: numbers [n], or n lists of
        numbers.
      features: all features, by name.
    """
    target = part.target
    length = target - part.first
    newest = target - np.minimum(length, self._max_history)
    columns = {
      "user": self.user[target],
      "history_length": length,
      "target": self.item[target],
    } | given
    for name, feature in features.items():
      if feature.optional and name in self._columns:
        columns[name] = self._columns[name][target]
    # protobuf takes Python's numbers faster than numpy's.
    values = {
      name: (row.tolist() for row in column)
      if features[name].is_list
      else zip(np.asarray(column).tolist())
      for name, column in columns.items()
    }
    values["history"] = (
      self.item[start:end].tolist()
      for start, end in zip(newest.tolist(), target.tolist(), strict=True)
    )
    return serialize(values, features)


def serialize(
  columns: Mapping[str, Iterable[Sequence]],
  features: Mapping[str, schema.Feature],
) -> Iterator[bytes]:
  """Yields a tf.train.Example for each row of values.

  Args:
    columns: the values of each record in turn, by feature; texts are bytes.
    features: the features, by name.
  """
  import tensorflow as tf

  # Using one message again for each row saves half of the time.
  example = tf.train.Example()
  feature = example.features.feature
  fields = [
    getattr(feature[name], _LISTS[features[name].dtype]).value
    for name in columns
  ]
  for row in zip(*columns.values(), strict=True):
    for field, values in zip(fields, row, strict=True):
      field[:] = values
    # Otherwise the order of a map, and so the bytes, differ between runs.
    yield example.SerializeToString(deterministic=True)


def write_shards(
  path: Path, count: int, records: Callable[[slice], Iterable[bytes]]
) -> list[tuple[int, int]]:
  """Writes records to path.tfrecord-*; returns (records, bytes) by shard.

  Args:
    path: the files' name, without the part of the shard.
    count: the number of records.
    records: returns a slice of the records, serialized.
  """
  import tensorflow as tf

  shards = min(_MAX_SHARDS, -(-count // RECORDS_PER_SHARD))
  bounds = [count * shard // shards for shard in range(shards + 1)]
  written = []
  # None shows the bar only in a terminal.
  with tqdm.tqdm(total=count, desc=path.name, disable=None) as bar:
    for shard, (start, end) in enumerate(itertools.pairwise(bounds)):
      size = 0
      name = f"{path}.tfrecord-{shard:05d}-of-{shards:05d}"
      with tf.io.TFRecordWriter(name) as writer:
        for record in records(slice(start, end)):
          writer.write(record)
          size += len(record)
      written.append((end - start, size))
      bar.update(end - start)
  return written


def write_metadata(
  folder: Path,
  name: str,
  features: Mapping[str, schema.Feature],
  shards: Mapping[str, list[tuple[int, int]]],
  description: str,
) -> None:
  """Writes the metadata that makes a folder of shards a TFDS dataset."""
  import tensorflow_datasets as tfds

  template = tfds.core.ShardedFileTemplate(
    data_dir=folder,
    dataset_name=name,
    filetype_suffix="tfrecord",
  )
  columns = {
    feature_name: tfds.features.Text(doc=feature.meaning)
    if (feature.dtype, feature.is_list) == ("string", False)
    else tfds.features.Tensor(
      shape=(None,) if feature.is_list else (),
      dtype=np.str_ if feature.dtype == "string" else np.dtype(feature.dtype),
      doc=feature.meaning,
    )
    for feature_name, feature in features.items()
  }
  tfds.folder_dataset.write_metadata(
    data_dir=folder,
    features=tfds.features.FeaturesDict(columns),
    split_infos=[
      tfds.core.SplitInfo(
        name=split,
        shard_lengths=[records for records, _ in sizes],
        num_bytes=sum(size for _, size in sizes),
        filename_template=template.replace(split=split),
      )
      for split, sizes in shards.items()
    ],
    version=RECORDS_VERSION,
    filename_template=template,
    check_data=False,
    description=description,
  )
