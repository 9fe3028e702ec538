"""Opens tables of any form, in one file or in a folder of parts.

Rows are read in pieces, and of each piece only the columns that are needed
stay. Ids become codes, so a log takes the memory of its sequences.
"""

import dataclasses
import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl

from instructrec_jax import errors, parquet
from instructrec_jax.data.formats import (
  blocks,
  jsonl,
  parts,
  quoted,
  text,
  times,
)
from instructrec_jax.data.formats.quoted import Form
from instructrec_jax.data.formats.raw import Bad
from instructrec_jax.data.formats.text import LINE, Faults, Field
from instructrec_jax.errors import InputError

_BY_SUFFIX = {".csv": ",", ".tsv": "\t"}
_DELIMITERS = (",", "\t", ";", "|", "::")
_NAMED = {"tab": "\t", "\\t": "\t"}
_LINES = (".jsonl", ".ndjson", ".json")
# Rows of a Parquet file that are in memory as text.
_PIECE = 4_000_000
_IDS = ("user", "item", "item_id", "user_id")
_TEXT, _TEXTS = pl.String(), pl.List(pl.String())

Pieces = Iterator[pl.DataFrame | pl.LazyFrame]


@dataclasses.dataclass(frozen=True)
class How:
  """How a table's files are written.

  Attributes:
    delimiter: the characters between columns; None if the ending tells.
    encoding: of text; None for UTF-8, see `quoted.Form`.
    columns: the names of the columns of files without a header line.
  """

  delimiter: str | None = None
  encoding: str | None = None
  columns: str | None = None

  @property
  def names(self) -> tuple[str, ...] | None:
    """The names of the columns, if there is no header line."""
    if self.columns is None:
      return None
    return tuple(name.strip() for name in self.columns.split(","))

  def form(self, path: Path) -> Form:
    """Returns the form of a file of text.

    Raises:
      InputError: nothing tells the delimiter, or it cannot be one.
    """
    suffix = parts.ending(path)
    delimiter = _NAMED.get(self.delimiter or "", self.delimiter)
    if not delimiter and suffix not in _BY_SUFFIX:
      raise InputError(
        f"{path}: the ending {suffix!r} does not tell the delimiter: give "
        "delimiter, or use .csv, .tsv, .jsonl or .parquet"
      )
    form = Form(delimiter or _BY_SUFFIX[suffix], self.encoding, self.names)
    if form.separator in ('"', "\n", "\r"):
      raise InputError(
        f"delimiter {delimiter!r} cannot stand between columns: expected one "
        f"such as {' '.join(map(repr, _DELIMITERS))}"
      )
    return form


class File:
  """A file of a table.

  Attributes:
    path: the file.
    schema: the types of its columns.
  """

  def __init__(self, path: Path, how: How):
    """Reads the names of the columns.

    Raises:
      InputError: the file is damaged, or of an unknown form.
    """
    self.path, self.schema = path, {}
    suffix = parts.ending(path)
    if suffix == ".parquet":
      self.schema = parquet.schema(path)
      self._pieces = functools.partial(_of_parquet, path)
    elif suffix in _LINES and how.delimiter is None:
      self.schema = _keys(path)
      self._pieces = functools.partial(_of_lines, path, self.schema)
    else:
      form = how.form(path)
      self.schema = dict.fromkeys(_header(path, form), _TEXT)
      self._pieces = functools.partial(_of_text, path, form)

  @property
  def names(self) -> list[str]:
    """The names of the columns."""
    return list(self.schema)

  def pieces(self, columns: Sequence[str], faults: Faults) -> Pieces:
    """Yields some columns with LINE, in pieces, and counts the bad rows.

    Raises:
      InputError: a column is missing.
    """
    columns = list(dict.fromkeys(columns))
    for column in columns:
      if column not in self.schema:
        raise errors.unknown(f"column of {self.path}", column, self.names)
    return self._pieces(columns, faults)


