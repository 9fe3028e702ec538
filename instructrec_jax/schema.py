"""The columns of tables and the features of records, with types and units."""

import dataclasses
from collections.abc import Iterable

import polars as pl

from instructrec_jax.errors import InputError


@dataclasses.dataclass(frozen=True)
class Column:
  """A column of a table.

  Attributes:
    dtype: the Polars type.
    meaning: the meaning of a value, with its unit.
    required: whether every dataset has it. A column that a source lacks is
      absent; it is not filled with nulls.
    looks_at_target: whether a value is made from the target item or from the
      user's review of it. Other values depend on neither the target nor
      anything after it.
  """

  dtype: pl.DataType | type[pl.DataType]
  meaning: str
  required: bool = False
  looks_at_target: bool = False


# Rows are sorted by user, then by time. Rows of one time are in an order drawn
# by seed, as the order of a file is no order in time. The manifest says whether
# the order of a user's rows is that of events, see `data/ordering.py`.
INTERACTIONS = {
  "user": Column(pl.UInt32, "row of the user in `users`", required=True),
  "item": Column(pl.UInt32, "row of the item in `items`", required=True),
  "rating": Column(pl.Float32, "as given, on the source's own scale"),
  "timestamp": Column(pl.Int64, "microseconds since 1970-01-01 UTC"),
  "split": Column(
    pl.UInt8,
    "the source's own split: 0 for training, 1 validation, 2 test; absent if "
    "it has none",
  ),
  "plays": Column(pl.UInt32, "how often the user played it"),
  "hours": Column(pl.Float32, "hours that the user played it"),
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
  "place": Column(pl.String, "city and state where it is"),
}

# All other columns are attributes of the user, named as in the source.
USERS = {
  "user": Column(pl.UInt32, "row number", required=True),
  "user_id": Column(pl.String, "the source's own id", required=True),
}

TABLES = {"interactions": INTERACTIONS, "items": ITEMS, "users": USERS}

# One row per annotated instance, sorted by user, then by position.
ANNOTATIONS = {
  "user": Column(pl.UInt32, "row of the user in `users`", required=True),
  "position": Column(
    pl.UInt32,
    "place of the target in the user's sequence, from 0",
    required=True,
  ),
  "preference": Column(
    pl.String,
    "InstructRec's P2: the user's taste, from the items before the target",
    required=True,
  ),
  "vague_intention": Column(
    pl.String,
    "I1: what the user was looking for, from the review of the target",
    required=True,
    looks_at_target=True,
  ),
  "vague_intention_2": Column(
    pl.String,
    "vague_intention in other words",
    required=True,
    looks_at_target=True,
  ),
  "specific_intention": Column(
    pl.String,
    "I2: the labels of the target, separated by commas",
    required=True,
    looks_at_target=True,
  ),
}

# Texts that a validator rejected. They are not training data.
REJECTED = {
  "user": Column(pl.UInt32, "as in ANNOTATIONS", required=True),
  "position": Column(pl.UInt32, "as in ANNOTATIONS", required=True),
  "field": Column(pl.String, "a column of ANNOTATIONS", required=True),
  "text": Column(pl.String, "as the teacher wrote it", required=True),
  "reason": Column(pl.String, "the validator that failed it", required=True),
}

# One row per user, in the order of codes, written beside the records. A
# training negative must not be among the user's items.
TRAIN_ITEMS = {
  "items": Column(
    pl.List(pl.UInt32),
    "items in the user's training part, oldest first; may be empty",
    required=True,
  ),
}


@dataclasses.dataclass(frozen=True)
class Feature:
  """A feature of a record: a scalar or a list.

  Its `dtype` is "int64", "float32" or "string".
  """

  meaning: str
  dtype: str = "int64"
  is_list: bool = False
  optional: bool = False


RECORD = {
  "instance": Feature("running number, unique across the splits"),
  "user": Feature("code of the user"),
  "history": Feature(
    "codes of the newest items before the target, oldest first", is_list=True
  ),
  "history_length": Feature("number of items before the target, uncut"),
  "target": Feature("code of the item to recommend"),
  "candidates": Feature(
    "codes to rank, including the target; empty in train", is_list=True
  ),
  "relevant": Feature(
    "codes of the relevant candidates, including the target; empty in train; "
    "absent if only the target is relevant",
    is_list=True,
    optional=True,
  ),
  "newer_targets": Feature(
    "number of newer targets of the user in this split; 0 for the newest"
  ),
  "rating": Feature("rating of the target", dtype="float32", optional=True),
  "timestamp": Feature("time of the target, in microseconds", optional=True),
  **{
    name: Feature(
      f"{column.meaning}; empty if there is none",
      dtype="string",
      optional=True,
    )
    for name, column in ANNOTATIONS.items()
    if column.dtype == pl.String
  },
}


def absent(columns: Iterable[str], table: str) -> list[str]:
  """Returns the columns of `table` that are not among `columns`."""
  there = set(columns)
  return [name for name in TABLES[table] if name not in there]


def conform(df: pl.DataFrame, table: str) -> pl.DataFrame:
  """Returns `df` with the columns of `table`, in order and in their types.

  In `users` alone, further columns are allowed and come last.

  Args:
    df: the rows.
    table: a key of TABLES.

  Raises:
    InputError: a required column is missing, or a column is unknown.
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
      f"table {table!r} has the columns {df.columns}: missing {missing}, "
      f"unknown {extra} (known: {list(columns)})"
    )
  known = [
    pl.col(name).cast(column.dtype)
    for name, column in columns.items()
    if name in df.columns
  ]
  return df.select(*known, *extra)
