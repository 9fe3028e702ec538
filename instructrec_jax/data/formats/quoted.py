"""Reads files of delimited text in pieces and counts every bad row.

Comma-separated text has RFC 4180 quotes, see `rfc4180`. Tabs are mostly used
without quotes, so quotes have a meaning in such a file only if it was written
with them. A delimiter of several characters is never quoted.
"""

import collections
import contextlib
import csv
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl

from instructrec_jax import errors
from instructrec_jax.data.formats import blocks, rfc4180, text
from instructrec_jax.data.formats.raw import Bad
from instructrec_jax.data.formats.rfc4180 import Piece
from instructrec_jax.data.formats.spool import LINE, Spool, empty
from instructrec_jax.data.formats.text import (
  FAULT,
  RECODED,
  Faults,
  Field,
  checks,
  no_usable_row,
)
from instructrec_jax.errors import InputError

# No quoted field is as long, so its quote is one that is never closed.
_LONGEST = 1 << 20
_DOUBTFUL = "quoted text over several lines that looks like rows of the file"


@dataclasses.dataclass(frozen=True)
class Form:
  """How a file of delimited text is written.

  Attributes:
    separator: one or more characters between fields.
    encoding: its name. None stands for UTF-8, or UTF-16 with a byte order mark;
      lines that are neither are read as Windows-1252.
    names: of the columns of a file without a header line.
  """

  separator: str = ","
  encoding: str | None = None
  names: tuple[str, ...] | None = None

  @property
  def quotes(self) -> bool | None:
    """Whether quotes have a meaning; None if only the file tells."""
    if self.separator == "\t":
      return None
    return len(self.separator.encode()) == 1


CSV = Form()


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
  form: Form = CSV,
) -> Loaded:
  """Reads the named columns of a file of any size; see `text.parse`.

  Args:
    path: with a header line; plain, gzip or zstd.
    fields: the short columns, by name of the column to make.
    long: the long columns, as expressions over the raw columns as text. They
      go into `spool`, or into the rows if there is no spool.
    spool: for the long columns.
    noted: which rows to count, as expressions over the raw columns, by the
      note under which they are counted.
    form: how the file is written.

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
  for piece in pieces(path, list(wanted), form):
    # Lazy, so that a value and its fault share their computation.
    rows = piece.rows.lazy().select(
      LINE,
      *values,
      *(value.alias(name) for name, value in long.items()),
      *(test.fill_null(False).alias(what) for what, test in noted.items()),
      fault.alias(FAULT),
    )
    rows = rows.collect(engine="streaming")
    count(faults, piece)
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


def rows(
  path: Path, columns: Sequence[str], form: Form = CSV
) -> tuple[pl.DataFrame, list[Bad]]:
  """Returns the rows of a file as text, with LINE, and those with a fault.

  Args:
    path: see `pieces`.
    columns: the columns to read.
    form: how the file is written.

  Raises:
    InputError: see `pieces`; or there is no row.
  """
  faults, kept = Faults(path), []
  for piece in pieces(path, columns, form):
    count(faults, piece)
    kept.append(piece.rows)
  found = pl.concat(kept)
  if found.is_empty():
    raise no_usable_row(path, faults.bad)
  return found, faults.bad


def count(faults: Faults, piece: Piece) -> None:
  """Adds the faults of a piece to those of its file."""
  for reason, lines in piece.wrong.items():
    faults.add(reason, lines)
  faults.note(_DOUBTFUL, piece.doubtful)
  faults.note(RECODED, piece.recoded)


def header(path: Path, form: Form = CSV) -> list[str]:
  """Returns the names of a file's columns; see `pieces`."""
  block = blocks.first(path, form.encoding)
  if not block:
    raise _empty(path)
  return _header(path, block, form)[0]


