"""A user's own logs: tables of interactions and items in CSV or Parquet."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from instructrec_jax.data.formats import times
from instructrec_jax.data.formats.raw import Bad, Raw
from instructrec_jax.data.formats.text import (
  LINE,
  Field,
  parse,
  read_unquoted,
  scan_quoted,
)
from instructrec_jax.errors import InputError

_BY_SUFFIX = {".csv": ",", ".tsv": "\t"}
_DELIMITERS = (",", "\t", ";", "|")
# Values of time_column that name no column.
_NO_TIME = ("none", "rows")

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
  "delimiter": "separator of columns (default: , in .csv and a tab in .tsv)",
  "user_column": "the user (default user_id)",
  "item_column": "the item (default item_id)",
  "time_column": (
    "the time, a number or a date (default timestamp; `none` if there is none "
    "and the order of a user's rows means nothing, `rows` if they are oldest "
    "first)"
  ),
  "time_unit": (
    "unit of times that are numbers: s, ms, us or ns (default: told by their "
    "size)"
  ),
  "time_format": (
    "form of dates that are not written as ISO 8601 has them, such as "
    "'%d.%m.%Y %H:%M'"
  ),
  "rating_column": "the user's rating of the item",
  "review_column": "the user's review of the item",
  "summary_column": "the headline of the review",
  "item_id_column": "in the items file: its id (default item_column)",
  "title_column": "in the items file: its title (default title)",
  "category_column": "in the items file: its labels",
  "category_separator": "separator of the labels (default |)",
  "brand_column": "in the items file: its brand",
  "description_column": "in the items file: its description",
  "price_column": "in the items file: its price",
  "year_column": "in the items file: its year",
}


def read(
  files: Mapping[str, Path],
  *,
  delimiter: str | None = None,
  user_column: str = "user_id",
  item_column: str = "item_id",
  time_column: str = "timestamp",
  time_unit: str | None = None,
  time_format: str | None = None,
  item_id_column: str | None = None,
  title_column: str = "title",
  category_separator: str = "|",
  **columns: str,
) -> Raw:
  """Reads a table of interactions, one of items and, if given, one of users.

  Args:
    files: "interactions", "items" and optionally "users"; .csv, .tsv, .txt
      (plain or gzipped) or .parquet.
    delimiter: see OPTIONS for this and the following.
    user_column: in the interactions and users files.
    item_column: in the interactions file.
    time_column: in the interactions file.
    time_unit: the unit of numeric times.
    time_format: the form of dates.
    item_id_column: in the items file.
    title_column: in the items file.
    category_separator: the separator of labels.
    **columns: the other *_column options.
  """
  told = {k.removesuffix("_column"): v for k, v in columns.items() if v}
  path = files["interactions"]
  rows = _open(path, delimiter)
  wanted = {
    "user": Field(user_column, required=True),
    "item": Field(item_column, required=True),
    **_fields(_ABOUT_INTERACTIONS, told),
  }
  if time_column in _NO_TIME:
    interactions, bad = _parse(rows, path, wanted)
  else:
    _check_time_column(rows, path, time_column)
    column = times.Times(time_column, time_unit, time_format)
    interactions, bad = column.parse(rows.frame, path, wanted)

  path = files["items"]
  wanted = {
    "item_id": Field(item_id_column or item_column, required=True),
    "title": Field(title_column),
    **_fields(_ABOUT_ITEMS, told),
  }
  items, bad_items = _parse(_open(path, delimiter), path, wanted)
  if "categories" in wanted:
    items = items.with_columns(_labels(category_separator))

  users, bad_users = None, []
  if "users" in files:
    users, bad_users = _users(files["users"], delimiter, user_column)
  return Raw(
    interactions,
    items,
    users,
    {"interactions": bad, "items": bad_items, "user_attributes": bad_users},
    order="sequence" if time_column == "rows" else "none",
  )


def _fields(
  known: Mapping[str, tuple[str, type[pl.DataType]]], told: Mapping[str, str]
) -> dict[str, Field]:
  """Returns the known columns that the options name."""
  return {
    name: Field(told[option], dtype)
    for name, (option, dtype) in known.items()
    if option in told
  }


def _labels(separator: str) -> pl.Expr:
  labels = pl.col("categories").fill_null("").str.split(separator)
  labels = labels.list.eval(pl.element().str.strip_chars())
  return labels.list.eval(pl.element().filter(pl.element() != ""))


def _users(
  path: Path, delimiter: str | None, user_column: str
) -> tuple[pl.DataFrame, list[Bad]]:
  """Reads the users with all columns of the file."""
  rows = _open(path, delimiter)
  attributes = {name: Field(name) for name in rows.names if name != user_column}
  wanted = {"user_id": Field(user_column, required=True)} | attributes
  return _parse(rows, path, wanted)


@dataclasses.dataclass(frozen=True)
class _Rows:
  """The rows of a file, its delimiter, and counts of malformed rows."""

  frame: pl.LazyFrame
  delimiter: str | None
  bad: list[Bad]

  @property
  def names(self) -> list[str]:
    return [n for n in self.frame.collect_schema().names() if n != LINE]


def _open(path: Path, delimiter: str | None) -> _Rows:
  suffix = Path(path.name.removesuffix(".gz")).suffix
  if suffix == ".parquet":
    frame = pl.scan_parquet(path).with_row_index(LINE, offset=1)
    return _Rows(frame, None, [])
  if delimiter in ("tab", "\\t"):
    delimiter = "\t"
  if delimiter is None and suffix not in _BY_SUFFIX:
    raise InputError(
      f"{path}: the ending {suffix!r} does not tell the delimiter: give "
      "delimiter, or use .csv, .tsv or .parquet"
    )
  split = delimiter or _BY_SUFFIX[suffix]
  # By convention, quotes have no meaning in .tsv files; titles contain them.
  if split == "\t":
    frame, bad = read_unquoted(path, split)
    rows = _Rows(frame.lazy(), split, bad)
  else:
    rows = _Rows(scan_quoted(path, split), split, [])
  if len(rows.names) == 1:
    header = rows.names[0]
    other = [d for d in _DELIMITERS if d != split and d in header]
    if other:
      raise InputError(
        f"{path} has one column when split at {split!r}: {header!r:.100}. "
        f"The delimiter may be {other[0]!r}: give delimiter={other[0]!r}"
      )
  return rows


def _parse(
  rows: _Rows, path: Path, wanted: Mapping[str, Field]
) -> tuple[pl.DataFrame, list[Bad]]:
  table, bad = parse(rows.frame, path, wanted, rows.delimiter)
  return table, rows.bad + bad


def _check_time_column(rows: _Rows, path: Path, column: str) -> None:
  """Raises InputError if there is no such column."""
  if column not in rows.names:
    raise InputError(
      f"{path} has no column {column!r} to order by; it has "
      f"{', '.join(rows.names)}. Name one with time_column, or give "
      "time_column=rows if each user's rows are oldest first, and "
      "time_column=none if their order means nothing"
    )
