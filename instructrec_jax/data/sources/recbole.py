"""RecBole's atomic files: tab-separated, with `name:type` in the header."""

import re
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from instructrec_jax import errors
from instructrec_jax.data.formats import markup, times
from instructrec_jax.data.formats.raw import Bad, Order, Raw
from instructrec_jax.data.formats.text import LINE, Field, parse, read_unquoted
from instructrec_jax.data.sources import kept_split, labels, people
from instructrec_jax.errors import InputError

# The names of our tables' columns in RecBole's datasets.
_ITEM_NAMES = {
  "title": ("title", "movie_title", "item_name", "name", "product_name"),
  "categories": ("categories", "category", "genre", "genres", "class"),
  "brand": ("brand", "store"),
  "description": ("description",),
  "price": ("price",),
  "year": ("release_year", "year"),
}
# The endings of the files of a split.
_TRAIN = re.compile(r"\.train\.inter(?:\.gz)?$")
_ANY = re.compile(r"\.[a-z]+\.inter(?:\.gz)?$")
_ITEM_DTYPES = {"price": pl.Float32, "year": pl.Int32}


def read(files: Mapping[str, Path]) -> Raw:
  """Reads .inter files with their .item and, if there is one, .user file.

  A row of an .inter file is one interaction or, if there is a column
  item_id_list, a history (oldest first) and the item after it. The histories of
  a user are joined, see `windows.whole`. The files <name>.train.inter,
  <name>.valid.inter and <name>.test.inter are a split, which is kept. The
  separator of labels is chosen for the whole column, see `labels.separator_of`.
  """
  parts, short = {}, []
  for role, path in _parts(files).items():
    parts[role], wrong = _rows(path)
    short += wrong
  interactions, bad, order, noted = _interactions(parts, files)
  items, bad_items, noted["items"] = _items(files["items"])
  users, bad_users = None, []
  if "users" in files:
    user_rows, short_users = _rows(files["users"])
    names = [name for name in user_rows.columns if name != LINE]
    fields = people.fields(names, "user_id")
    users, bad_users = parse(user_rows, files["users"], fields)
    bad_users = short_users + bad_users
  return Raw(
    interactions,
    items,
    users,
    {
      "interactions": short + bad,
      "items": bad_items,
      "user_attributes": bad_users,
    },
    noted,
    order=order,
  )


def _parts(files: Mapping[str, Path]) -> dict[str, Path]:
  """Returns the files of a split, or the one file, by role.

  Raises:
    InputError: the files have different names.
  """
  train = files["interactions"]
  if not _TRAIN.search(train.name):
    return {"interactions": train}
  parts = kept_split.paths(files)
  name = _TRAIN.split(train.name)[0]
  other = next(
    (p for p in parts.values() if _ANY.split(p.name)[0] != name), None
  )
  if other is not None:
    raise InputError(
      f"{other} is not of the same split as {train}: expected a name that "
      f"starts with {name!r}"
    )
  return parts


def _interactions(
  parts: Mapping[str, pl.DataFrame], files: Mapping[str, Path]
) -> tuple[pl.DataFrame, list[Bad], Order, dict[str, dict[str, int]]]:
  """Returns the interactions, bad rows, what tells the order, and notes."""
  columns = {role: {*rows.columns} for role, rows in parts.items()}
  for role, names in columns.items():
    if ("item_id_list" in names) != ("item_id_list" in columns["interactions"]):
      raise InputError(
        f"{files[role]}: expected the columns of {files['interactions']}, "
        "because a row is a history in both or in neither"
      )
  is_sequence = "item_id_list" in columns["interactions"]
  tables, bad = {}, []
  for role, rows in parts.items():
    parsed = _sequences if is_sequence else _single
    tables[role], wrong = parsed(rows, files[role])
    bad += wrong
  if is_sequence:
    found, joined = kept_split.joined(kept_split.together(tables))
    return found, bad, "sequence", {"interactions": joined}
  common = [
    name
    for name in tables["interactions"].columns
    if all(name in table.columns for table in tables.values())
  ]
  rows = {role: table.select(common) for role, table in tables.items()}
  found = kept_split.together(rows)
  return found, bad, "none", {}


def _rows(path: Path) -> tuple[pl.DataFrame, list[Bad]]:
  """Returns the rows, with column names without their types."""
  rows, bad = read_unquoted(path, "\t")
  untyped = [c for c in rows.columns if c != LINE and ":" not in c]
  if untyped:
    raise InputError(
      f"{path}: expected tab-separated `name:type` columns such as "
      f"user_id:token, found {untyped[0]!r:.100}"
    )
  return rows.rename({c: c.split(":")[0] for c in rows.columns}), bad


def _need(rows: pl.DataFrame, path: Path, columns: list[str]) -> None:
  there = [c for c in rows.columns if c != LINE]
  for name in columns:
    if name not in there:
      raise errors.unknown(f"column of {path}", name, there)


def _single(rows: pl.DataFrame, path: Path) -> tuple[pl.DataFrame, list[Bad]]:
  fields = {
    "user": Field("user_id", required=True),
    "item": Field("item_id", required=True),
  }
  if "rating" in rows.columns:
    fields["rating"] = Field("rating", pl.Float32)
  if "timestamp" in rows.columns:
    # Some files have milliseconds, or floats such as 8.7e8.
    return times.Times("timestamp").parse(rows, path, fields)
  return parse(rows, path, fields)


def _sequences(
  rows: pl.DataFrame, path: Path
) -> tuple[pl.DataFrame, list[Bad]]:
  fields = {
    "user": Field("user_id", required=True),
    "history": Field("item_id_list"),
    "item": Field("item_id", required=True),
  }
  parsed, bad = parse(rows, path, fields)
  blanks = pl.col("history").str.replace_all(r"\s+", " ").str.split(" ")
  return parsed.with_columns(blanks), bad


def _items(path: Path) -> tuple[pl.DataFrame, list[Bad], dict[str, int]]:
  rows, short = _rows(path)
  _need(rows, path, ["item_id"])
  fields = {"item_id": Field("item_id", required=True)}
  for name, choices in _ITEM_NAMES.items():
    column = next((c for c in choices if c in rows.columns), None)
    if column is not None:
      fields[name] = Field(column, _ITEM_DTYPES.get(name, pl.String))
  if "title" not in fields:
    raise InputError(
      f"{path} has no column of titles. Expected one of "
      f"{', '.join(_ITEM_NAMES['title'])}; found "
      f"{', '.join(c for c in rows.columns if c != LINE):.300}"
    )
  items, bad = parse(rows, path, fields)
  noted = {}
  if "categories" in items.columns:
    texts = markup.unescape(items["categories"])
    separator = labels.separator_of(texts)
    items = items.with_columns(labels.split(texts, separator))
    note = f"labels of {fields['categories'].column} split by {separator!r}"
    noted[note] = int((items["categories"].list.len() > 0).sum())
  return items, short + bad, noted
