"""The Anime Dataset 2023 (MyAnimeList, from Kaggle): scores without times.

The order of a user's anime is that of the file. Names of users are not read.
"""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from instructrec_jax.data.formats import markup, quoted
from instructrec_jax.data.formats.raw import Raw
from instructrec_jax.data.formats.text import Field
from instructrec_jax.data.sources import people

_NO_SYNOPSIS = "No description available for this anime."


def _known(column: str) -> pl.Expr:
  return pl.col(column).replace({"UNKNOWN": None, _NO_SYNOPSIS: None})


def _list(column: str) -> pl.Expr:
  labels = _known(column).fill_null("").str.split(",")
  labels = labels.list.eval(pl.element().str.strip_chars())
  return labels.list.eval(pl.element().filter(pl.element() != ""))


def read(files: Mapping[str, Path]) -> Raw:
  """Reads users-score-, anime-dataset- and users-details-2023.csv."""
  scores = quoted.load(
    files["interactions"],
    {
      "user": Field("user_id", pl.UInt32, required=True),
      "item": Field("anime_id", pl.UInt32, required=True),
      "rating": Field("rating", pl.Float32, required=True),
    },
  )
  anime = quoted.load(
    files["items"],
    {"item_id": Field("anime_id", pl.UInt32, required=True)},
    # People and language models know an anime by its English name.
    long={
      "title": pl.coalesce(_known("English name"), _known("Name")),
      "categories": _list("Genres"),
      "brand": _known("Studios"),
      "description": _known("Synopsis").map_batches(markup.plain, pl.String),
      # "Apr 3, 1998 to Apr 24, 1999"
      "year": pl.col("Aired").str.extract(r"\b([0-9]{4})\b").cast(pl.Int32),
    },
  )
  profiles = quoted.load(
    files["users"],
    {
      "user_id": Field("Mal ID", pl.UInt32, required=True),
      # "1985-03-04T00:00:00+00:00"
      "birth_year": Field(
        "Birthday",
        pl.Int32,
        value=pl.col("Birthday").str.extract(r"^([0-9]{4})-"),
      ),
    },
    long={
      "gender": people.gender("Gender"),
      "location": _known("Location").str.strip_chars().replace("", None),
    },
  )
  users, odd = people.in_range(profiles.rows)
  return Raw(
    scores.rows,
    anime.rows,
    users,
    bad={
      "interactions": scores.bad,
      "items": anime.bad,
      "user_attributes": profiles.bad,
    },
    noted={
      "interactions": scores.noted,
      "items": anime.noted,
      "user_attributes": profiles.noted | odd,
    },
  )
