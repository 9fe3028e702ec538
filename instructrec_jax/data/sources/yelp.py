"""Yelp's open dataset: reviews of businesses as JSON lines.

Of a review the user, the business, stars, time and text are taken; of a
business its name, categories, city and state. A name is no key: a chain has
one name, and its places are told apart by `place` alone. The file of users,
which holds their names and friends, is not read.
"""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from instructrec_jax.data.formats import markup, spooled_lines
from instructrec_jax.data.formats.raw import Raw
from instructrec_jax.data.formats.spooled_lines import Table
from instructrec_jax.data.formats.text import Field

_TEXT, _TEXTS = pl.String(), pl.List(pl.String())
# Labels with commas of their own, in a list with commas between.
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
  # Older editions give the day alone.
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
        # Until 2106, in half the memory of what a table has.
        pl.UInt32,
        required=True,
        value=_TIME.dt.epoch("s"),
      ),
    },
    long={"review": pl.col("text").map_batches(markup.plain, _TEXT)},
    noted={
      "HTML in text taken out": pl.col("text").str.contains(markup.HAS_MARKUP)
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
    raw.noted["items"]["name that an earlier one has too"] = shared
  return raw
