"""A user's own logs: tables of interactions and items in CSV or Parquet."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import polars as pl

from instructrec_jax import errors
from instructrec_jax.data.formats import literals, markup, numerals, quoted
from instructrec_jax.data.formats.quoted import Form
from instructrec_jax.data.formats.raw import Bad, Raw
from instructrec_jax.data.formats.text import (
  LINE,
  Field,
  parse,
  unreadable,
)
from instructrec_jax.data.sources import people
from instructrec_jax.errors import InputError

_BY_SUFFIX = {".csv": ",", ".tsv": "\t"}
_DELIMITERS = (",", "\t", ";", "|", "::")
_TEXTS = pl.List(pl.String)
_NAMED = {"tab": "\t", "\\t": "\t"}
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000}
_ISO = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d")

_WHAT = {pl.String: "a text"}

# Optional columns: the option that names each, and its type.
_ABOUT_INTERACTIONS = {
  "rating": ("rating", pl.Float32),
  "review": ("review", pl.String),
  "summary": ("summary", pl.String),
}
_ABOUT_ITEMS = {
  "categories": ("category", pl.String),
  "brand": ("brand", pl.String),
  "description": ("description", pl.String),
  "price": ("price", pl.Float32),
  "year": ("year", pl.Int32),
}

OPTIONS = {
  "delimiter": (
    "separator of columns, one or more characters (default: , in .csv and a "
    "tab in .tsv)"
  ),
  "items_delimiter": "the delimiter of the items file, if it has another",
  "users_delimiter": "the delimiter of the users file, if it has another",
  "encoding": (
    "of text files, such as gb18030 (default: UTF-8 or UTF-16; other lines are "
    "read as Windows-1252 and counted)"
  ),
  "user_column": "the user (default user_id)",
  "item_column": "the item (default item_id)",
  "time_column": (
    "the time, a number or an ISO date (default timestamp; `none` uses the "
    "order of the rows)"
  ),
  "time_unit": "unit of times that are numbers: s, ms or us (default s)",
  "rating_column": "the user's rating of the item",
  "review_column": "the user's review of the item",
  "summary_column": "the headline of the review",
  "item_id_column": "in the items file: its id (default item_column)",
  "title_column": "in the items file: its title (default title)",
  "category_column": "in the items file: its labels, a list or text",
  "category_separator": "separator of the labels (default |)",
  "brand_column": "in the items file: its brand",
  "description_column": "in the items file: its description",
  "price_column": "in the items file: its price",
  "year_column": "in the items file: its year",
  "user_id_column": "in the users file: its id (default user_column)",
}


def read(
  files: Mapping[str, Path],
  *,
  delimiter: str | None = None,
  items_delimiter: str | None = None,
  users_delimiter: str | None = None,
  encoding: str | None = None,
  user_column: str = "user_id",
  item_column: str = "item_id",
  time_column: str = "timestamp",
  time_unit: str = "s",
  item_id_column: str | None = None,
  title_column: str = "title",
  category_separator: str = "|",
  user_id_column: str | None = None,
  **columns: str,
) -> Raw:
  """Reads a table of interactions, one of items and, if given, one of users.

  Args:
    files: "interactions", "items" and optionally "users"; .csv, .tsv, .txt
      (plain or gzipped) or .parquet.
    delimiter: see OPTIONS for this and the following.
    items_delimiter: in place of `delimiter` in the items file.
    users_delimiter: in place of `delimiter` in the users file.
    encoding: of text files.
    user_column: in the interactions and users files.
    item_column: in the interactions file.
    time_column: in the interactions file.
    time_unit: the unit of numeric times.
    item_id_column: in the items file.
    title_column: in the items file.
    category_separator: the separator of labels.
    user_id_column: in the users file.
    **columns: the other *_column options.
  """
  told = {k.removesuffix("_column"): v for k, v in columns.items() if v}
  path = files["interactions"]
  rows = _open(path, delimiter, encoding)
  wanted = {
    "user": _id(rows, user_column),
    "item": _id(rows, item_column),
    **_fields(_ABOUT_INTERACTIONS, told),
  }
  if time_column != "none":
    wanted["timestamp"] = _time(rows, path, time_column, time_unit)
  interactions, bad = _parse(rows, path, wanted)
  if "timestamp" in wanted:
    _check_unit(interactions["timestamp"], path, time_column, time_unit)

  path = files["items"]
  rows = _open(path, items_delimiter or delimiter, encoding)
  wanted = {
    "item_id": _id(rows, item_id_column or item_column),
    "title": Field(title_column),
    **_fields(_ABOUT_ITEMS, told),
  }
  if "categories" in wanted:
    column = wanted["categories"].column
    wanted["categories"] = _labels(rows, column, category_separator)
  items, bad_items = _parse(rows, path, wanted)

  users, bad_users = None, []
  if "users" in files:
    path = files["users"]
    rows = _open(path, users_delimiter or delimiter, encoding)
    wanted = _attributes(rows, path, user_id_column or user_column)
    users, bad_users = _parse(rows, path, wanted)
  return Raw(
    interactions,
    items,
    users,
    {"interactions": bad, "items": bad_items, "user_attributes": bad_users},
  )


def _id(rows: "_Rows", column: str) -> Field:
  given = pl.col(column)
  if rows.schema.get(column, pl.String()).is_float():
    # Pandas makes floats of integers if one is missing.
    whole = given.cast(pl.Int64, strict=False)
    given = pl.when(whole == given).then(whole.cast(pl.String)).otherwise(given)
  value = numerals.known(given.cast(pl.String))
  return Field(column, required=True, value=value, what="an id")


def _attributes(rows: "_Rows", path: Path, key: str) -> dict[str, Field]:
  """Returns the fields of a table of users."""
  if key not in rows.schema:
    raise InputError(
      f"{path} has no column {key!r} to join users by; it has "
      f"{', '.join(rows.names)!s:.300}. Name one with user_id_column"
    )
  fields = people.fields(rows.names, key)
  return fields | {"user_id": _id(rows, key)}


def _fields(
  known: Mapping[str, tuple[str, type[pl.DataType]]], told: Mapping[str, str]
) -> dict[str, Field]:
  """Returns the known columns that the options name."""
  found = {}
  for name, (option, dtype) in known.items():
    if option in told:
      column = told[option]
      value = None
      if dtype == pl.String:
        value = numerals.known(pl.col(column).cast(pl.String))
      found[name] = Field(column, dtype, value=value, what=_WHAT.get(dtype))
  return found


def _labels(rows: "_Rows", column: str, separator: str) -> Field:
  """Returns the labels of a column of lists, or of text.

  A text is split at the separator, unless it is a list as Python or JSON
  writes it.
  """
  given = pl.col(column)
  if isinstance(rows.schema.get(column), pl.List):
    # Polars cannot turn a list of structures into text.
    return Field(column, _TEXTS, value=given.cast(_TEXTS, strict=False))
  if separator == "":
    raise InputError(
      "category_separator is empty: give the characters between two labels, "
      "such as '|', or leave it out if each item has one label"
    )
  text = numerals.known(given.cast(pl.String)).fill_null("")
  if ";" in separator:
    # An entity has a semicolon of its own.
    text = text.map_batches(markup.unescape, pl.String)
  is_list = text.str.contains(r"^\s*\[.*\]\s*$")
  lists = pl.when(is_list).then(text).map_batches(literals.texts, _TEXTS)
  labels = pl.when(is_list).then(lists).otherwise(text.str.split(separator))
  labels = labels.list.eval(pl.element().str.strip_chars())
  labels = labels.list.eval(pl.element().filter(pl.element() != ""))
  return Field(column, _TEXTS, value=labels, what="a list of labels")


@dataclasses.dataclass(frozen=True)
class _Rows:
  """The columns of a file, and how to read some of them.

  Attributes:
    schema: the types of the columns in the file.
    read: returns columns as they are in the file, with LINE, and the rows that
      could not be read.
  """

  schema: Mapping[str, pl.DataType]
  read: Callable[[Sequence[str]], tuple[pl.LazyFrame, list[Bad]]]

  @property
  def names(self) -> list[str]:
    """The columns of the file."""
    return list(self.schema)


def _open(path: Path, delimiter: str | None, encoding: str | None) -> _Rows:
  suffix = Path(path.name.removesuffix(".gz")).suffix
  if suffix == ".parquet":
    frame = pl.scan_parquet(path)
    try:
      schema = frame.collect_schema()
    except (pl.exceptions.PolarsError, OSError) as error:
      raise unreadable(path, error) from None
    numbered = frame.with_row_index(LINE, offset=1)
    return _Rows(schema, lambda columns: (numbered.select(LINE, *columns), []))
  delimiter = _NAMED.get(delimiter or "", delimiter)
  if not delimiter and suffix not in _BY_SUFFIX:
    raise InputError(
      f"{path}: the ending {suffix!r} does not tell the delimiter: give "
      "delimiter, or use .csv, .tsv or .parquet"
    )
  form = Form(delimiter or _BY_SUFFIX[suffix], encoding)
  if form.separator in ('"', "\n", "\r"):
    raise InputError(
      f"delimiter {delimiter!r} cannot stand between columns: expected one "
      f"such as {' '.join(map(repr, _DELIMITERS))}"
    )
  names = quoted.header(path, form)
  if len(names) == 1:
    other = [d for d in _DELIMITERS if d != form.separator and d in names[0]]
    if other:
      raise InputError(
        f"{path} has one column when split at {form.separator!r}: "
        f"{names[0]!r:.100}. The delimiter may be {other[0]!r}: give "
        f"delimiter={other[0]!r}"
      )

  def read(columns: Sequence[str]) -> tuple[pl.LazyFrame, list[Bad]]:
    rows, bad = quoted.rows(path, columns, form)
    return rows.lazy(), bad

  return _Rows(dict.fromkeys(names, pl.String()), read)


def _parse(
  rows: _Rows, path: Path, wanted: Mapping[str, Field]
) -> tuple[pl.DataFrame, list[Bad]]:
  frame, bad = _frame(rows, path, [field.column for field in wanted.values()])
  table, worse = parse(frame, path, wanted)
  return table, bad + worse


def _frame(
  rows: _Rows, path: Path, columns: Iterable[str]
) -> tuple[pl.LazyFrame, list[Bad]]:
  columns = list(dict.fromkeys(columns))
  for column in columns:
    if column not in rows.schema:
      raise errors.unknown(f"column of {path}", column, rows.names)
  return rows.read(columns)


def _time(rows: _Rows, path: Path, column: str, unit: str) -> Field:
  if unit not in _PER_SECOND:
    raise InputError(
      f"time_unit {unit!r} is unknown: expected one of {', '.join(_PER_SECOND)}"
    )
  schema = rows.schema
  if column not in schema:
    raise InputError(
      f"{path} has no column {column!r} to order by; it has "
      f"{', '.join(rows.names)}. Name one with time_column, or give "
      "time_column=none to use the order of the rows"
    )
  given = pl.col(column)
  if schema[column].is_temporal():
    return Field(
      column, pl.Int64, True, given.cast(pl.Datetime("us")).dt.epoch("s")
    )
  seconds = given.cast(pl.Float64, strict=False) / _PER_SECOND[unit]
  if schema[column] != pl.String:
    return Field(column, pl.Int64, required=True, value=seconds.floor())
  plain = given.str.strip_suffix("Z").str.replace("T", " ", literal=True)
  dates = [
    plain.str.strptime(pl.Datetime("us"), iso, strict=False).dt.epoch("s")
    for iso in _ISO
  ]
  value = pl.coalesce(seconds.floor().cast(pl.Int64, strict=False), *dates)
  return Field(column, pl.Int64, required=True, value=value)


def _check_unit(times: pl.Series, path: Path, column: str, unit: str) -> None:
  # 1e11 seconds are the year 5138, and 1e11 milliseconds are 1973.
  median = times.median()
  if median > 1e11:
    raise InputError(
      f"{path}: {column} is about {median:.3g} {unit}, which is after the year "
      "5000. Give time_unit=ms or time_unit=us"
    )
