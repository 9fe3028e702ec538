"""Reads the rows of text files and counts every row with a fault."""

import codecs
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl

from instructrec_jax import errors, parquet
from instructrec_jax.data.formats import blocks, numerals
from instructrec_jax.data.formats.raw import Bad
from instructrec_jax.data.formats.spool import LINE
from instructrec_jax.errors import InputError

# The column with the number of the reason why a row is unusable.
FAULT = "__fault"
# Begins the names of columns of the values that cannot be read.
_ODD = "__odd:"
RECODED = "not UTF-8, read as Windows-1252"
_SHOWN = 40


@dataclasses.dataclass(frozen=True)
class Field:
  """How a raw column becomes a column of a table.

  Attributes:
    column: its name in the file.
    dtype: the type as which it is read.
    required: whether a row without it is unusable. If not, a value that
      cannot be read is unknown and counted. A number that is not required may
      be written as `numerals.of` reads it.
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


def utf8(block: bytes) -> tuple[bytes, list[int]]:
  """Turns lines into UTF-8; see `decode`.

  Returns:
    The lines, and the places, from 0, of those that were not UTF-8.
  """
  if block.isascii():
    return block, []
  try:
    block.decode()
  except UnicodeDecodeError:
    lines = enumerate(block.split(b"\n"))
    return decode(block).encode(), [i for i, each in lines if not _fits(each)]
  return block, []


def _fits(line: bytes) -> bool:
  try:
    line.decode()
  except UnicodeDecodeError:
    return False
  return True


_FALLBACK = f"{__name__}.windows_1252"


def _windows_1252(error: UnicodeDecodeError) -> tuple[str, int]:
  found = error.object[error.start : error.end]
  try:
    return found.decode("cp1252"), error.end
  except UnicodeDecodeError:
    return found.decode("latin-1"), error.end


codecs.register_error(_FALLBACK, _windows_1252)


def read_unquoted(
  path: Path,
  separator: str,
  columns: Sequence[str] | None = None,
  encoding: str | None = None,
) -> tuple[pl.DataFrame, list[Bad]]:
  """Reads lines split at `separator`, in which quotes have no meaning.

  Text is decoded by `utf8`, because copies of the older MovieLens files exist
  in UTF-8 and in ISO-8859-1.

  Args:
    path: the file; plain, gzip or zstd.
    separator: one or more characters.
    columns: the names of the columns; None takes them from the first line.
    encoding: see `blocks.of_lines`.

  Returns:
    The rows as text with LINE, and the rows with a wrong number of fields.

  Raises:
    InputError: the file is damaged, or no line has the right number of fields.
  """
  if columns is None:
    columns, start = header(path, separator, encoding), 2
  else:
    start = 1
  schema = {LINE: pl.get_index_type(), **dict.fromkeys(columns, pl.String())}
  kept, faults, line = [pl.DataFrame(schema=schema)], Faults(path), 1
  for block in blocks.of_lines(path, encoding=encoding):
    rows, wrong, recoded = split_block(block, separator, columns, line, start)
    kept.append(rows)
    faults.add(f"not {len(columns)} fields", wrong)
    faults.note(RECODED, recoded)
    line += block.count(b"\n")
  rows = pl.concat(kept)
  if rows.is_empty():
    raise no_usable_row(path, faults.bad)
  return rows, faults.bad


def header(
  path: Path, separator: str, encoding: str | None = None
) -> list[str]:
  """Returns the fields of the first line; see `read_unquoted`."""
  first, found, _ = blocks.first(path, encoding).partition(b"\n")
  if not found:
    raise InputError(f"{path} is empty: expected a header line")
  return check_names(path, decode(first).removesuffix("\r").split(separator))


def check_names(path: Path, names: list[str]) -> list[str]:
  """Returns the names of columns.

  Raises:
    InputError: a name stands twice or is our own, or the file is not text.
  """
  if not any(name.strip() for name in names):
    raise InputError(f"{path} is empty: expected a header line")
  if any("\0" in name for name in names):
    raise InputError(
      f"{path}:1: expected a header line, found {''.join(names)!r:.80}. Is it "
      "text in UTF-8? If not, name its encoding"
    )
  ours = next((n for n in names if n in (LINE, FAULT)), None)
  if ours is not None:
    raise InputError(
      f"{path}:1: a column is called {ours!r}, which has a meaning here. "
      "Rename it"
    )
  twice = next((n for i, n in enumerate(names) if n and n in names[:i]), None)
  if twice is not None:
    raise InputError(
      f"{path}:1: two columns are called {twice!r:.80}. Rename one of them"
    )
  return names


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
  line = 1
  for block in blocks.of_lines(path):
    rows, wrong, _ = split_block(block, separator, columns, line)
    yield rows, wrong
    line += block.count(b"\n")


def split_block(
  block: bytes,
  separator: str,
  columns: Sequence[str],
  line: int,
  start: int = 1,
) -> tuple[pl.DataFrame, list[int], list[int]]:
  """Splits whole lines; lines without a character are left out.

  Args:
    block: the lines.
    separator: one or more characters.
    columns: the names of the columns.
    line: the number of the first line.
    start: the number of the line after the file's header.

  Returns:
    Rows as text with LINE, the numbers of the lines with a wrong number of
    fields, and those of the lines that are not UTF-8.
  """
  if line < start:
    block, line = block.partition(b"\n")[2], start
  block, recoded = utf8(block)
  rows = _regular(block, separator, columns)
  if rows is not None:
    rows, wrong = rows.with_row_index(LINE, offset=line), []
  else:
    rows, bad = _split(_lines(block.decode(), line), separator, columns)
    wrong = bad[LINE].to_list()
  return rows, wrong, [line + place for place in recoded]


def _regular(
  block: bytes, separator: str, columns: Sequence[str]
) -> pl.DataFrame | None:
  """Splits regular lines, four times as fast; None if any line is irregular.

  The reader refuses lines with too many fields. If there are none and the total
  number of separators is right, no line has too few.
  """
  lines = block.count(b"\n")
  fields = block.count(separator.encode()) + lines
  if len(separator.encode()) > 1:
    return None
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


def parse(
  rows: pl.DataFrame | pl.LazyFrame, path: Path, fields: Mapping[str, Field]
) -> tuple[pl.DataFrame, list[Bad]]:
  """Turns raw rows into the columns named by `fields`.

  A row is unusable if a required value is missing or cannot be read as its
  type. Other values that cannot be read are null, and are counted too.

  Args:
    rows: raw columns and LINE.
    path: the file, for messages.
    fields: the columns to make, by name.

  Returns:
    The usable rows in file order, and the rows with a fault.

  Raises:
    InputError: a column is missing or has lists, or no row is usable.
  """
  faults = Faults(path)
  good = typed(rows, path, fields, faults).drop(LINE)
  if good.is_empty():
    raise no_usable_row(path, faults.bad)
  return good, faults.bad


def typed(
  rows: pl.DataFrame | pl.LazyFrame,
  path: Path,
  fields: Mapping[str, Field],
  faults: "Faults",
) -> pl.DataFrame:
  """Returns the usable rows with LINE, and counts the others; see `parse`.

  Args:
    rows: raw columns and LINE.
    path: the file, for messages.
    fields: the columns to make, by name.
    faults: of the file.
  """
  rows = rows.lazy()
  with parquet.reading(path):
    schema = rows.collect_schema()
    _check_columns(path, schema, fields)
    values, fault, reasons = checks(fields, schema)
    table = rows.select(LINE, *values, fault.alias(FAULT)).collect(
      engine="streaming"
    )
  return faults.usable(table, reasons)


def _check_columns(
  path: Path, schema: Mapping[str, pl.DataType], fields: Mapping[str, Field]
) -> None:
  there = [name for name in schema if name != LINE]
  for field in fields.values():
    if field.column not in there:
      raise errors.unknown(f"column of {path}", field.column, there)
    dtype = schema[field.column]
    if field.value is None and dtype.is_nested():
      raise InputError(
        f"{path}: column {field.column!r} has values of the type {dtype}: "
        "expected text or numbers"
      )


def checks(
  fields: Mapping[str, Field], schema: Mapping[str, pl.DataType]
) -> tuple[list[pl.Expr], pl.Expr, list[str]]:
  """Returns how raw columns become those named by `fields`; see `parse`.

  Args:
    fields: the columns to make, by name.
    schema: the types of the raw columns.

  Returns:
    Expressions for the columns, and for columns of the values that cannot be
    read, which `Faults.usable` takes out again; an expression for the number of
    the reason why a row is unusable, null if it is usable; and the reasons.
  """
  reasons, faults, values, odd = [], [], [], []
  for name, field in fields.items():
    given = pl.col(field.column)
    if schema[field.column] == pl.String:
      given = pl.when(given != "").then(given)
    value = _value(field, given)
    values.append(value.alias(name))
    if field.required:
      reasons.append(f"{field.column} is missing")
      faults.append(given.is_null())
    if field.dtype != pl.String or field.value is not None:
      plain = "a time" if name == "timestamp" else "a number"
      reason = f"{field.column} is not {field.what or plain}"
      is_odd = given.is_not_null() & value.is_null()
      if field.required:
        reasons.append(reason)
        faults.append(is_odd)
      else:
        shown = pl.when(is_odd).then(given.cast(pl.String))
        odd.append(shown.alias(f"{_ODD}{name}\0{reason}, so unknown"))
  # The first fault of a row is its reason, so each row counts once.
  fault = pl.coalesce(
    *(pl.when(test).then(pl.lit(i, pl.UInt8)) for i, test in enumerate(faults)),
    pl.lit(None, pl.UInt8),
  )
  return values + odd, fault, reasons


def _value(field: Field, given: pl.Expr) -> pl.Expr:
  if field.value is not None:
    value = field.value.cast(field.dtype, strict=False)
    return numerals.finite(value) if field.dtype.is_float() else value
  # An id of digits alone must not become that of another row.
  is_id = field.required and field.dtype.is_integer()
  if field.dtype.is_numeric() and not is_id:
    return numerals.of(given, field.dtype)
  return given.cast(field.dtype, strict=False)


class Faults:
  """Counts the lines of a file that have a fault, by reason."""

  def __init__(self, path: Path):
    self._path = path
    self._by_reason: dict[str, Bad] = {}

  def add(self, reason: str, lines: Sequence[int] | pl.Series) -> None:
    """Counts some lines that are left out, given by their numbers."""
    if len(lines):
      self._count(reason, len(lines), f"{self._path.name}:{min(lines)}")

  def note(self, reason: str, lines: Sequence[int] | pl.Series) -> None:
    """Counts some lines that are kept, given by their numbers."""
    if len(lines):
      first = f"{self._path.name}:{min(lines)}"
      self._count(reason, len(lines), first, kept=True)

  def _count(
    self, reason: str, rows: int, first: str, kept: bool = False
  ) -> None:
    known = self._by_reason.get(reason, Bad(reason, 0, first, kept))
    self._by_reason[reason] = dataclasses.replace(known, rows=known.rows + rows)

  def usable(self, rows: pl.DataFrame, reasons: Sequence[str]) -> pl.DataFrame:
    """Returns the usable rows, and counts the others.

    Args:
      rows: LINE, FAULT, the values that cannot be read (all from `checks`) and
        other columns.
      reasons: the reasons from `checks`.
    """
    good = rows
    if rows[FAULT].null_count() < rows.height:
      faults = rows.filter(pl.col(FAULT).is_not_null()).group_by(FAULT)
      counts = faults.agg(pl.len(), pl.col(LINE).min()).sort(FAULT)
      for code, count, line in counts.rows():
        self._count(reasons[code], count, f"{self._path.name}:{line}")
      good = rows.filter(pl.col(FAULT).is_null())
    good = good.drop(FAULT)
    odd = [name for name in good.columns if name.startswith(_ODD)]
    for name in odd:
      if good[name].null_count() < good.height:
        found = good.select(LINE, name).drop_nulls()
        line, value = found.row(0)
        first = f"{_short(value)} at {self._path.name}:{line}"
        reason = name.partition("\0")[2]
        self._count(reason, found.height, first, kept=True)
    return good.drop(odd)

  @property
  def bad(self) -> list[Bad]:
    """The counts, by reason."""
    return list(self._by_reason.values())


def _short(value: str) -> str:
  return repr(value if len(value) <= _SHOWN else f"{value[:_SHOWN]}…")


def no_usable_row(path: Path, bad: Sequence[Bad]) -> InputError:
  """Returns the error for a file without a row that is not `bad`."""
  why = "; ".join(
    f"{b.rows} left out: {b.reason} (first at {b.first})"
    for b in bad
    if not b.kept
  )
  return InputError(f"{path} has no usable row. {why or 'It has no rows'}")
