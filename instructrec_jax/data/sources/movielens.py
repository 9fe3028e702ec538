"""MovieLens as GroupLens distributes it: 100K, 1M, and the CSV editions."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from instructrec_jax.data.sources.raw import Raw
from instructrec_jax.data.sources.text import (
  Field,
  parse,
  read_unquoted,
  scan_quoted,
)

# Articles that the titles carry at their end, in the catalogue's languages.
_ARTICLES = (
  "The|A|An|La|Le|Les|L'|El|Los|Las|Il|Lo|Gli|Der|Die|Das|Un|Une|Una|Det|Den"
)
# What stands where a film has no genre, in the editions' own words.
_NO_GENRE = ["unknown", "(no genres listed)"]


def _title() -> pl.Expr:
  """Turns articles round: "Usual Suspects, The (1995)" starts with "The".

  A language model knows films by the names people write. The same is done
  inside parentheses, which hold original titles.
  """
  return (
    pl.col("title")
    .str.replace(rf"^([^()]+), ({_ARTICLES})( \(|$)", "$2 $1$3")
    .str.replace_all(rf"\(([^()]+), ({_ARTICLES})\)", "($2 $1)")
    .str.replace_all("L' ", "L'", literal=True)
    # 100K lists one film that nobody could name.
    .replace("unknown", None)
  )


def _items(rows: pl.DataFrame | pl.LazyFrame, path: Path, **kw):
  items, bad = parse(
    rows,
    path,
    {
      "item_id": Field("movieId", pl.UInt32, required=True),
      "title": Field("title"),
      "genres": Field("genres"),
    },
    **kw,
  )
  genres = pl.col("genres").fill_null("").str.split("|")
  return items.select(
    "item_id",
    _title(),
    genres.list.eval(
      pl.element().filter(~pl.element().is_in(["", *_NO_GENRE]))
    ).alias("categories"),
    pl.col("title")
    .str.extract(r"\((\d{4})\)\s*$")
    .cast(pl.Int32)
    .alias("year"),
  ), bad


_RATINGS = {
  "user": Field("userId", pl.UInt32, required=True),
  "item": Field("movieId", pl.UInt32, required=True),
  "rating": Field("rating", pl.Float32, required=True),
  "timestamp": Field("timestamp", pl.Int64, required=True),
}
_RATING_COLUMNS = ("userId", "movieId", "rating", "timestamp")


def read_100k(files: Mapping[str, Path]) -> Raw:
  """Reads u.data, u.item, u.user and u.genre."""
  ratings, short = read_unquoted(files["interactions"], "\t", _RATING_COLUMNS)
  interactions, bad = parse(ratings, files["interactions"], _RATINGS)
  genres, _ = read_unquoted(files["genres"], "|", ("name", "code"))
  names = genres.sort(pl.col("code").cast(pl.Int32))["name"].to_list()
  columns = ("movieId", "title", "released", "video", "url", *names)
  rows, short_items = read_unquoted(files["items"], "|", columns)
  flags = [
    pl.when(pl.col(name) == "1").then(pl.lit(name)).otherwise(pl.lit(None))
    for name in names
  ]
  rows = rows.with_columns(
    pl.concat_str(flags, separator="|", ignore_nulls=True).alias("genres")
  )
  items, bad_items = _items(rows, files["items"])
  users, bad_users = _users(
    files["users"],
    "|",
    ("user_id", "age", "gender", "occupation", "zip"),
  )
  return Raw(
    interactions,
    items,
    users,
    {
      "interactions": short + bad,
      "items": short_items + bad_items,
      "user_attributes": bad_users,
    },
  )


def read_1m(files: Mapping[str, Path]) -> Raw:
  """Reads ratings.dat, movies.dat and users.dat, split at `::`.

  Age is the lower end of its bracket and occupation a number, as distributed.
  """
  ratings, short = read_unquoted(files["interactions"], "::", _RATING_COLUMNS)
  interactions, bad = parse(ratings, files["interactions"], _RATINGS)
  rows, short_items = read_unquoted(
    files["items"], "::", ("movieId", "title", "genres")
  )
  items, bad_items = _items(rows, files["items"])
  users, bad_users = _users(
    files["users"],
    "::",
    ("user_id", "gender", "age", "occupation", "zip"),
  )
  return Raw(
    interactions,
    items,
    users,
    {
      "interactions": short + bad,
      "items": short_items + bad_items,
      "user_attributes": bad_users,
    },
  )


def read_csv(files: Mapping[str, Path]) -> Raw:
  """Reads ratings.csv and movies.csv of latest-small and 32M."""
  path = files["interactions"]
  interactions, bad = parse(scan_quoted(path, ","), path, _RATINGS, ",")
  items, bad_items = _items(
    scan_quoted(files["items"], ","), files["items"], separator=","
  )
  return Raw(
    interactions, items, None, {"interactions": bad, "items": bad_items}
  )


def _users(path: Path, separator: str, columns: tuple[str, ...]):
  rows, short = read_unquoted(path, separator, columns)
  fields = {name: Field(name) for name in columns}
  fields["user_id"] = Field("user_id", pl.UInt32, required=True)
  fields["age"] = Field("age", pl.Int32)
  users, bad = parse(rows, path, fields)
  return users, short + bad
