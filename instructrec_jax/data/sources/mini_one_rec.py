"""MiniOneRec: CSV files with a history and the next item in each row.

A history is a Python list of the newest items, oldest first. Files for
training, validation and testing lie in three folders, split by time. The texts
of the items are in a JSON file as LC-Rec's; without it, the titles in the rows
are used.
"""

import ast
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from instructrec_jax.data.formats import quoted
from instructrec_jax.data.formats.raw import Raw
from instructrec_jax.data.formats.text import Field
from instructrec_jax.data.sources import kept_split, lc_rec

_FIELDS = {
  "user": Field("user_id", required=True),
  "item": Field("item_id", required=True),
  "history": Field("history_item_id"),
  "title": Field("item_title"),
  "titles": Field("history_item_title"),
}


def read(files: Mapping[str, Path]) -> Raw:
  """Reads the CSV files of the three parts, and <name>.item.json if given.

  The rows of a user are joined to one history. The split of the files is kept.
  """
  parts, bad, noted = {}, [], {}
  for role, path in kept_split.paths(files).items():
    loaded = quoted.load(path, _FIELDS)
    parts[role] = loaded.rows.with_columns(
      pl.col("user", "item").cast(pl.String), _ids().alias("history")
    )
    bad += loaded.bad
    for what, number in loaded.noted.items():
      noted[what] = noted.get(what, 0) + number
  rows = kept_split.together(parts)
  interactions, joined = kept_split.joined(rows)
  if "items" in files:
    items, bad_items = lc_rec.items(files["items"])
  else:
    items, bad_items = _titles(rows), []
  return Raw(
    interactions,
    items,
    bad={"interactions": bad, "items": bad_items},
    noted={"interactions": noted | joined},
    order="sequence",
  )


def _ids() -> pl.Expr:
  """Returns the items of a list such as `[3, 17]` or `['I3', 'I17']`."""
  inner = pl.col("history").fill_null("").str.strip_chars("[] ")
  return inner.str.split(",").list.eval(pl.element().str.strip_chars(" '\""))


def _titles(rows: pl.DataFrame) -> pl.DataFrame:
  """Returns the items with the titles that stand in the rows."""
  targets = rows.select(pl.col("item").alias("item_id"), "title")
  # Most items are a target somewhere. Only the lists with others are parsed.
  known = targets["item_id"].unique()
  other = (
    rows.select(
      pl.int_range(pl.len()).alias("row"),
      pl.col("history").alias("item_id"),
      pl.int_ranges(pl.col("history").list.len()).alias("place"),
      "titles",
    )
    .explode("item_id", "place")
    .filter(~pl.col("item_id").is_in(known.implode()), pl.col("item_id") != "")
    .unique("item_id", keep="first", maintain_order=True)
  )
  lists = [_list(text) for text in other["titles"]]
  titles = [
    texts[place] if place < len(texts) else None
    for texts, place in zip(lists, other["place"], strict=True)
  ]
  found = pl.concat(
    [
      targets,
      pl.DataFrame(
        {"item_id": other["item_id"], "title": titles},
        {"item_id": pl.String, "title": pl.String},
      ),
    ]
  )
  return found.unique("item_id", keep="first", maintain_order=True)


def _list(text: str | None) -> list[str]:
  try:
    value = ast.literal_eval(text or "")
  except (ValueError, SyntaxError, RecursionError, MemoryError):
    return []
  return [str(each) for each in value] if isinstance(value, list) else []
