"""Steam (UCSD): reviews and games as Python dicts, one per line.

A review gives the user, game, day, hours played and text; there is no rating.
Most reviews identify the user only by the public name. The name is not kept:
the user's id is a hash of it, which does not reveal the name. A game gives the
title, genres, tags, developer, price and year of release.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from instructrec_jax.data.formats import markup, numerals, spooled_lines
from instructrec_jax.data.formats.python_lines import PYTHON
from instructrec_jax.data.formats.raw import Raw
from instructrec_jax.data.formats.spooled_lines import Table
from instructrec_jax.data.formats.text import Field

_TEXT, _TEXTS = pl.String(), pl.List(pl.String())


def _pseudonyms(names: pl.Series) -> pl.Series:
  """Returns 64 bits of a hash of each name, the same on every machine."""
  known = names.drop_nulls().unique()
  hashes = [
    hashlib.blake2b(name.encode(), digest_size=8).hexdigest() for name in known
  ]
  return names.replace_strict(known, hashes, return_dtype=pl.String())


_DAY = pl.col("date").str.to_date("%Y-%m-%d", strict=False)
_TITLE, _NAME = (
  pl.when(pl.col(key).str.strip_chars() != "").then(key)
  for key in ("title", "app_name")
)
# From general to special: genres are few, and tags come from players.
_LABELS = pl.concat_list(pl.col("genres", "tags").fill_null([]))
_RELEASED = pl.col("release_date")
_PRICE = pl.col("price")
_AMOUNT = numerals.of(_PRICE, pl.Float32)
# `Free To Play`, `Free`, `Play for Free!`
_FREE = _PRICE.str.contains(r"(?i)\bfree\b")

_KINDS = {
  ("steam", "interactions"): Table(
    columns=dict.fromkeys(
      ("username", "product_id", "date", "hours", "text"), _TEXT
    ),
    needs=("username", "product_id"),
    fields={
      "user": Field(
        "username",
        required=True,
        value=pl.col("username").map_batches(_pseudonyms, _TEXT),
      ),
      "item": Field("product_id", required=True),
      "hours": Field("hours", pl.Float32),
      "timestamp": Field(
        "date",
        # Lasts until 2106 and takes half the memory of a table's Int64.
        pl.UInt32,
        required=True,
        value=_DAY.cast(pl.Datetime("us")).dt.epoch("s"),
      ),
    },
    long={"review": pl.col("text").map_batches(markup.plain, _TEXT)},
    noted={
      "without hours": pl.col("hours").is_null(),
      "HTML in text removed": pl.col("text").str.contains(markup.HAS_MARKUP),
    },
    dialect=PYTHON,
  ),
  ("steam", "items"): Table(
    columns={
      **dict.fromkeys(
        ("id", "title", "app_name", "developer", "price", "release_date"), _TEXT
      ),
      "genres": _TEXTS,
      "tags": _TEXTS,
    },
    needs=("app_name", "reviews_url"),
    fields={
      "item_id": Field("id", required=True),
      "title": Field("title", value=pl.coalesce(_TITLE, _NAME), what="a name"),
    },
    long={
      "categories": _LABELS.map_batches(markup.labels, _TEXTS),
      "brand": pl.col("developer").map_batches(markup.one_line, _TEXT),
      "price": pl.when(_FREE).then(pl.lit(0.0)).otherwise(_AMOUNT),
      "year": _RELEASED.str.extract(r"^([0-9]{4})-\d\d-\d\d$").cast(pl.Int32),
    },
    noted={
      "title is missing, app_name used": _TITLE.is_null() & _NAME.is_not_null(),
      "price says free, 0 used": _FREE,
      "price is not a number": _AMOUNT.is_null() & ~_FREE,
      "release_date is not a date": ~_RELEASED.str.contains(
        r"^\d{4}-\d\d-\d\d$"
      ),
    },
    dialect=PYTHON,
  ),
}


def read(files: Mapping[str, Path], scratch: Path) -> Raw:
  """Reads steam_reviews.json and steam_games.json, packed or not.

  Args:
    files: "interactions" and "items".
    scratch: a folder for texts until their rows are known.
  """
  return spooled_lines.read("steam", _KINDS, files, scratch)