def pieces(
  path: Path, columns: Sequence[str], form: Form = CSV
) -> Iterator[Piece]:
  """Reads a file of delimited text; quoted fields may contain line breaks.

  A record with the wrong number of fields is left out. So is a record whose
  quotes do not match; reading goes on with the line after its first.

  Args:
    path: with a header line; plain, gzip or zstd.
    columns: the columns to read.
    form: how the file is written.

  Yields:
    The records, in order.

  Raises:
    InputError: a column is missing, or the file is cut off, damaged or not in
      its encoding.
  """
  names, line, rest, quotes = None, 1, b"", form.quotes
  # One block ahead, to know which block is the last one.
  coming = blocks.of_lines(path, encoding=form.encoding)
  block = next(coming, None)
  while block is not None:
    after = next(coming, None)
    block, places = text.utf8(block)
    recoded = [line + rest.count(b"\n") + place for place in places]
    data = rest + block
    if names is None:
      names, data, line = _header(path, data, form)
      for column in columns:
        if column not in names:
          raise errors.unknown(f"column of {path}", column, names)
    if quotes is None and b'"' in data:
      quotes = rfc4180.is_quoted(data, names, form.separator)
    how = (data, names, form.separator, line, columns)
    if quotes:
      piece, rest = _records(*how, last=after is None)
    else:
      piece = _lines(*how)
    yield dataclasses.replace(piece, recoded=recoded)
    line += data.count(b"\n") - rest.count(b"\n")
    block = after
  if names is None:
    raise _empty(path)


def _records(
  data: bytes,
  names: Sequence[str],
  separator: str,
  line: int,
  columns: Sequence[str],
  last: bool,
) -> tuple[Piece, bytes]:
  """Reads records with quotes, and returns the rest; see `rfc4180.one_by_one`.

  Empty lines at the end do not make a piece ill formed.
  """
  end = len(data)
  while data.endswith((b"\n\n", b"\n\r\n"), 0, end):
    end -= 1 + data.endswith(b"\r\n", 0, end)
  found = rfc4180.whole(data[:end], names, separator, line, columns)
  if found is None or (found[1] and (last or len(found[1]) > _LONGEST)):
    return rfc4180.one_by_one(data, names, separator, line, columns, last)
  piece, rest = found
  return piece, rest and rest + data[end:]


def _lines(
  data: bytes,
  names: Sequence[str],
  separator: str,
  line: int,
  columns: Sequence[str],
) -> Piece:
  """Reads lines in which quotes have no meaning."""
  rows, wrong, _ = text.split_block(data, separator, names, line)
  return Piece(rows.select(LINE, *columns), {f"not {len(names)} fields": wrong})


def _empty(path: Path) -> InputError:
  return InputError(f"{path} is empty: expected a header line")


def _header(
  path: Path, data: bytes, form: Form
) -> tuple[list[str], bytes, int]:
  """Returns the names, the bytes after them, and the next line's number."""
  if form.names is not None:
    return _named(path, data, form), data, 1
  line, first, after = 1, *data.partition(b"\n")[::2]
  while after and not first.strip():
    first, _, after = after.partition(b"\n")
    line += 1
  given = text.decode(first).removesuffix("\r")
  names = given.split(form.separator)
  if form.quotes is not False:
    try:
      (names,) = csv.reader([given], delimiter=form.separator, strict=True)
    except (csv.Error, ValueError):
      if form.quotes:
        raise InputError(
          f"{path}:{line}: expected a header line, found {first[:80]!r}"
        ) from None
  return text.check_names(path, names), after, line + 1


def _named(path: Path, data: bytes, form: Form) -> list[str]:
  """Returns the given names of a file without a header line.

  Raises:
    InputError: the first line has another number of fields, or is a header.
  """
  names = text.check_names(path, list(form.names or ()))
  line = text.decode(data.lstrip(b"\r\n").partition(b"\n")[0]).rstrip("\r")
  fields = line.split(form.separator)
  if form.quotes is not False:
    # Python's reader refuses a carriage return that stands without quotes.
    with contextlib.suppress(csv.Error):
      fields = next(csv.reader([line], delimiter=form.separator), [])
  if fields == names:
    raise InputError(f"{path}:1 is a header line: leave out the option columns")
  # A quoted field may go on in the next line.
  if len(fields) != len(names) and line.count('"') % 2 == 0:
    raise InputError(
      f"{path}:1: {len(names)} columns are named "
      f"({', '.join(names):.300}), but the line has {len(fields)} fields when "
      f"split at {form.separator!r}: "
      f"{line!r:.100}"
    )
  return names
