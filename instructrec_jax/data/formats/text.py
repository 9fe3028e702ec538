"""Reads the rows of text files and counts every unusable row."""

import codecs
import csv
import dataclasses
import gzip
import itertools
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl

from instructrec_jax import errors
from instructrec_jax.data.formats import blocks
from instructrec_jax.data.formats.raw import Bad
from instructrec_jax.data.formats.spool import LINE
from instructrec_jax.errors import InputError

# The column with the number of the reason why a row is unusable.
FAULT = "__fault"


@dataclasses.dataclass(frozen=True)
class Field:
  """How a raw column becomes a column of a table.

  Attributes:
    column: its name in the file.
    dtype: the type as which it is read.
    required: whether a row without it is unusable.
    value: an expression over the raw columns, if a cast of `column` is not
      enough; null if the text is not such a value.
    what: the noun for a value in messages; None for "a number" or "a time".
  """

  column: str
  dtype: pl.DataType | type[pl.DataType] = pl.String
  required: bool = False
  value: pl.Expr | None = None
  what: str | None = None


def decode(data: bytes) -> str:
  """Decodes UTF-8; bytes that are not valid UTF-8 are read as Windows-1252.

  Windows-1252 is ISO-8859-1 with letters and quotes in place of control codes.
  Accented text in it is practically never valid UTF-8, so a file that mixes
  both is read correctly.
  """
  return data.decode(errors=_FALLBACK)


_FALLBACK = f"{__name__}.windows_1252"


def _windows_1252(error: UnicodeDecodeError) -> tuple[str, int]:
  found = error.object[error.start : error.end]
  try:
    return found.decode("cp1252"), error.end
  except UnicodeDecodeError:
    return found.decode("latin-1"), error.end


codecs.register_error(_FALLBACK, _windows_1252)


def read_unquoted(
  path: Path, separator: str, columns: Sequence[str] | None = None
) -> tuple[pl.DataFrame, list[Bad]]:
  """Reads lines split at `separator`, in which quotes have no meaning.

  Text is decoded by `decode`, because copies of the older MovieLens files exist
  in UTF-8 and in ISO-8859-1.

  Args:
    path: the file, plain or gzipped.
    separator: one or more characters.
    columns: the names of the columns; None takes them from the first line.

  Returns:
    The rows as text with LINE, and the rows with a wrong number of fields.
  """
  opened = gzip.open if path.suffix == ".gz" else open
  try:
    with opened(path, "rb") as f:
      data = f.read()
  except (EOFError, zlib.error, gzip.BadGzipFile) as error:
    raise _damaged(path, error) from None
  text = decode(data)
  del data
  lines = _lines(text.removeprefix("\ufeff"), 1)
  del text
  if columns is None:
    if lines.is_empty():
      raise InputError(f"{path} is empty: expected a header line")
    columns = lines["raw"][0].split(separator)
    lines = lines[1:]
  rows, wrong = _split(lines, separator, columns)
  if wrong.is_empty():
    return rows, []
  reason = f"not {len(columns)} fields"
  return rows, [Bad(reason, wrong.height, f"{path.name}:{wrong[LINE][0]}")]


def unquoted_pieces(
  path: Path, separator: str, columns: Sequence[str]
) -> Iterator[tuple[pl.DataFrame, list[int]]]:
  """Reads lines as `read_unquoted` does, but in pieces.

  Args:
    path: the file; plain, gzip or zstd.
    separator: one character.
    columns: the names of the columns; there is no header line.

  Yields:
    Rows as text with LINE, and the numbers of the lines with a wrong number of
    fields.
  """
  first = 1
  for block in blocks.of_lines(path):
    rows = _regular(block, separator, columns)
    if rows is not None:
      yield rows.with_row_index(LINE, offset=first), []
    else:
      lines = _lines(decode(block), first)
      rows, wrong = _split(lines, separator, columns)
      yield rows, wrong[LINE].to_list()
    first += block.count(b"\n")


