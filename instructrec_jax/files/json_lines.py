r"""Reads JSON, and JSON lines, that anybody may have written.

A line ends at "\n" only. Other separators of lines, such as U+2028 and U+0085,
are text, which JSON allows inside of strings. A byte order mark at the start of
a file is skipped. Whatever is damaged is an InputError that names the file and
the line.
"""

import codecs
import json
import os
from collections.abc import Iterator
from typing import Any

from instructrec_jax import paths
from instructrec_jax.errors import InputError

# The most bytes of a line, or of a file that is one value.
MOST_BYTES = 64 << 20
_READ = 1 << 20


def lines(path: str | os.PathLike) -> Iterator[tuple[str, str]]:
  """Yields the lines of a file that are not blank, each after its place.

  A place is the file and the number of the line, for messages.

  Raises:
    InputError: there is no such file, or a line is too long or not UTF-8.
  """
  for number, line in enumerate(_split(path), start=1):
    where = f"{path}, line {number}"
    text = _decoded(line, where)
    if text.strip():
      yield where, text


def values(path: str | os.PathLike) -> Iterator[tuple[str, Any]]:
  """Yields the value of each line of JSON, after its place.

  Raises:
    InputError: as `lines`, or a line is not JSON.
  """
  for where, line in lines(path):
    yield where, loads(line, where)


def objects(path: str | os.PathLike) -> Iterator[tuple[str, dict[str, Any]]]:
  """Yields the object of each line of JSON, after its place.

  Raises:
    InputError: as `values`, or a line is not an object.
  """
  for where, value in values(path):
    if not isinstance(value, dict):
      raise InputError(f"{where}: expected a JSON object, got {value!r:.80}")
    yield where, value


def document(path: str | os.PathLike, most_bytes: int = MOST_BYTES) -> Any:
  """Returns the value of a file that is one JSON value.

  Args:
    path: the file.
    most_bytes: a larger file is refused.

  Raises:
    InputError: there is no such file, it is too large, or it is not JSON.
  """
  with _opened(path) as f:
    data = f.read(most_bytes + 1)
  if len(data) > most_bytes:
    raise InputError(
      f"{path}: expected at most {most_bytes:,} bytes, got a larger file"
    )
  return loads(_decoded(data.removeprefix(codecs.BOM_UTF8), path), path)


def loads(text: str | bytes, where: str | os.PathLike) -> Any:
  """Returns the value of a text.

  Args:
    text: JSON.
    where: its place, for messages.

  Raises:
    InputError: it is not JSON, or nested too deeply.
  """
  if isinstance(text, bytes):
    text = _decoded(text, where)
  try:
    return json.loads(text)
  except (ValueError, RecursionError) as error:
    raise InputError(f"{where}: not JSON: {error}: {text!r:.80}") from None


def _decoded(data: bytes, where: str | os.PathLike) -> str:
  try:
    return data.decode("utf-8")
  except UnicodeDecodeError as error:
    raise InputError(f"{where}: expected UTF-8: {error}") from None


def _split(path: str | os.PathLike) -> Iterator[bytes]:
  """Yields lines without their ends, and the rest of the last one."""
  with _opened(path) as f:
    number, rest = 1, f.read(len(codecs.BOM_UTF8))
    rest = rest.removeprefix(codecs.BOM_UTF8)
    while block := f.read(_READ):
      *whole, rest = (rest + block).split(b"\n")
      yield from whole
      number += len(whole)
      if len(rest) > MOST_BYTES:
        raise InputError(
          f"{path}, line {number}: expected a line of at most {MOST_BYTES:,} "
          "bytes, got a longer one"
        )
    yield from rest.split(b"\n")


def _opened(path: str | os.PathLike) -> Any:
  file = paths.anywhere(path)
  with paths.reading(file):
    try:
      return file.open("rb")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
      raise InputError(f"{path}: no such file") from None
