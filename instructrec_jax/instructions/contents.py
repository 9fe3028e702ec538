"""What the records of a split hold, in numbers, without rendering any."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import seqio
import tensorflow as tf

from instructrec_jax import schema
from instructrec_jax.instructions.families import Family

# Records that come out of TensorFlow at a time.
_CHUNK = 4096
_NUMBERS = ("user", "history_length")


@dataclasses.dataclass(frozen=True)
class Contents:
  """The n records of a split, in the order in which its source reads them.

  Attributes:
    user: int [n], codes.
    history_length: int [n], items before the target, before any cut.
    shown: int [n], those of them that the record holds.
    words: int [n] by text of schema.RECORD, its words, 0 where there is none;
      of the texts that the records have.
  """

  user: np.ndarray
  history_length: np.ndarray
  shown: np.ndarray
  words: Mapping[str, np.ndarray]

  def __len__(self) -> int:
    return self.user.size

  def told(self, family: Family) -> np.ndarray:
    """Returns which records a family can be made of: bool [n]."""
    there = np.ones(len(self), bool)
    for field in family.fields:
      there &= self.words[field] > 0 if field in self.words else False
    return there


def read(source: seqio.DataSource, split: str) -> Contents:
  """Reads the records of a split; they are never in memory all at once.

  Args:
    source: of records as `schema.RECORD` says.
    split: of the source.
  """
  records = source.get_dataset(split, shuffle=False)
  fields = [
    name
    for name, feature in schema.RECORD.items()
    if feature.dtype == "string" and name in records.element_spec
  ]

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
    name: np.concatenate([chunk[name] for chunk in chunks])
    if chunks
    else np.zeros(0, np.int64)
    for name in (*_NUMBERS, "shown", *fields)
  }
  return Contents(
    **{name: every[name] for name in (*_NUMBERS, "shown")},
    words={field: every[field] for field in fields},
  )
