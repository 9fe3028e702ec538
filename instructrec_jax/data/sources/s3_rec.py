"""S3-Rec's layout of Amazon 2014: a line of items per user, without times.

`sequential_data.txt` has a user and their items in each line, oldest first.
`items.tsv` has the number, the asin and a text of each item. Users and items of
the sequences are numbers; items get their asins.
"""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from instructrec_jax.data.formats.raw import Bad, Raw
from instructrec_jax.data.formats.spool import LINE
from instructrec_jax.data.formats.text import (
  Faults,
  Field,
  no_usable_row,
  parse,
  read_unquoted,
)
from instructrec_jax.data.sources import lc_rec

_TEXTS = pl.List(pl.String())
_FIELDS = {
  "number": Field("item", required=True),
  "asin": Field("asin"),
  "title": Field("text"),
}


def read(files: Mapping[str, Path]) -> Raw:
  """Reads sequential_data.txt, items.tsv and, if given, item_attributes.json.

  An item without a text is called by its asin, so that a benchmark keeps all
  its items. Attributes that have names become labels. Attributes that are
  numbers are counted and left out.

  Args:
    files: "interactions" and "items", and optionally "attributes".
  """
  interactions, bad = _sequences(files["interactions"])
  items, bad_items, noted = _items(files["items"])
  if "attributes" in files:
    labels, bad_labels, left_out = _labels(files["attributes"])
    bad_items += bad_labels
    noted |= left_out
    if labels is not None:
      items = items.join(labels, "number", "left", maintain_order="left")
      items = items.with_columns(pl.col("categories").fill_null([]))
  known = items.select("number", "item_id").unique("number", keep="first")
  found = interactions.join(
    known, left_on="item", right_on="number", how="left", maintain_order="left"
  )
  unknown = found["item_id"].null_count()
  return Raw(
    found.select("user", item=pl.coalesce("item_id", "item")),
    items.drop("number"),
    bad={"interactions": bad, "items": bad_items},
    noted={
      "interactions": {f"item not in {files['items'].name}": unknown}
      if unknown
      else {},
      "items": noted,
    },
    order="sequence",
  )


def _sequences(path: Path) -> tuple[pl.DataFrame, list[Bad]]:
  """Returns user and item of each place in a line, and lines without items."""
  # Whole lines: users have any number of items.
  lines, bad = read_unquoted(path, "\n", ("line",))
  lines = lines.filter(pl.col("line") != "")
  words = lines.select(LINE, words=pl.col("line").str.extract_all(r"\S+"))
  here = pl.col("words").list.len() > 1
  faults = Faults(path)
  faults.add("not a user and items", words.filter(~here)[LINE])
  rows = words.filter(here).select(
    user=pl.col("words").list.first(), item=pl.col("words").list.slice(1)
  )
  bad = bad + faults.bad
  if rows.is_empty():
    raise no_usable_row(path, bad)
  return rows.explode("item"), bad


def _items(path: Path) -> tuple[pl.DataFrame, list[Bad], dict[str, int]]:
  """Returns number, item_id and title of each item."""
  lines, short = read_unquoted(path, "\t")
  rows, bad = parse(lines, path, _FIELDS)
  named = rows.with_columns(
    pl.when(pl.col(name).str.strip_chars() != "").then(name).alias(name)
    for name in ("asin", "title")
  )
  missing = named["title"].null_count()
  items = named.select(
    "number",
    item_id=pl.coalesce("asin", "number"),
    title=pl.coalesce("title", "asin", "number"),
  )
  noted = {"without a text, called by its id": missing} if missing else {}
  return items, short + bad, noted


def _labels(
  path: Path,
) -> tuple[pl.DataFrame | None, list[Bad], dict[str, int]]:
  """Returns the labels of each item number, if any attribute has a name."""
  found = lc_rec.load_object(
    path, 'with the attributes of each item, such as {"1": ["Hair Care"]}'
  )
  lists = {item: v for item, v in found.items() if isinstance(v, list)}
  odd = [item for item in found if item not in lists]
  bad = (
    [Bad("attributes are not a list", len(odd), f"{path.name}, key {odd[0]!r}")]
    if odd
    else []
  )
  names = [[a for a in v if isinstance(a, str)] for v in lists.values()]
  number = sum(map(len, lists.values())) - sum(map(len, names))
  noted = {"attributes without a name, left out": number} if number else {}
  if not any(names):
    return None, bad, noted
  numbers = pl.Series("number", [lc_rec.text(i) for i in lists], pl.String)
  labels = [[lc_rec.text(a) for a in each] for each in names]
  return (
    pl.DataFrame([numbers, pl.Series("categories", labels, _TEXTS)]),
    bad,
    noted,
  )
