"""MicroLens (Westlake): short videos on which people commented."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from instructrec_jax.data.formats import quoted, times
from instructrec_jax.data.formats.raw import Bad, Raw
from instructrec_jax.data.formats.text import (
  LINE,
  Field,
  no_usable_row,
  parse,
  read_unquoted,
)

_TIME = times.of_unit(pl.col("timestamp"), "ms")


def read(files: Mapping[str, Path]) -> Raw:
  """Reads MicroLens-…_pairs.csv or .tsv, and a file of titles."""
  path = files["interactions"]
  ends = path.name.removesuffix(".gz")
  reader = _sequences if ends.endswith(".tsv") else _pairs
  interactions, bad = reader(path)
  items, bad_items = _titles(files["items"])
  return Raw(
    interactions,
    items,
    bad={"interactions": bad, "items": bad_items},
    order="sequence",
  )


def _pairs(path: Path) -> tuple[pl.DataFrame, list[Bad]]:
  pairs = quoted.load(
    path,
    {
      "user": Field("user", pl.UInt32, required=True),
      "item": Field("item", pl.UInt32, required=True),
      "timestamp": Field("timestamp", pl.Int64, required=True, value=_TIME),
    },
  )
  return pairs.rows, pairs.bad


def _sequences(path: Path) -> tuple[pl.DataFrame, list[Bad]]:
  """Reads lines of a user and their items, oldest first, without times."""
  rows, short = read_unquoted(path, "\t", ("user", "items"))
  rows = rows.with_columns(pl.col("items").str.strip_chars().str.split(" "))
  rows = rows.explode("items").rename({"items": "item"})
  interactions, bad = parse(
    rows.filter(pl.col("item") != ""),
    path,
    {
      "user": Field("user", pl.UInt32, required=True),
      "item": Field("item", pl.UInt32, required=True),
    },
  )
  return interactions, short + bad


def _titles(path: Path) -> tuple[pl.DataFrame, list[Bad]]:
  """Splits lines at the first comma; titles contain others, quoted or not."""
  # Whole lines: a title may contain any other character.
  lines, noted = read_unquoted(path, "\n", ("line",))
  head = pl.col("line").str.extract_groups(r"^\s*(\d+)\s*,(.*)$")
  rows = lines.filter(pl.col("line").str.to_lowercase() != "item,title")
  rows = rows.select(
    LINE,
    head.struct[0].cast(pl.UInt32, strict=False).alias("item_id"),
    head.struct[1].str.strip_chars().alias("title"),
  )
  wrong = rows.filter(pl.col("item_id").is_null())
  bad = noted
  if not wrong.is_empty():
    first = f"{path.name}:{wrong[LINE][0]}"
    bad = [*noted, Bad("not an item and its title", wrong.height, first)]
  rows = rows.filter(pl.col("item_id").is_not_null())
  if rows.is_empty():
    raise no_usable_row(path, bad)
  title = pl.col("title")
  quoted_title = title.str.extract(r'^"(.*)"$').str.replace_all('""', '"')
  # Hashtags look like "# comic #". Keep the words without the signs.
  words = (
    pl.coalesce(quoted_title, title)
    .str.replace_all(r"(^|\s)#+", "$1")
    .str.replace_all(r"#+(\s|$)", "$1")
    .str.strip_chars()
  )
  return rows.select(
    "item_id", pl.when(words != "").then(words).alias("title")
  ), bad
