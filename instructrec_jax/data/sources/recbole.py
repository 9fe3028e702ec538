"""RecBole's atomic files: tab-separated, with `name:type` in the header."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from instructrec_jax import errors
from instructrec_jax.data.formats import markup
from instructrec_jax.data.formats.raw import Bad, Raw
from instructrec_jax.data.formats.text import LINE, Field, parse, read_unquoted
from instructrec_jax.data.sources import labels, windows
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
_ITEM_DTYPES = {"price": pl.Float32, "year": pl.Int32}


def read(files: Mapping[str, Path]) -> Raw:
  """Reads one .inter file with its .item and, if there is one, .user file.

  A row of the .inter file is one interaction or, if there is a column
  item_id_list, a history (oldest first) and the item after it. The histories of
  a user are joined, see `windows.whole`. The separator of labels is chosen for
  the whole column, see `labels.separator_of`.
  """
  rows, short = _rows(files["interactions"])
  noted = {}
  if "item_id_list" in rows.columns:
    interactions, bad, joined = _sequences(rows, files["interactions"])
    noted["interactions"] = joined
  else:
    interactions, bad = _single(rows, files["interactions"])
  items, bad_items, noted["items"] = _items(files["items"])
  users, bad_users = None, []
  if "users" in files:
    user_rows, short_users = _rows(files["users"])
    fields = {
      name: Field(name, required=name == "user_id")
      for name in user_rows.columns
      if name != LINE
    }
    _need(user_rows, files["users"], ["user_id"])
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
  )


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
    # Times are written as floats, some of them like 8.7e8.
    fields["timestamp"] = Field("timestamp", pl.Float64, required=True)
  table, bad = parse(rows, path, fields)
  return table.cast({"timestamp": pl.Int64}, strict=False) if (
    "timestamp" in fields
  ) else table, bad


def _sequences(
  rows: pl.DataFrame, path: Path
) -> tuple[pl.DataFrame, list[Bad], dict[str, int]]:
  fields = {
    "user": Field("user_id", required=True),
    "history": Field("item_id_list"),
    "item": Field("item_id", required=True),
  }
  parsed, bad = parse(rows, path, fields)
  blanks = pl.col("history").str.replace_all(r"\s+", " ").str.split(" ")
  interactions, joined = windows.whole(parsed.with_columns(blanks))
  return interactions, bad, joined


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
      f"{', '.join(c for c in rows.columns if c != LINE)}"
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
