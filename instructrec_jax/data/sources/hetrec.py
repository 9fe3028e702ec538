"""HetRec 2011: Last.FM, MovieLens and Delicious, as GroupLens has them.

All files are tab-separated with a header, and quotes have no meaning. Last.FM
has how often each user played an artist and no times. The other two have times
in milliseconds.
"""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from instructrec_jax.data.formats import markup
from instructrec_jax.data.formats.raw import Bad, Raw
from instructrec_jax.data.formats.text import Field, parse, read_unquoted

# An artist has hundreds of tags, most of them by one user only.
_MOST_TAGS = 5
_TEXTS = pl.List(pl.String())
_MICROSECONDS = Field(
  "timestamp",
  pl.Int64,
  required=True,
  value=pl.col("timestamp").cast(pl.Int64, strict=False) * 1000,
)


def read_lastfm(files: Mapping[str, Path]) -> Raw:
  """Reads user_artists.dat, artists.dat and the tags, if they are there.

  The item is the artist, with the tags that most users gave it as labels.
  """
  plays, bad = _parsed(
    files["interactions"],
    {
      "user": Field("userID", pl.UInt32, required=True),
      "item": Field("artistID", pl.UInt32, required=True),
      "plays": Field("weight", pl.UInt32),
    },
  )
  artists, bad_items = _parsed(
    files["items"],
    {
      "item_id": Field("id", pl.UInt32, required=True),
      "title": Field("name"),
    },
  )
  return Raw(
    plays,
    _with_tags(artists, files, "artistID", ("tagID", "tagValue")),
    bad={"interactions": bad, "items": bad_items},
    order="none",
  )


def read_movielens(files: Mapping[str, Path]) -> Raw:
  """Reads user_ratedmovies-timestamps.dat, movies.dat and movie_genres.dat."""
  ratings, bad = _parsed(
    files["interactions"],
    {
      "user": Field("userID", pl.UInt32, required=True),
      "item": Field("movieID", pl.UInt32, required=True),
      "rating": Field("rating", pl.Float32),
      "timestamp": _MICROSECONDS,
    },
  )
  films, bad_items = _parsed(
    files["items"],
    {
      "item_id": Field("id", pl.UInt32, required=True),
      "title": Field("title"),
      "year": Field("year"),
    },
  )
  genres, _ = _parsed(
    files["genres"],
    {
      "item_id": Field("movieID", pl.UInt32, required=True),
      "categories": Field("genre", required=True),
    },
  )
  films = films.with_columns(
    pl.col("year").cast(pl.Int32, strict=False),
    # The file's word for what is not known.
    pl.col("title").replace("\\N", None),
  )
  return Raw(
    ratings,
    _labelled(films, genres.unique(maintain_order=True)),
    bad={"interactions": bad, "items": bad_items},
  )


def read_delicious(files: Mapping[str, Path]) -> Raw:
  """Reads user_taggedbookmarks-timestamps.dat, bookmarks.dat and tags.dat.

  A user's tags on one bookmark are one interaction, at the time of the first.
  """
  tagged, bad = _parsed(
    files["interactions"],
    {
      "user": Field("userID", pl.UInt32, required=True),
      "item": Field("bookmarkID", pl.UInt32, required=True),
      "timestamp": _MICROSECONDS,
    },
  )
  marks = tagged.group_by("user", "item", maintain_order=True).agg(
    pl.col("timestamp").min()
  )
  pages, bad_items = _parsed(
    files["items"],
    {
      "item_id": Field("id", pl.UInt32, required=True),
      "title": Field("title"),
    },
  )
  noted = {}
  if tagged.height > marks.height:
    what = "lines merged with others of the same user and bookmark"
    noted = {"interactions": {what: tagged.height - marks.height}}
  files = {**files, "tagged": files["interactions"]}
  return Raw(
    marks,
    _with_tags(pages, files, "bookmarkID", ("id", "value")),
    bad={"interactions": bad, "items": bad_items},
    noted=noted,
  )


def _parsed(
  path: Path, fields: Mapping[str, Field]
) -> tuple[pl.DataFrame, list[Bad]]:
  rows, short = read_unquoted(path, "\t")
  table, bad = parse(rows, path, fields)
  return table, short + bad


def _with_tags(
  items: pl.DataFrame,
  files: Mapping[str, Path],
  item: str,
  tag: tuple[str, str],
) -> pl.DataFrame:
  """Adds the tags that most users gave each item, if there are tags.

  Args:
    items: item_id and other columns.
    files: has "tagged" and "tags" if there are tags.
    item: the column of the item in "tagged".
    tag: the columns of "tags": id and text.
  """
  if not {"tagged", "tags"} <= files.keys():
    return items
  given, _ = _parsed(
    files["tagged"],
    {
      "item_id": Field(item, pl.UInt32, required=True),
      "tag": Field("tagID", pl.UInt32, required=True),
    },
  )
  number, text = tag
  texts, _ = _parsed(
    files["tags"],
    {
      "tag": Field(number, pl.UInt32, required=True),
      "categories": Field(text, required=True),
    },
  )
  counts = (
    given.join(texts, on="tag")
    .group_by("item_id", "categories")
    .agg(pl.len().alias("users"))
    .sort("item_id", "users", "categories", descending=[False, True, False])
    .group_by("item_id", maintain_order=True)
    .head(_MOST_TAGS)
  )
  return _labelled(items, counts.select("item_id", "categories"))


def _labelled(items: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
  """Adds the labels of each item, in the order of the rows of `labels`."""
  lists = labels.group_by("item_id", maintain_order=True).agg("categories")
  return items.join(
    lists, on="item_id", how="left", maintain_order="left"
  ).with_columns(
    pl.col("categories").fill_null([]).map_batches(markup.labels, _TEXTS)
  )