def _regular(
  block: bytes, separator: str, columns: Sequence[str]
) -> pl.DataFrame | None:
  """Splits regular lines, four times as fast; None if any line is irregular.

  The reader refuses lines with too many fields. If there are none and the total
  number of separators is right, no line has too few.
  """
  lines = block.count(b"\n")
  fields = block.count(separator.encode()) + lines
  if b"\r" in block or fields != lines * len(columns):
    return None
  try:
    rows = pl.read_csv(
      block,
      separator=separator,
      has_header=False,
      quote_char=None,
      infer_schema=False,
    )
  except pl.exceptions.PolarsError:
    return None
  if rows.shape != (lines, len(columns)):
    return None
  rows.columns = list(columns)
  return rows.fill_null("")  # An empty field, as in `_split`.


def _lines(text: str, first: int) -> pl.DataFrame:
  """Returns the lines that are not empty, as `raw`, and LINE from `first`."""
  lines = pl.DataFrame({"raw": [text]}).select(
    pl.col("raw").str.split("\n").explode().str.strip_suffix("\r")
  )
  lines = lines.with_row_index(LINE, offset=first)
  return lines.filter(pl.col("raw") != "")


def _split(
  lines: pl.DataFrame, separator: str, columns: Sequence[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
  """Returns the fields with LINE, and the lines with a wrong number of them."""
  fits = (
    pl.col("raw").str.count_matches(separator, literal=True) == len(columns) - 1
  )
  wrong = lines.filter(~fits)
  # split_exact fails for 0 splits, so ask for at least 1.
  fields = pl.col("raw").str.split_exact(separator, max(len(columns) - 1, 1))
  rows = lines.filter(fits).select(LINE, fields)
  rows = rows.select(
    LINE,
    *(
      pl.col("raw").struct.field(f"field_{i}").alias(name)
      for i, name in enumerate(columns)
    ),
  )
  return rows, wrong


def scan_quoted(
  path: Path, separator: str, columns: Sequence[str] | None = None
) -> pl.LazyFrame:
  """Scans a UTF-8 file with RFC 4180 quotes as text columns and LINE.

  LINE counts rows, so it is too small after a quoted line break.

  Args:
    path: the file, plain or gzipped.
    separator: one character.
    columns: the names of the columns if the file has no header line.
  """
  try:
    rows = pl.scan_csv(
      path,
      separator=separator,
      has_header=columns is None,
      new_columns=columns,
      infer_schema=False,
    )
    rows.collect_schema()
  except pl.exceptions.NoDataError:
    raise InputError(f"{path} is empty: expected a header line") from None
  except OSError as error:
    raise _damaged(path, error) from None
  return rows.with_row_index(LINE, offset=2 if columns is None else 1)


def parse(
  rows: pl.DataFrame | pl.LazyFrame,
  path: Path,
  fields: Mapping[str, Field],
  separator: str | None = None,
) -> tuple[pl.DataFrame, list[Bad]]:
  """Turns raw rows into the columns named by `fields`.

  A row is unusable if a required value is missing or if a value cannot be read
  as its type.

  Args:
    rows: raw columns and LINE.
    path: the file, for messages.
    fields: the columns to make, by name.
    separator: for messages; the file's, if it was scanned with quotes.

  Returns:
    The usable rows in file order, and the rows left out.

  Raises:
    InputError: a column is missing, or no row is usable.
  """
  rows = rows.lazy()
  there = [name for name in rows.collect_schema().names() if name != LINE]
  for field in fields.values():
    if field.column not in there:
      raise errors.unknown(f"column of {path}", field.column, there)
  values, fault, reasons = checks(fields, rows.collect_schema())
  try:
    table = rows.select(LINE, *values, fault.alias(FAULT)).collect(
      engine="streaming"
    )
  except pl.exceptions.ComputeError as error:
    raise _ragged(path, separator, len(there), error) from None
  except OSError as error:
    raise _damaged(path, error) from None
  counts = (
    table.filter(pl.col(FAULT).is_not_null())
    .group_by(FAULT)
    .agg(pl.len(), pl.col(LINE).min())
    .sort(FAULT)
  )
  bad = [
    Bad(reasons[code], count, f"{path.name}:{line}")
    for code, count, line in counts.rows()
  ]
  good = table.filter(pl.col(FAULT).is_null()).drop(LINE, FAULT)
  if good.is_empty():
    raise no_usable_row(path, bad)
  return good, bad


def checks(
  fields: Mapping[str, Field], schema: Mapping[str, pl.DataType]
) -> tuple[list[pl.Expr], pl.Expr, list[str]]:
  """Returns how raw columns become those named by `fields`; see `parse`.

  Args:
    fields: the columns to make, by name.
    schema: the types of the raw columns.

  Returns:
    Expressions for the columns; an expression for the number of the reason why
    a row is unusable, null if it is usable; and the reasons.
  """
  reasons, faults, values = [], [], []
  for name, field in fields.items():
    given = pl.col(field.column)
    if schema[field.column] == pl.String:
      given = pl.when(given != "").then(given)
    value = given.cast(field.dtype, strict=False)
    if field.value is not None:
      value = field.value.cast(field.dtype, strict=False)
    values.append(value.alias(name))
    if field.required:
      reasons.append(f"{field.column} is missing")
      faults.append(given.is_null())
    if field.dtype != pl.String or field.value is not None:
      plain = "a time" if name == "timestamp" else "a number"
      what = field.what or plain
      reasons.append(f"{field.column} is not {what}")
      faults.append(given.is_not_null() & value.is_null())
  # The first fault of a row is its reason, so each row counts once.
  fault = pl.coalesce(
    *(pl.when(test).then(pl.lit(i, pl.UInt8)) for i, test in enumerate(faults)),
    pl.lit(None, pl.UInt8),
  )
  return values, fault, reasons


class Faults:
  """Counts the unusable lines of a file by reason."""

  def __init__(self, path: Path):
    self._path = path
    self._by_reason: dict[str, tuple[int, int]] = {}

  def add(self, reason: str, lines: Sequence[int] | pl.Series) -> None:
    """Counts some lines, given by their numbers."""
    if len(lines):
      count, first = self._by_reason.get(reason, (0, min(lines)))
      self._by_reason[reason] = count + len(lines), first

  def usable(self, rows: pl.DataFrame, reasons: Sequence[str]) -> pl.DataFrame:
    """Returns the usable rows, and counts the others.

    Args:
      rows: LINE, FAULT (from `checks`) and other columns.
      reasons: the reasons from `checks`.
    """
    faults = rows.filter(pl.col(FAULT).is_not_null())
    for code, lines in faults.group_by(FAULT).agg(LINE).sort(FAULT).rows():
      self.add(reasons[code], lines)
    return rows.filter(pl.col(FAULT).is_null()).drop(FAULT)

  @property
  def bad(self) -> list[Bad]:
    """The counts, by reason."""
    return [
      Bad(reason, count, f"{self._path.name}:{line}")
      for reason, (count, line) in self._by_reason.items()
    ]


def no_usable_row(path: Path, bad: Sequence[Bad]) -> InputError:
  """Returns the error for a file in which all rows are `bad`."""
  why = "; ".join(
    f"{b.rows} left out: {b.reason} (first at {b.first})" for b in bad
  )
  return InputError(f"{path} has no usable row. {why or 'It has no rows'}")


def _damaged(path: Path, error: Exception) -> InputError:
  return InputError(
    f"{path} is cut off or damaged (size: {path.stat().st_size:,} bytes): "
    f"{error}. Fetch it again"
  )


def _ragged(
  path: Path, separator: str | None, expected: int, error: Exception
) -> InputError:
  """Finds the line that Polars cannot read but does not name."""
  if separator is not None and path.suffix != ".gz":
    with path.open(newline="", encoding="utf-8", errors="replace") as f:
      reader = csv.reader(f, delimiter=separator)
      for row in itertools.islice(reader, 10_000_000):
        if len(row) > expected:
          return InputError(
            f"{path}:{reader.line_num}: expected {expected} fields split at "
            f"{separator!r}, found {len(row)}: {row!r:.200} (a field that "
            f'contains {separator!r} must be in "quotes")'
          )
  return InputError(f"{path} cannot be read: {error}")
