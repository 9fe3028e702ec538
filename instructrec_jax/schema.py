"""Tables and records: their columns, types and units, each declared once."""

import dataclasses
from collections.abc import Iterable

import polars as pl

from instructrec_jax.errors import InputError


@dataclasses.dataclass(frozen=True)
class Column:
  """A column of a normalized table.

  Attributes:
    dtype: its Polars type.
    meaning: what a value says, with its unit.
    required: whether every dataset has it. A column that a source lacks is
      absent altogether rather than full of nulls.
  """

  dtype: pl.DataType | type[pl.DataType]
  meaning: str
  required: bool = False


# Rows are sorted by user, then time, ties in file order: within a user the
# order of rows *is* the order of events.
INTERACTIONS = {
  "user": Column(pl.UInt32, "row of the user in `users`", required=True),
  "item": Column(pl.UInt32, "row of the item in `items`", required=True),
  "rating": Column(pl.Float32, "as given, on the source's own scale"),
  "timestamp": Column(pl.Int64, "seconds since 1970-01-01 UTC"),
  "review": Column(pl.String, "the user's text on the item"),
  "summary": Column(pl.String, "the headline of that text"),
}

ITEMS = {
  "item": Column(pl.UInt32, "row number", required=True),
  "item_id": Column(pl.String, "the source's own id", required=True),
  "title": Column(pl.String, "clean, on one line, not empty", required=True),
  "categories": Column(pl.List(pl.String), "labels, general to special"),
  "brand": Column(pl.String, "maker, author or studio"),
  "description": Column(pl.String, "the seller's or publisher's text"),
  "price": Column(pl.Float32, "in the source's currency"),
  "year": Column(pl.Int32, "of release, Gregorian"),
}

# Further columns are attributes of the user, named as the source names them.
USERS = {
  "user": Column(pl.UInt32, "row number", required=True),
  "user_id": Column(pl.String, "the source's own id", required=True),
}

TABLES = {"interactions": INTERACTIONS, "items": ITEMS, "users": USERS}

# Row number is the user's code; written beside the records. A training
# negative must be none of the user's.
TRAIN_ITEMS = {
  "items": Column(
    pl.List(pl.UInt32),
    "items of the user's training part, oldest first; may be empty",
    required=True,
  ),
}


@dataclasses.dataclass(frozen=True)
class Feature:
  """A feature of a record: `dtype` "int64" or "float32"; scalar or a list."""

  meaning: str
  dtype: str = "int64"
  is_list: bool = False
  optional: bool = False


RECORD = {
  "instance": Feature("running number, unique over the splits"),
  "user": Feature("code of the user"),
  "history": Feature(
    "codes of the newest items before the target, oldest first", is_list=True
  ),
  "history_length": Feature("items before the target, before any cut"),
  "target": Feature("code of the item to recommend"),
  "candidates": Feature(
    "codes to rank, the target among them; empty in train", is_list=True
  ),
  "relevant": Feature(
    "codes of the candidates that count as found, the target among them; empty "
    "in train; absent where that is the target alone",
    is_list=True,
    optional=True,
  ),
  "rating": Feature("of the target", dtype="float32", optional=True),
  "timestamp": Feature("of the target, in seconds", optional=True),
}


def absent(columns: Iterable[str], table: str) -> list[str]:
  """Returns which columns of `table` a source has nothing for."""
  there = set(columns)
  return [name for name in TABLES[table] if name not in there]


def conform(df: pl.DataFrame, table: str) -> pl.DataFrame:
  """Returns `df` with `table`'s columns in order and in their types.

  Columns that `table` does not know are kept at the end for `users` alone.

  Args:
    df: the rows.
    table: a key of TABLES.

  Raises:
    InputError: a required column is missing, or one is not of the table.
  """
  columns = TABLES[table]
  missing = [
    name
    for name, column in columns.items()
    if column.required and name not in df.columns
  ]
  extra = [name for name in df.columns if name not in columns]
  if missing or (extra and table != "users"):
    raise InputError(
      f"table {table!r} has columns {df.columns}: missing {missing}, "
      f"unknown {extra} (known: {list(columns)})"
    )
  known = [
    pl.col(name).cast(column.dtype)
    for name, column in columns.items()
    if name in df.columns
  ]
  return df.select(*known, *extra)
