"""Amazon Books Reviews (Kaggle): reviews and what Google Books says of them.

A book has an id an edition, and the two files share nothing but its title: the
title is the id. Names of reviewers are not read.
"""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from instructrec_jax.data.formats import literals, markup, quoted
from instructrec_jax.data.formats.raw import Raw
from instructrec_jax.data.formats.spool import Spool
from instructrec_jax.data.formats.text import Field

# As Kaggle spells it, and as copies do, for / is awkward in a column's name.
_SCORES = ("review/score", "review_score")
_SECONDS = pl.col("review/time").cast(pl.Int64, strict=False)
_TEXTS = pl.List(pl.String)


def _plain(column: str) -> pl.Expr:
  return pl.col(column).map_batches(markup.plain, pl.String)


def _one_line(column: str) -> pl.Expr:
  return pl.col(column).map_batches(markup.one_line, pl.String)


def _labels(column: str) -> pl.Expr:
  return pl.col(column).map_batches(literals.texts, _TEXTS)


def read(files: Mapping[str, Path], scratch: Path) -> Raw:
  """Reads Books_rating.csv and books_data.csv.

  Args:
    files: "interactions" and "items".
    scratch: a folder for texts until their rows are known.
  """
  names = quoted.header(files["interactions"])
  score = next((name for name in _SCORES if name in names), _SCORES[0])
  spools = {role: Spool(scratch / role) for role in files}
  reviews = quoted.load(
    files["interactions"],
    {
      # Of every fifth review nobody knows whose it is.
      "user": Field("User_id", required=True),
      "item": Field("Title", required=True),
      "rating": Field(score, pl.Float32),
      "timestamp": Field(
        "review/time",
        # Until 2106, in half the memory of what a table has.
        pl.UInt32,
        required=True,
        # Some have -1.
        value=pl.when(_SECONDS > 0).then(_SECONDS),
      ),
    },
    long={
      "review": _plain("review/text"),
      "summary": _one_line("review/summary"),
    },
    spool=spools["interactions"],
  )
  authors = _labels("authors").list.join(", ")
  books = quoted.load(
    files["items"],
    {
      "item_id": Field("Title", required=True),
      "title": Field("Title", required=True),
    },
    long={
      "categories": _labels("categories"),
      "brand": pl.when(authors != "").then(authors),
      "description": _plain("description"),
      # A year, or a date that begins with it.
      "year": pl.col("publishedDate").str.extract(r"^(\d{4})\b").cast(pl.Int32),
    },
    spool=spools["items"],
  )
  return Raw(
    reviews.rows,
    books.rows,
    bad={"interactions": reviews.bad, "items": books.bad},
    noted={"interactions": reviews.noted, "items": books.noted},
    spooled=spools,
  )
