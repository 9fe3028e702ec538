"""Amazon Books Reviews (Kaggle): reviews, and books as in Google Books.

Each edition of a book has its own id, and the two files share only the title,
so the title is the id. Names of reviewers are not read.
"""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from instructrec_jax.data.formats import literals, markup, quoted
from instructrec_jax.data.formats.raw import Raw
from instructrec_jax.data.formats.spool import Spool
from instructrec_jax.data.formats.text import Field

# Kaggle's spelling, and that of copies that avoid / in a column's name.
_SCORES = ("review/score", "review_score")
_SECONDS = pl.col("review/time").cast(pl.Int64, strict=False)
_TEXTS = pl.List(pl.String)


def _plain(column: str) -> pl.Expr:
  return pl.col(column).map_batches(markup.plain, pl.String)


def _one_line(column: str) -> pl.Expr:
  return pl.col(column).map_batches(markup.one_line, pl.String)


def _labels(column: str) -> pl.Expr:
  lists = pl.col(column).map_batches(literals.texts, _TEXTS)
  return lists.map_batches(markup.labels, _TEXTS)


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
      # Every fifth review has no user.
      "user": Field("User_id", required=True),
      "item": Field("Title", required=True),
      "rating": Field(score, pl.Float32),
      "timestamp": Field(
        "review/time",
        # Lasts until 2106 and takes half the memory of a table's Int64.
        pl.UInt32,
        required=True,
        # Some times are -1.
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
      # A year, or a date that begins with the year.
      "year": pl.col("publishedDate")
      .str.extract(r"^([0-9]{4})\b")
      .cast(pl.Int32),
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
