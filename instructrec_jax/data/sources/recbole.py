"""RecBole's atomic files: tab-separated, with `name:type` in the header."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from instructrec_jax import errors
from instructrec_jax.data.formats import times
from instructrec_jax.data.formats.raw import Bad, Raw
from instructrec_jax.data.formats.text import LINE, Field, parse, read_unquoted
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
  item_id_list, a history (oldest first) and the item after it. The longest of a
  user's histories is used, because files for training contain every prefix.
  """
  rows, short = _rows(files["interactions"])
  if "item_id_list" in rows.columns:
    interactions, bad = _sequences(rows, files["interactions"])
  else:
    interactions, bad = _single(rows, files["interactions"])
  items, bad_items = _items(files["items"])
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
    order="sequence" if "item_id_list" in rows.columns else "none",
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
    # Some files have milliseconds, or floats such as 8.7e8.
    return times.Times("timestamp").parse(rows, path, fields)
  return parse(rows, path, fields)


def _sequences(
  rows: pl.DataFrame, path: Path
) -> tuple[pl.DataFrame, list[Bad]]:
  histories, bad = parse(
    rows,
    path,
    {
      "user": Field("user_id", required=True),
      "history": Field("item_id_list"),
      "item": Field("item_id", required=True),
    },
  )
  whole = pl.concat_list(pl.col("history").fill_null("").str.split(" "), "item")
  histories = (
    histories.select("user", whole.alias("item"))
    .with_row_index("row")
    .with_columns(pl.col("item").list.len().alias("length"))
  )
  longest = (
    histories.sort("length", descending=True, maintain_order=True)
    .unique("user", keep="first", maintain_order=True)
    .sort("row")
  )
  interactions = (
    longest.select("user", "item").explode("item").filter(pl.col("item") != "")
  )
  if longest.height < histories.height:
    other = histories.join(longest, on="row", how="anti", maintain_order="left")
    # Line 1 is the header. Unusable rows before this one are not counted.
    place = f"{path.name}:{other['row'][0] + 2}"
    reason = "a shorter history of the same user"
    bad = [*bad, Bad(reason, other.height, place)]
  return interactions, bad


def _items(path: Path) -> tuple[pl.DataFrame, list[Bad]]:
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
  if "categories" in items.columns:
    items = items.with_columns(_labels(pl.col("categories")))
  return items, short + bad


def _labels(text: pl.Expr) -> pl.Expr:
  """Splits a token_seq at commas if it has any, otherwise at blanks.

  Amazon's files have `'Video Games', 'PC'`, MovieLens's have `Comedy Drama`.
  """
  text = text.fill_null("").str.strip_chars("[]")
  listed = text.str.contains("^['\"]|,")
  labels = (
    pl.when(listed).then(text.str.split(",")).otherwise(text.str.split(" "))
  )
  stripped = labels.list.eval(pl.element().str.strip_chars(" '\""))
  return stripped.list.eval(pl.element().filter(pl.element() != ""))
