"""Reads files of lines in blocks, so that a file of any size fits in memory."""

import concurrent.futures
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa

from instructrec_jax.errors import InputError

# Large enough that the overhead of a block does not matter.
_BLOCK = 16 << 20
_READ = 1 << 20
_LONGEST_LINE = 64 << 20
# By a file's first bytes: browsers unpack a .gz file and keep its name.
_COMPRESSION = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}


def of_lines(
  path: Path, change: Callable[[bytes], bytes] = bytes
) -> Iterator[bytes]:
  """Yields blocks of whole lines.

  The next block is unpacked and changed while the caller uses this one.

  Args:
    path: the file; plain, gzip or zstd. Its last line gets a line break.
    change: changes the lines of a block but not their number.

  Raises:
    InputError: the file is cut off or damaged, or is not text in lines.
  """
  with concurrent.futures.ThreadPoolExecutor(1) as pool:
    blocks = map(change, _blocks(path, _BLOCK))
    pending = pool.submit(next, blocks, None)
    while (block := pending.result()) is not None:
      pending = pool.submit(next, blocks, None)
      yield block


def first(path: Path) -> bytes:
  """Returns the first lines of a file, without a byte order mark."""
  return next(_blocks(path, _READ), b"")


def _blocks(path: Path, size: int) -> Iterator[bytes]:
  with path.open("rb") as f:
    start = f.read(4)
  compression = next(
    (name for magic, name in _COMPRESSION.items() if start.startswith(magic)),
    None,
  )
  given, rest = 0, b""
  with pa.input_stream(str(path), compression=compression) as stream:
    while True:
      # In small steps, to know the line at which a damaged file ends.
      waiting, length = [rest], len(rest)
      try:
        while length < size and (read := stream.read(_READ)):
          waiting.append(read)
          length += len(read)
      except OSError as error:
        lines = given + b"".join(waiting).count(b"\n")
        raise InputError(
          f"{path} is cut off or damaged after line {lines:,} (size: "
          f"{path.stat().st_size:,} bytes): {error}. Fetch it again"
        ) from None
      block = b"".join(waiting)
      if not given:
        block = block.removeprefix(b"\xef\xbb\xbf")
      if length < size:
        break
      end = block.rfind(b"\n") + 1
      if not end and length > _LONGEST_LINE:
        raise InputError(
          f"{path}: line {given + 1:,} is longer than {_LONGEST_LINE:,} bytes. "
          "Is it a text file?"
        )
      if end:
        given += block.count(b"\n", 0, end)
        yield block[:end]
      else:
        size *= 2
      rest = block[end:]
  if block:
    yield block if block.endswith(b"\n") else block + b"\n"
