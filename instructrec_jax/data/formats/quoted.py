"""Reads comma-separated text with quotes in pieces and counts every bad row.

Almost every piece is well formed and is read by Polars as a whole. A few passes
over its bytes check the places of quotes and the number of fields between line
ends. Only a piece that fails this check is read record by record.
"""

import collections
import csv
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from instructrec_jax import errors
from instructrec_jax.data.formats import blocks
from instructrec_jax.data.formats.raw import Bad
from instructrec_jax.data.formats.spool import LINE, Spool, empty
from instructrec_jax.data.formats.text import (
  FAULT,
  Faults,
  Field,
  checks,
  decode,
  no_usable_row,
)
from instructrec_jax.errors import InputError

_QUOTE, _LF, _CR = b'"\n\r'
_BROKEN = "quotes that do not match up"
_RECODED = "not UTF-8, read as Windows-1252"


@dataclasses.dataclass(frozen=True)
class Piece:
  """Some records of a file.

  Attributes:
    rows: LINE, the line on which a record begins, and all columns as text.
    wrong: numbers of the lines of unusable records, by reason.
    recoded: number of lines that are not UTF-8.
  """

  rows: pl.DataFrame
  wrong: Mapping[str, list[int]]
  recoded: int = 0


@dataclasses.dataclass(frozen=True)
class Loaded:
  """The usable rows of a file, the rows left out, and notes with counts."""

  rows: pl.DataFrame
  bad: list[Bad]
  noted: dict[str, int]


def load(
  path: Path,
  fields: Mapping[str, Field],
  long: Mapping[str, pl.Expr] | None = None,
  spool: Spool | None = None,
  noted: Mapping[str, pl.Expr] | None = None,
) -> Loaded:
  """Reads the named columns of a file of any size; see `text.parse`.

  Args:
    path: comma-separated, with a header line; plain, gzip or zstd.
    fields: the short columns, by name of the column to make.
    long: the long columns, as expressions over the raw columns as text. They
      go into `spool`, or into the rows if there is no spool.
    spool: for the long columns.
    noted: which rows to count, as expressions over the raw columns, by the
      note under which they are counted.

  Returns:
    The rows in file order, with LINE if there is a spool.

  Raises:
    InputError: a column is missing, the file is cut off or has no usable row.
  """
  long, noted = long or {}, noted or {}
  exprs = [*long.values(), *noted.values()]
  exprs += [field.value for field in fields.values() if field.value is not None]
  wanted = dict.fromkeys(field.column for field in fields.values())
  wanted |= dict.fromkeys(n for e in exprs for n in e.meta.root_names())
  values, fault, reasons = checks(fields, dict.fromkeys(wanted, pl.String()))
  spooled = [] if spool is None else list(long)
  # A text id that repeats then takes only the memory of a code.
  ids = [n for n in ("user", "item", "item_id") if n in fields]
  coded = pl.col(n for n in ids if fields[n].dtype == pl.String)
  kept, counts, faults = [], collections.Counter(), Faults(path)
  for piece in pieces(path, list(wanted)):
    counts[_RECODED] += piece.recoded
    rows = piece.rows.select(
      LINE,
      *values,
      *(value.alias(name) for name, value in long.items()),
      *(test.fill_null(False).alias(what) for what, test in noted.items()),
      fault.alias(FAULT),
    )
    for reason, lines in piece.wrong.items():
      faults.add(reason, lines)
    rows = faults.usable(rows, reasons).with_columns(coded.cast(pl.Categorical))
    for name in long:
      counts[f"without {name}"] += empty(rows[name])
    for what in noted:
      counts[what] += rows[what].sum()
    if spool is not None:
      spool.add(rows.select(LINE, *long))
    kept.append(rows.drop(*spooled, *noted))
  table = pl.concat(kept) if kept else pl.DataFrame()
  if table.is_empty():
    raise no_usable_row(path, faults.bad)
  if spool is None:
    table = table.drop(LINE)
  return Loaded(table, faults.bad, {what: n for what, n in counts.items() if n})


def header(path: Path, separator: str = ",") -> list[str]:
  """Returns the names of a file's columns; see `pieces`."""
  block = blocks.first(path)
  if not block:
    raise _empty(path)
  return _header(path, block, separator)[0]


