"""Yelp's open dataset: reviews of businesses as JSON lines.

A review gives the user, business, stars, time and text. A business gives the
name, categories, city and state. Names are not unique: only `place` tells the
businesses of a chain apart. The file of users, with their names and friends, is
not read.
"""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from instructrec_jax.data.formats import markup, spooled_lines
from instructrec_jax.data.formats.raw import Raw
from instructrec_jax.data.formats.spooled_lines import Table
from instructrec_jax.data.formats.text import Field

_TEXT, _TEXTS = pl.String(), pl.List(pl.String())
# Labels that contain commas, in a list that is separated by commas.
_WITH_COMMAS = (
  "Beer, Wine & Spirits",
  "Books, Mags, Music & Video",
  "Used, Vintage & Consignment",
  "Wills, Trusts, & Probates",
)
_KEPT_COMMA = "\x00"


def _categories() -> pl.Expr:
  kept = [label.replace(",", _KEPT_COMMA) for label in _WITH_COMMAS]
  labels = pl.col("categories").str.replace_many([*_WITH_COMMAS], kept)
  labels = labels.str.split(",").list.eval(
    pl.element().str.replace_all(_KEPT_COMMA, ",", literal=True)
  )
  return labels.map_batches(markup.labels, _TEXTS)


def _place() -> pl.Expr:
  parts = [
    pl.when(pl.col(key).str.strip_chars() != "").then(
      pl.col(key).map_batches(markup.one_line, _TEXT)
    )
    for key in ("city", "state")
  ]
  place = pl.concat_str(parts, separator=", ", ignore_nulls=True)
  return place.replace("", None)


_TIME = pl.coalesce(
  pl.col("date").str.strptime(pl.Datetime("us"), form, strict=False)
  # Older editions give only the day.
  for form in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d")
)

_KINDS = {
  ("yelp", "interactions"): Table(
    columns=dict.fromkeys(
      ("user_id", "business_id", "stars", "text", "date"), _TEXT
    ),
    needs=("review_id", "user_id", "business_id", "stars", "date"),
    fields={
      "user": Field("user_id", required=True),
      "item": Field("business_id", required=True),
      "rating": Field("stars", pl.Float32, required=True),
      "timestamp": Field(
        "date",
        # Lasts until 2106 and takes half the memory of a table's Int64.
        pl.UInt32,
        required=True,
        value=_TIME.dt.epoch("s"),
      ),
    },
    long={"review": pl.col("text").map_batches(markup.plain, _TEXT)},
    noted={
      "HTML in text removed": pl.col("text").str.contains(markup.HAS_MARKUP)
    },
  ),
  ("yelp", "items"): Table(
    columns=dict.fromkeys(
      ("business_id", "name", "categories", "city", "state"), _TEXT
    ),
    needs=("business_id", "name", "city", "state"),
    fields={
      "item_id": Field("business_id", required=True),
      "title": Field("name"),
    },
    long={"categories": _categories(), "place": _place()},
    noted={},
  ),
}


def read(files: Mapping[str, Path], scratch: Path) -> Raw:
  """Reads yelp_academic_dataset_{review,business}.json, packed or not.

  Args:
    files: "interactions" and "items".
    scratch: a folder for texts until their rows are known.
  """
  raw = spooled_lines.read("yelp", _KINDS, files, scratch)
  names = raw.items["title"]
  shared = names.count() - names.drop_nulls().n_unique()
  if shared:
    raw.noted["items"]["name shared with an earlier item"] = shared
  return raw
