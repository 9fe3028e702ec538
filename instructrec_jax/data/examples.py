"""tf.train.Example messages in bulk.

TFDS and SeqIO read records as serialized tf.train.Example. Building each one
through the protobuf classes costs more than everything else in the stage, and
the messages differ only in a few integers: so the integers of whole columns
are encoded at once, and a message is put together from slices of them.

The format is protobuf's wire format, https://protobuf.dev/programming-guides/
encoding, for the messages of tensorflow/core/example/{example,feature}.proto.
"""

import dataclasses
import functools
from collections.abc import Iterator, Mapping

import numpy as np

# Tags: (field number << 3) | 2, all fields here being length-delimited.
_FIRST, _SECOND, _INT64_LIST = b"\x0a", b"\x12", b"\x1a"
_FLOAT_LIST = _SECOND


class Encoded:
  """Integers, or float32, as the bytes a packed field holds.

  Attributes:
    payload: the bytes of all values.
    offsets: [values + 1] int64, where each value's bytes start.
    tag: of the list that such values stand in.
  """

  def __init__(self, values: np.ndarray):
    self.payload, self.offsets = _encode(values)
    self.tag = _FLOAT_LIST if values.dtype == np.float32 else _INT64_LIST


@dataclasses.dataclass(frozen=True)
class Slices:
  """A list feature: each row a stretch of the same values; they may overlap.

  Attributes:
    values: what they are stretches of.
    starts: [rows] index of a row's first value.
    ends: [rows] index after its last value.
  """

  values: Encoded
  starts: np.ndarray
  ends: np.ndarray


def serialize(features: Mapping[str, np.ndarray | Slices]) -> Iterator[bytes]:
  """Yields a serialized tf.train.Example for each row.

  Args:
    features: by key: one integer or float32 a row, or a list a row.
  """
  entries = [_entries(key, column) for key, column in features.items()]
  length_of = functools.cache(_varint)
  for body in map(b"".join, zip(*entries, strict=True)):
    yield _FIRST + length_of(len(body)) + body


def _entries(key: str, column: np.ndarray | Slices) -> list[bytes]:
  """Returns the feature's entry in the map of features, for each row."""
  if isinstance(column, Slices):
    values = column.values
    starts, ends = values.offsets[column.starts], values.offsets[column.ends]
  else:
    values = Encoded(column)
    starts, ends = values.offsets[:-1], values.offsets[1:]

  # Rows have few different lengths, and what comes before the values depends
  # on nothing else.
  @functools.cache
  def before(length: int) -> bytes:
    packed = _FIRST + _varint(length)
    kind = values.tag + _varint(len(packed) + length) + packed
    name = _FIRST + _varint(len(key.encode())) + key.encode()
    entry = name + _SECOND + _varint(len(kind) + length) + kind
    return _FIRST + _varint(len(entry) + length) + entry

  payload = values.payload
  return [
    before(end - start) + payload[start:end]
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
  ]


def _encode(values: np.ndarray) -> tuple[bytes, np.ndarray]:
  """Returns the packed bytes of values and [values + 1] offsets into them."""
  if values.dtype == np.float32:
    offsets = np.arange(values.size + 1) * 4
    return values.astype("<f4").tobytes(), offsets
  # Negative integers are written as their two's complement of 64 bits.
  rest = values.astype(np.int64).view(np.uint64)
  sizes = np.ones(values.size, np.int64)
  for bits in range(7, 64, 7):
    sizes += rest >= np.uint64(1 << bits)
  offsets = np.concatenate([[0], np.cumsum(sizes)])
  data = np.empty(offsets[-1], np.uint8)
  at, left = offsets[:-1], sizes
  while at.size:
    more = left > 1
    data[at] = (rest & np.uint64(0x7F)) | (
      more.astype(np.uint64) << np.uint64(7)
    )
    at, left, rest = at[more] + 1, left[more] - 1, rest[more] >> np.uint64(7)
  return data.tobytes(), offsets


def _varint(value: int) -> bytes:
  data = bytearray()
  while value > 0x7F:
    data.append(value & 0x7F | 0x80)
    value >>= 7
  data.append(value)
  return bytes(data)