def pieces(
  path: Path, columns: Sequence[str], separator: str = ","
) -> Iterator[Piece]:
  """Reads a file with RFC 4180 quotes, which may contain line breaks.

  A record with the wrong number of fields is left out. So is a record whose
  quotes do not match; reading goes on with the line after its first.

  Args:
    path: with a header line; UTF-8, or Windows-1252 for lines that are not
      UTF-8; plain, gzip or zstd.
    columns: the columns to read.
    separator: one character.

  Yields:
    The records, in order.

  Raises:
    InputError: a column is missing, or the file is cut off or damaged.
  """
  names, line, rest = None, 1, b""
  # One block ahead, to know which block is the last one.
  coming = blocks.of_lines(path)
  block = next(coming, None)
  while block is not None:
    after = next(coming, None)
    data = rest + block
    if names is None:
      names, data, line = _header(path, data, separator)
      for column in columns:
        if column not in names:
          raise errors.unknown(f"column of {path}", column, names)
    piece, rest = _fast(data, names, separator, line, columns) or _one_by_one(
      data, names, separator, line, columns, last=after is None
    )
    yield piece
    line += data.count(b"\n") - rest.count(b"\n")
    block = after
  if names is None:
    raise _empty(path)
  if rest:
    yield _one_by_one(rest, names, separator, line, columns, last=True)[0]


def _empty(path: Path) -> InputError:
  return InputError(f"{path} is empty: expected a header line")


def _header(
  path: Path, data: bytes, separator: str
) -> tuple[list[str], bytes, int]:
  """Returns the names, the bytes after them, and the next line's number."""
  first, _, after = data.partition(b"\n")
  try:
    (names,) = csv.reader([decode(first)], delimiter=separator, strict=True)
  except (csv.Error, ValueError):
    raise InputError(
      f"{path}:1: expected a header line, found {first[:80]!r}"
    ) from None
  return names, after, 2


def _fast(
  data: bytes,
  names: Sequence[str],
  separator: str,
  line: int,
  columns: Sequence[str],
) -> tuple[Piece, bytes] | None:
  """Reads whole records and returns the rest; None if any is not well formed.

  A quote that opens a quoted stretch must be the first character of a field,
  and a quote that closes it must be the last. A doubled quote closes one
  stretch and opens the next.
  """
  text = np.frombuffer(data, np.uint8)
  split = ord(separator)
  quotes = np.flatnonzero(text == _QUOTE)
  breaks = np.flatnonzero(text == _LF)

  def outside(places: np.ndarray) -> np.ndarray:
    if not quotes.size:
      return places
    return places[np.searchsorted(quotes, places) % 2 == 0]

  ends = outside(breaks)
  if not ends.size:
    return None
  length = int(ends[-1]) + 1
  quotes = quotes[: np.searchsorted(quotes, length)]
  before = text[np.maximum(quotes[::2] - 1, 0)]
  before[quotes[::2] == 0] = _LF
  follows = text[quotes[1::2] + 1]
  if not (
    np.isin(before, (split, _LF, _QUOTE)).all()
    and np.isin(follows, (split, _LF, _CR, _QUOTE)).all()
  ):
    return None
  splits = outside(np.flatnonzero(text[:length] == split))
  number = np.diff(np.searchsorted(splits, ends), prepend=0)
  if (number != len(names) - 1).any():
    return None
  try:
    rows = pl.read_csv(
      data[:length],
      separator=separator,
      has_header=False,
      schema=dict.fromkeys(names, pl.String()),
      columns=[names.index(column) for column in columns],
    )
  except pl.exceptions.PolarsError:
    return None
  if rows.height != ends.size:
    return None
  starts = np.searchsorted(breaks, [0, *(ends[:-1] + 1)])
  lines = pl.Series(LINE, starts + line, pl.get_index_type())
  return Piece(rows.select(lines, *columns), {}), data[length:]


def _one_by_one(
  data: bytes,
  names: Sequence[str],
  separator: str,
  line: int,
  columns: Sequence[str],
  last: bool,
) -> tuple[Piece, bytes]:
  """Reads records that may not be well formed; see `_fast`.

  Args:
    data: whole lines.
    names: the names of all columns.
    separator: the character between fields.
    line: the number of the first line.
    columns: the columns to read.
    last: whether the file ends here.
  """
  raw = data.split(b"\n")[:-1]
  recoded = sum(not _is_utf8(each) for each in raw)
  texts = [f"{decode(each)}\n" for each in raw]
  wrong = collections.defaultdict(list)
  records, start, rest = [], 0, b""
  while start < len(texts):
    reader = csv.reader(
      (texts[i] for i in range(start, len(texts))),
      delimiter=separator,
      strict=True,
    )
    at = 0
    try:
      for record in reader:
        if len(record) == len(names):
          records.append((line + start + at, *record))
        elif record:
          wrong[f"not {len(names)} fields"].append(line + start + at)
        at = reader.line_num
      break
    except csv.Error as error:
      start += at
      if str(error) == "unexpected end of data" and not last:
        rest = b"".join(each + b"\n" for each in raw[start:])
        break
      wrong[_BROKEN].append(line + start)
      start += 1
  schema = {LINE: pl.get_index_type(), **dict.fromkeys(names, pl.String())}
  rows = pl.DataFrame(records, schema, orient="row").select(LINE, *columns)
  return Piece(rows, wrong, recoded), rest


def _is_utf8(line: bytes) -> bool:
  try:
    line.decode()
  except UnicodeDecodeError:
    return False
  return True
