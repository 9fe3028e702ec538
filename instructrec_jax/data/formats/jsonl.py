"""Reads files of one object per line, of any size, in pieces."""

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

import polars as pl

from instructrec_jax.data.formats import blocks
from instructrec_jax.data.formats.spool import LINE
from instructrec_jax.errors import InputError


@dataclasses.dataclass(frozen=True)
class Dialect:
  """The notation of the object in each line of a file.

  Attributes:
    noun: the name of such an object, for messages.
    to_json: turns whole lines into the same number of lines of JSON.
  """

  noun: str = "JSON object"
  to_json: Callable[[bytes], bytes] = bytes


JSON = Dialect()


@dataclasses.dataclass(frozen=True)
class Piece:
  """Some lines of a file.

  Attributes:
    rows: LINE and the wanted columns.
    wrong: numbers of the lines that are not an object.
  """

  rows: pl.DataFrame
  wrong: list[int]


def pieces(
  path: Path, columns: Mapping[str, pl.DataType], dialect: Dialect = JSON
) -> Iterator[Piece]:
  """Reads a file of one object per line; blank lines are skipped.

  Args:
    path: the file, UTF-8; plain, gzip or zstd.
    columns: String or List(String), by key. Other values become text, a value
      that is not a list becomes a list of one, a missing key becomes null.
    dialect: the notation of an object.

  Yields:
    The lines, in order.

  Raises:
    InputError: the file is cut off or damaged, or is not text in lines.
  """
  line = 1
  for block in blocks.of_lines(path, dialect.to_json):
    lines = block.count(b"\n")
    try:
      rows = pl.read_ndjson(block, schema=columns)
    except pl.exceptions.PolarsError:
      rows = None
    if rows is not None and rows.height == lines:
      yield Piece(rows.with_row_index(LINE, offset=line), [])
    else:
      yield one_by_one(block, columns, line)
    line += lines


def one_by_one(
  block: bytes, columns: Mapping[str, pl.DataType], line: int
) -> Piece:
  """Reads lines of any content, about twenty times as slowly as Polars.

  Args:
    block: whole lines.
    columns: see `pieces`.
    line: the number of the first line.
  """
  rows, wrong = [], []
  for number, text in enumerate(block.split(b"\n")[:-1], line):
    if not text.strip():
      continue
    row = _object(text)
    if row is None:
      wrong.append(number)
    else:
      rows.append(
        (number, *(_fit(row.get(k), dtype) for k, dtype in columns.items()))
      )
  schema = {LINE: pl.get_index_type(), **columns}
  return Piece(pl.DataFrame(rows, schema, orient="row"), wrong)


def first_object(path: Path, dialect: Dialect = JSON) -> dict[str, Any]:
  """Returns the first object of a file, which shows the kind of file.

  Raises:
    InputError: there is no object among the first lines.
  """
  block = blocks.first(path)
  lines = [line for line in block.split(b"\n") if line.strip()]
  for line in lines:
    found = _object(dialect.to_json(line))
    if found is not None:
      return found
  seen = f"found {lines[0][:80]!r}" if lines else "found an empty file"
  raise InputError(f"{path}: expected one {dialect.noun} per line, {seen}")


def _object(line: bytes) -> dict[str, Any] | None:
  try:
    value = json.loads(line, parse_constant=_refuse)
  except (ValueError, RecursionError):
    return None
  return value if isinstance(value, dict) else None


def _refuse(constant: str) -> NoReturn:
  raise ValueError(f"{constant} is not JSON")


def _fit(value: Any, dtype: pl.DataType) -> Any:
  """Returns a text, a list of texts or None, as the type asks."""
  if value is None:
    return None
  if dtype == pl.List(pl.String):
    items = value if isinstance(value, list) else [value]
    return [_fit(item, pl.String()) for item in items]
  if not isinstance(value, str):
    value = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
  # JSON can write half of a surrogate pair, UTF-8 cannot. (Polars puts U+0000
  # in its place.)
  return value.encode("utf-8", "replace").decode()