class Table:
  """A table in one file or several.

  Attributes:
    path: the file, or the folder of its parts.
    files: the files.
  """

  def __init__(self, path: Path, how: How):
    """Opens the files.

    Raises:
      InputError: see `File`.
    """
    self.path = path
    found = parts.of(path) if path.is_dir() else [path]
    self.files = [File(each, how) for each in found]
    self._keys = [
      parts.keys(path, each) if path.is_dir() else {} for each in found
    ]

  @property
  def schema(self) -> Mapping[str, pl.DataType]:
    """The types of the columns, with those that the folders name.

    Pandas makes floats of integers if one is missing, so some parts may have
    them. Such a column counts as floats.
    """
    found: dict[str, pl.DataType] = dict.fromkeys(self._keys[0], _TEXT)
    found |= self.files[0].schema
    for file in self.files[1:]:
      for name, dtype in file.schema.items():
        if dtype.is_float() and name in found and found[name].is_integer():
          found[name] = dtype
    return found

  @property
  def names(self) -> list[str]:
    """The names of the columns."""
    return list(self.schema)

  def load(
    self,
    fields: Mapping[str, Field],
    time: times.Times | None = None,
    least: float | None = None,
  ) -> tuple[pl.DataFrame, list[Bad]]:
    """Returns the columns named by `fields`, and the rows with a fault.

    Args:
      fields: the columns to make; see `text.parse`.
      time: how "timestamp" is read, if there are times.
      least: the lowest "rating" of a row that is kept.

    Raises:
      InputError: a column is missing or no row is usable.
    """
    kept, bad = [], []
    for file, keys in zip(self.files, self._keys, strict=True):
      faults = Faults(file.path)
      for piece in self._typed(file, keys, fields, time, faults):
        if least is not None:
          piece = _rated(piece, least, fields["rating"].column, faults)
        ids = [n for n in _IDS if piece.schema.get(n) == pl.String]
        codes = pl.col(ids).cast(pl.Categorical)
        kept.append(piece.drop(LINE).with_columns(codes))
      bad += faults.bad
    table = pl.concat(kept) if kept else pl.DataFrame()
    if table.is_empty():
      raise text.no_usable_row(self.path, bad)
    if time is not None:
      table, dropped = time.checked(table, self.path)
      if dropped:
        reason = f"{time.column} is a number, but not a time as in other rows"
        bad.append(Bad(reason, dropped, self.path.name))
    return table, _together(bad)

  def _typed(
    self,
    file: File,
    keys: Mapping[str, str | None],
    fields: Mapping[str, Field],
    time: times.Times | None,
    faults: Faults,
  ) -> Iterator[pl.DataFrame]:
    """Yields the usable rows of a file, with LINE."""
    wanted = [field.column for field in fields.values()]
    wanted += [time.column] if time is not None else []
    # A column in the file comes before one that a folder names.
    named = {
      key: value
      for key, value in keys.items()
      if key in wanted and key not in file.schema
    }
    first = True
    for piece in file.pieces([c for c in wanted if c not in named], faults):
      rows = piece.lazy().with_columns(
        pl.lit(value, pl.String).alias(key) for key, value in named.items()
      )
      made = dict(fields)
      if time is not None:
        with parquet.reading(file.path):
          dtype = rows.collect_schema()[time.column]
        made |= time.fields(dtype)
        if first:
          time.check_readable(rows, file.path, made["timestamp"])
        first = False
      yield text.typed(rows, file.path, made, faults)


def _rated(
  rows: pl.DataFrame, least: float, column: str, faults: Faults
) -> pl.DataFrame:
  """Returns the rows with at least such a rating, and counts the others."""
  for reason, test in (
    (
      f"{column} is unknown, and min_rating is given",
      pl.col("rating").is_null(),
    ),
    (f"{column} is below {least:g}", pl.col("rating") < least),
  ):
    faults.add(reason, rows.filter(test)[LINE])
    rows = rows.filter(~test.fill_null(False))
  return rows


def _together(bad: Sequence[Bad]) -> list[Bad]:
  """Adds up the faults of all parts by reason; the first place stays."""
  found: dict[tuple[str, bool], Bad] = {}
  for each in bad:
    known = found.get((each.reason, each.kept))
    if known is not None:
      each = dataclasses.replace(known, rows=known.rows + each.rows)
    found[each.reason, each.kept] = each
  return list(found.values())


def _header(path: Path, form: Form) -> list[str]:
  names = quoted.header(path, form)
  if len(names) == 1 and form.names is None:
    other = [d for d in _DELIMITERS if d != form.separator and d in names[0]]
    if other:
      raise InputError(
        f"{path} has one column when split at {form.separator!r}: "
        f"{names[0]!r:.100}. The delimiter may be {other[0]!r}: give "
        f"delimiter={other[0]!r}"
      )
  return names


def _of_text(
  path: Path, form: Form, columns: Sequence[str], faults: Faults
) -> Pieces:
  for piece in quoted.pieces(path, columns, form):
    quoted.count(faults, piece)
    yield piece.rows


def _of_parquet(path: Path, columns: Sequence[str], faults: Faults) -> Pieces:
  del faults  # Parquet has no broken rows.
  frame = parquet.scan(path)
  with parquet.reading(path):
    height = frame.select(pl.len()).collect().item()
  for start in range(0, height, _PIECE):
    rows = frame.select(columns).slice(start, _PIECE)
    yield rows.with_row_index(LINE, offset=start + 1)


def _of_lines(
  path: Path,
  schema: Mapping[str, pl.DataType],
  columns: Sequence[str],
  faults: Faults,
) -> Pieces:
  wanted = {name: schema[name] for name in columns}
  for piece in jsonl.pieces(path, wanted):
    faults.add("not a JSON object", piece.wrong)
    yield piece.rows


def _keys(path: Path) -> dict[str, pl.DataType]:
  """Returns the keys of the first objects: lists of texts, or texts."""
  jsonl.first_object(path)  # Raises if there is none.
  found: dict[str, pl.DataType] = {}
  for line in blocks.first(path).split(b"\n"):
    try:
      value = json.loads(line)
    except (ValueError, RecursionError):
      continue
    if isinstance(value, dict):
      for key, each in value.items():
        if key not in found or isinstance(each, list):
          found[key] = _TEXTS if isinstance(each, list) else _TEXT
  return found
