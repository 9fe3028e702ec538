"""tf.train.Example messages in bulk.

TFDS and SeqIO read records as serialized tf.train.Example. Building each one
through the protobuf classes costs more than everything else in the stage, and
the messages differ only in a few integers: so the integers of whole columns
are encoded at once, and a message is put together from slices of them.

The format is protobuf's wire format, https://protobuf.dev/programming-guides/
encoding, for the messages of tensorflow/core/example/{example,feature}.proto.
"""

import functools
from collections.abc import Iterator, Sequence

import numpy as np

# Tags: (field number << 3) | 2, all fields here being length-delimited.
_FIRST, _SECOND, _INT64_LIST = b"\x0a", b"\x12", b"\x1a"
_FLOAT_LIST = _SECOND


class Column:
  """One feature of many examples, encoded, ready to be sliced.

  Attributes:
    payload: the values of all rows, as the packed field holds them.
    starts: where a row's bytes start in the payload.
    ends: where they end.
  """

  def __init__(
    self,
    name: str,
    values: np.ndarray,
    starts: np.ndarray | None = None,
    ends: np.ndarray | None = None,
  ):
    """Encodes values; rows may share and overlap in them.

    Args:
      name: the feature's key.
      values: [values] integers, or float32.
      starts: [rows] index of a row's first value; None for one value a row.
      ends: [rows] index after its last value.
    """
    self.payload, offsets = _encode(values)
    if starts is None:
      starts = np.arange(values.size)
      ends = starts + 1
    # Lists of Python integers: indexing an array makes one anew every time.
    self.starts = offsets[starts].tolist()
    self.ends = offsets[ends].tolist()
    self._key = name.encode()
    self._kind = _FLOAT_LIST if values.dtype == np.float32 else _INT64_LIST
    # Rows have few different lengths, and the bytes before the values depend
    # on nothing else.
    self.prefix = functools.cache(self._prefix)

  def _prefix(self, length: int) -> bytes:
    """Returns all of the feature's map entry before its packed values."""
    packed = _FIRST + _varint(length)
    kind = self._kind + _varint(len(packed) + length) + packed
    key = _FIRST + _varint(len(self._key)) + self._key
    entry = key + _SECOND + _varint(len(kind) + length) + kind
    return _FIRST + _varint(len(entry) + length) + entry


def serialize(
  columns: Sequence[Column], rows: Sequence[int]
) -> Iterator[bytes]:
  """Yields a serialized tf.train.Example for each of `rows`.

  Args:
    columns: the features, which all have the same number of rows.
    rows: which rows, in the order wanted.
  """
  parts = [(c.payload, c.starts, c.ends, c.prefix) for c in columns]
  length_of = functools.cache(_varint)
  for row in rows:
    pieces = []
    for payload, starts, ends, prefix in parts:
      start, end = starts[row], ends[row]
      pieces.append(prefix(end - start))
      pieces.append(payload[start:end])
    features = b"".join(pieces)
    yield _FIRST + length_of(len(features)) + features


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
