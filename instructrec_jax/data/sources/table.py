"""A user's own logs: tables of interactions and items in files of any form."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from instructrec_jax.data.formats import literals, markup, numerals, times
from instructrec_jax.data.formats.raw import Raw
from instructrec_jax.data.formats.text import Field
from instructrec_jax.data.sources import people
from instructrec_jax.data.sources.table_files import How, Table
from instructrec_jax.errors import InputError

_TEXTS = pl.List(pl.String)
# Values of time_column that name no column.
_NO_TIME = ("none", "rows")

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
  "columns": (
    "names of the columns of the interactions, separated by commas, if the "
    "file has no header line"
  ),
  "items_columns": "the same for the items file",
  "users_columns": "the same for the users file",
  "min_rating": "interactions with a lower rating are left out",
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
  time_unit: str | None = None,
  time_format: str | None = None,
  item_id_column: str | None = None,
  title_column: str = "title",
  category_separator: str = "|",
  user_id_column: str | None = None,
  columns: str | None = None,
  items_columns: str | None = None,
  users_columns: str | None = None,
  min_rating: str | None = None,
  **options: str,
) -> Raw:
  """Reads a table of interactions, one of items and, if given, one of users.

  Args:
    files: "interactions", "items" and optionally "users"; .csv, .tsv, .txt or
      .jsonl (plain or gzipped) or .parquet, or folders of such files.
    delimiter: see OPTIONS for this and the following.
    items_delimiter: in place of `delimiter` in the items file.
    users_delimiter: in place of `delimiter` in the users file.
    encoding: of text files.
    user_column: in the interactions and users files.
    item_column: in the interactions file.
    time_column: in the interactions file.
    time_unit: the unit of numeric times.
    time_format: the form of dates.
    item_id_column: in the items file.
    title_column: in the items file.
    category_separator: the separator of labels.
    user_id_column: in the users file.
    columns: names of the columns of interactions, if there is no header line.
    items_columns: those of the items.
    users_columns: those of the users.
    min_rating: the lowest rating of an interaction that is kept.
    **options: the other *_column options.
  """
  told = {k.removesuffix("_column"): v for k, v in options.items() if v}
  how = How(delimiter, encoding, columns)
  table = Table(files["interactions"], how)
  wanted = {
    "user": _id(table, user_column),
    "item": _id(table, item_column),
    **_fields(_ABOUT_INTERACTIONS, told),
  }
  time = None
  if time_column not in _NO_TIME:
    _check_time_column(table, time_column)
    time = times.Times(time_column, time_unit, time_format)
  interactions, bad = table.load(wanted, time, _least(min_rating, wanted))

  how = How(items_delimiter or delimiter, encoding, items_columns)
  table = Table(files["items"], how)
  wanted = {
    "item_id": _id(table, item_id_column or item_column),
    "title": Field(title_column),
    **_fields(_ABOUT_ITEMS, told),
  }
  if "categories" in wanted:
    column = wanted["categories"].column
    wanted["categories"] = _labels(table, column, category_separator)
  items, bad_items = table.load(wanted)

  users, bad_users = None, []
  if "users" in files:
    how = How(users_delimiter or delimiter, encoding, users_columns)
    table = Table(files["users"], how)
    key = user_id_column or user_column
    users, bad_users = table.load(_attributes(table, key))
  return Raw(
    interactions,
    items,
    users,
    {"interactions": bad, "items": bad_items, "user_attributes": bad_users},
    order="sequence" if time_column == "rows" else "none",
  )


def _least(min_rating: str | None, wanted: Mapping[str, Field]) -> float | None:
  """Returns the lowest rating that is kept.

  Raises:
    InputError: it is no number, or no column of ratings is named.
  """
  if min_rating is None:
    return None
  if "rating" not in wanted:
    raise InputError(
      "min_rating needs the column of ratings: give rating_column"
    )
  try:
    return float(min_rating)
  except ValueError:
    raise InputError(
      f"min_rating is {min_rating!r}: expected a number, such as 4"
    ) from None


def _id(table: Table, column: str) -> Field:
  given = pl.col(column)
  if table.schema.get(column, pl.String()).is_float():
    # Pandas makes floats of integers if one is missing.
    whole = given.cast(pl.Int64, strict=False)
    given = pl.when(whole == given).then(whole.cast(pl.String)).otherwise(given)
  value = numerals.known(given.cast(pl.String))
  return Field(column, required=True, value=value, what="an id")


def _attributes(table: Table, key: str) -> dict[str, Field]:
  """Returns the fields of a table of users."""
  if key not in table.schema:
    raise InputError(
      f"{table.path} has no column {key!r} to join users by; it has "
      f"{', '.join(table.names)!s:.300}. Name one with user_id_column"
    )
  fields = people.fields(table.names, key)
  return fields | {"user_id": _id(table, key)}


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


def _labels(table: Table, column: str, separator: str) -> Field:
  """Returns the labels of a column of lists, or of text.

  A text is split at the separator, unless it is a list as Python or JSON
  writes it.
  """
  given = pl.col(column)
  if isinstance(table.schema.get(column), pl.List):
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


def _check_time_column(table: Table, column: str) -> None:
  """Raises InputError if there is no such column."""
  if column not in table.names:
    raise InputError(
      f"{table.path} has no column {column!r} to order by; it has "
      f"{', '.join(table.names):.300}. Name one with time_column, or give "
      "time_column=rows if each user's rows are oldest first, and "
      "time_column=none if their order means nothing"
    )
