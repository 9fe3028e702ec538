"""Reads files of lines in blocks, so that a file of any size fits in memory."""

import codecs
import concurrent.futures
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from instructrec_jax.data.formats import limits
from instructrec_jax.errors import InputError

# Large enough that the overhead of a block does not matter.
_BLOCK = 16 << 20
_READ = 1 << 20
_LONGEST_LINE = 64 << 20
# By a file's first bytes: browsers unpack a .gz file and keep its name.
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_COMPRESSION = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}


def of_lines(
  path: Path,
  change: Callable[[bytes], bytes] = bytes,
  encoding: str | None = None,
) -> Iterator[bytes]:
  """Yields blocks of whole lines.

  The next block is unpacked and changed while the caller uses this one.

  Args:
    path: the file; plain, gzip or zstd. Its last line gets a line break.
    change: changes the lines of a block but not their number.
    encoding: the file's, which becomes UTF-8. None leaves the bytes as they
      are, except that UTF-16 with a byte order mark becomes UTF-8.

  Raises:
    InputError: the file is cut off or damaged, or is not text in lines, or not
      in this encoding.
  """
  with concurrent.futures.ThreadPoolExecutor(1) as pool:
    blocks = map(change, _blocks(path, _BLOCK, encoding))
    pending = pool.submit(next, blocks, None)
    while (block := pending.result()) is not None:
      pending = pool.submit(next, blocks, None)
      yield block


def first(path: Path, encoding: str | None = None) -> bytes:
  """Returns the first lines of a file, without a byte order mark."""
  return next(_blocks(path, _READ, encoding), b"")


def _blocks(path: Path, size: int, encoding: str | None) -> Iterator[bytes]:
  given, rest, to_utf8 = 0, b"", None
  memory, total = limits.Memory(path), 0
  with path.open("rb", buffering=0) as file, _unpacked(file) as stream:
    while True:
      # In small steps, to know the line at which a damaged file ends.
      waiting, length = [rest], len(rest)
      try:
        while length < size and (read := stream.read(_READ)):
          total += len(read)
          limits.check_ratio(path, file.tell(), total)
          to_utf8 = to_utf8 or _converter(path, read, encoding)
          waiting.append(to_utf8(read))
          length += len(waiting[-1])
      except OSError as error:
        lines = given + b"".join(waiting).count(b"\n")
        raise InputError(
          f"{path} is cut off or damaged after line {lines:,} (size: "
          f"{path.stat().st_size:,} bytes): {error}. Fetch it again"
        ) from None
      if length < size and to_utf8 is not None:
        waiting.append(to_utf8(b""))
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
      memory.check(total, given + 1)
      if end:
        given += block.count(b"\n", 0, end)
        yield block[:end]
      else:
        size *= 2
      rest = block[end:]
  if block:
    yield block if block.endswith(b"\n") else block + b"\n"


def _unpacked(file: BinaryIO) -> Any:
  """Returns a file's unpacked bytes; its first ones tell how it is packed."""
  start = file.read(4)
  file.seek(0)
  for magic, name in _COMPRESSION.items():
    if start.startswith(magic):
      return pa.input_stream(file, compression=name)
  return file


def _converter(
  path: Path, start: bytes, encoding: str | None
) -> Callable[[bytes], bytes]:
  """Returns a function that turns a file's bytes, in order, into UTF-8.

  Args:
    path: the file, for messages.
    start: its first bytes.
    encoding: see `of_lines`.
  """
  if encoding is None:
    if not start.startswith(_UTF_16):
      return bytes
    encoding = "utf-16"
  try:
    decoder = codecs.getincrementaldecoder(encoding)()
    if not isinstance(decoder.decode(b""), str):
      raise LookupError
  except (LookupError, TypeError, ValueError, AttributeError):
    raise InputError(
      f"encoding {encoding!r} is unknown: expected one of Python's, such as "
      "utf-8, cp1252, gb18030, shift_jis or utf-16-le"
    ) from None
  lines = 1

  def convert(read: bytes) -> bytes:
    nonlocal lines
    try:
      # No bytes are the end of the file.
      found = decoder.decode(read, final=not read)
    except UnicodeDecodeError as error:
      raise InputError(
        f"{path} is not in the encoding {encoding} after line {lines:,}: "
        f"{error.reason}"
      ) from None
    lines += found.count("\n")
    return found.encode("utf-8", "replace")

  return convert
