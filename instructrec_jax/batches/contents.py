"""What the records of a split hold, in numbers, without rendering any."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import seqio
import tensorflow as tf

from instructrec_jax import schema
from instructrec_jax.instructions import mixing
from instructrec_jax.tasks.family_records import FamilyRecords

# Records that come out of TensorFlow at a time.
_CHUNK = 4096
_NUMBERS = ("user", "history_length", "newer_targets")


@dataclasses.dataclass(frozen=True)
class Contents:
  """The n records of a split, whatever family can be made of them.

  Attributes:
    user: int [n], codes.
    history_length: int [n], items before the target, before any cut.
    newer_targets: int [n], as in schema.RECORD.
    shown: int [n], items of the history that the record holds.
    words: int [n] by text of schema.RECORD, its words, 0 where there is none;
      of the texts that the records have.
  """

  user: np.ndarray
  history_length: np.ndarray
  newer_targets: np.ndarray
  shown: np.ndarray
  words: Mapping[str, np.ndarray]

  def __len__(self) -> int:
    return self.user.size

  def told(self, source: FamilyRecords) -> tuple[np.ndarray, np.ndarray]:
    """Returns what a family can be made of.

    Returns:
      bool [n], which records have its texts; and bool [n], which of those are
      no more of a user than `mixing.instances_per_user` says.
    """
    there = np.ones(len(self), bool)
    for field in source.fields.values():
      there &= self.words[field] > 0 if field in self.words else False
    limit = mixing.instances_per_user().get(source.family.name)
    if limit is None:
      return there, there
    return there, there & (self.newer_targets < limit)


class Reader:
  """Reads the contents of splits, each once: families share records."""

  def __init__(self):
    self._read: dict[tuple, Contents] = {}

  def read(self, source: FamilyRecords, split: str) -> Contents:
    """Returns what all records of a split hold, not only a family's."""
    records = source.tfds_dataset
    key = records.name, records.data_dir, split
    if key not in self._read:
      self._read[key] = _contents(records.load(split, shuffle_files=False))
    return self._read[key]

  def count(self, task: seqio.Task, split: str) -> int | None:
    """Returns how many records a task is made of; None if nobody knows."""
    if not isinstance(task.source, FamilyRecords):
      return task.num_input_examples(split)
    _, told = self.read(task.source, split).told(task.source)
    return int(told.sum())


def _contents(records: tf.data.Dataset) -> Contents:
  """Reads records, which never are in memory all at once."""
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
    **{name: every[name] for name in numbers},
    words={field: every[field] for field in fields},
  )
