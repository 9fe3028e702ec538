"""Statistics of the records of a split, without rendering them."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import seqio
import tensorflow as tf

from instructrec_jax import schema
from instructrec_jax.instructions import mixing
from instructrec_jax.tasks.family_records import FamilyRecords

# The number of records read from TensorFlow at a time.
_CHUNK = 4096
_NUMBERS = ("user", "target", "history_length", "newer_targets")


@dataclasses.dataclass(frozen=True)
class Contents:
  """Statistics of the n records of a split.

  Attributes:
    split: the split.
    user: int [n], user codes.
    target: int [n], item codes.
    history_length: int [n], items before the target, before any cut.
    newer_targets: int [n], as in schema.RECORD.
    shown: int [n], items of the history in the record.
    words: int [n] for each text of schema.RECORD that the records have, the
      number of its words, 0 if it is empty.
  """

  split: str
  user: np.ndarray
  target: np.ndarray
  history_length: np.ndarray
  newer_targets: np.ndarray
  shown: np.ndarray
  words: Mapping[str, np.ndarray]

  def __len__(self) -> int:
    return self.user.size

  def told(self, source: FamilyRecords) -> tuple[np.ndarray, np.ndarray]:
    """Returns the records that a family can use.

    Returns:
      bool [n], which records have its texts; and bool [n], which of those are
      within the limit of `mixing.instances_per_user`.
    """
    there = np.ones(len(self), bool)
    for field in source.fields.values():
      there &= self.words[field] > 0 if field in self.words else False
    if source.searched is not None and self.split == "train":
      there &= ~source.searched.held_out_items[self.target]
    limit = mixing.instances_per_user().get(source.family.name)
    if limit is None:
      return there, there
    return there, there & (self.newer_targets < limit)


class Reader:
  """Reads the contents of splits. Families share records, so each once."""

  def __init__(self):
    self._read: dict[tuple, Contents] = {}

  def read(self, source: FamilyRecords, split: str) -> Contents:
    """Returns the contents of all records of a split, not only a family's."""
    records = source.tfds_dataset
    key = records.name, records.data_dir, split
    if key not in self._read:
      self._read[key] = _contents(
        records.load(split, shuffle_files=False), split
      )
    return self._read[key]

  def count(self, task: seqio.Task, split: str) -> int | None:
    """Returns the number of a task's records, or None if it is unknown."""
    if not isinstance(task.source, FamilyRecords):
      return task.num_input_examples(split)
    _, told = self.read(task.source, split).told(task.source)
    return int(told.sum())


def _contents(records: tf.data.Dataset, split: str) -> Contents:
  """Reads records in chunks, to save memory."""
  fields = [
    name
    for name, feature in schema.RECORD.items()
    if feature.dtype == "string" and name in records.element_spec
  ]
  numbers = (*_NUMBERS, "shown")

  def count(record: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    return {
      **{name: record[name] for name in _NUMBERS},
      "shown": tf.size(record["history"], tf.int64),
      **{f: tf.size(tf.strings.split(record[f]), tf.int64) for f in fields},
    }

  chunks = list(
    records.map(count, num_parallel_calls=tf.data.AUTOTUNE)
    .batch(_CHUNK)
    .as_numpy_iterator()
  )
  every = {
    name: np.concatenate([np.zeros(0, np.int64), *(c[name] for c in chunks)])
    for name in (*numbers, *fields)
  }
  return Contents(
    split=split,
    **{name: every[name] for name in numbers},
    words={field: every[field] for field in fields},
  )
