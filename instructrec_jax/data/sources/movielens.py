"""GroupLens's MovieLens: 100K, 1M, and the editions in CSV."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from instructrec_jax.data.formats import quoted
from instructrec_jax.data.formats.raw import Bad, Raw
from instructrec_jax.data.formats.text import (
  Field,
  check_names,
  parse,
  read_unquoted,
)
from instructrec_jax.data.sources import people

# Articles that titles have at the end, in the languages of the catalogue.
_ARTICLES = (
  "The|A|An|La|Le|Les|L'|El|Los|Las|Il|Lo|Gli|Der|Die|Das|Un|Une|Una|Det|Den"
)
# The editions' words for a film without genre.
_NO_GENRE = ["unknown", "(no genres listed)"]


def _title() -> pl.Expr:
  """Moves articles to the front: "Usual Suspects, The (1995)".

  A language model knows films by the names people write. Original titles in
  parentheses are changed in the same way.
  """
  return (
    pl.col("title")
    .str.replace(rf"^([^()]+), ({_ARTICLES})( \(|$)", "$2 $1$3")
    .str.replace_all(rf"\(([^()]+), ({_ARTICLES})\)", "($2 $1)")
    .str.replace_all("L' ", "L'", literal=True)
    # 100K lists one film without a name.
    .replace("unknown", None)
  )


_FILM_FIELDS = {
  "item_id": Field("movieId", pl.UInt32, required=True),
  "title": Field("title"),
  "genres": Field("genres"),
}


def _films(items: pl.DataFrame) -> pl.DataFrame:
  """Returns items from the columns of `_FILM_FIELDS`."""
  genres = pl.col("genres").fill_null("").str.split("|")
  return items.select(
    "item_id",
    _title(),
    genres.list.eval(
      pl.element().filter(~pl.element().is_in(["", *_NO_GENRE]))
    ).alias("categories"),
    pl.col("title")
    .str.extract(r"\(([0-9]{4})\)\s*$")
    .cast(pl.Int32)
    .alias("year"),
  )


_GENDERS = {"F": "female", "M": "male"}
# The codes of 1M, as in its README.
_AGE_GROUPS = {
  "1": "under 18",
  "18": "18-24",
  "25": "25-34",
  "35": "35-44",
  "45": "45-49",
  "50": "50-55",
  "56": "56+",
}
_OCCUPATIONS = {
  "0": "other",
  "1": "academic/educator",
  "2": "artist",
  "3": "clerical/admin",
  "4": "college/grad student",
  "5": "customer service",
  "6": "doctor/health care",
  "7": "executive/managerial",
  "8": "farmer",
  "9": "homemaker",
  "10": "k-12 student",
  "11": "lawyer",
  "12": "programmer",
  "13": "retired",
  "14": "sales/marketing",
  "15": "scientist",
  "16": "self-employed",
  "17": "technician/engineer",
  "18": "tradesman/craftsman",
  "19": "unemployed",
  "20": "writer",
}

_RATINGS = {
  "user": Field("userId", pl.UInt32, required=True),
  "item": Field("movieId", pl.UInt32, required=True),
  "rating": Field("rating", pl.Float32, required=True),
  "timestamp": Field("timestamp", pl.UInt32, required=True),
}
_RATING_COLUMNS = ("userId", "movieId", "rating", "timestamp")


def read_100k(files: Mapping[str, Path]) -> Raw:
  """Reads u.data, u.item, u.user and u.genre.

  Users get the age groups of 1M in addition to their ages.
  """
  ratings, short = read_unquoted(files["interactions"], "\t", _RATING_COLUMNS)
  interactions, bad = parse(ratings, files["interactions"], _RATINGS)
  names = _genres(files["genres"])
  columns = ("movieId", "title", "released", "video", "url", *names)
  rows, short_items = read_unquoted(files["items"], "|", columns)
  flags = [
    pl.when(pl.col(name) == "1").then(pl.lit(name)).otherwise(pl.lit(None))
    for name in names
  ]
  rows = rows.with_columns(
    pl.concat_str(flags, separator="|", ignore_nulls=True).alias("genres")
  )
  items, bad_items = parse(rows, files["items"], _FILM_FIELDS)
  users, bad_users, odd = _users(
    files["users"],
    "|",
    ("user_id", "age", "gender", "occupation", "zip"),
    {"gender": _GENDERS},
  )
  group = pl.coalesce(
    pl.when(pl.col("age") >= int(youngest)).then(pl.lit(words))
    for youngest, words in reversed(_AGE_GROUPS.items())
  )
  return Raw(
    interactions,
    _films(items),
    users.with_columns(age_group=group),
    {
      "interactions": short + bad,
      "items": short_items + bad_items,
      "user_attributes": bad_users,
    },
    {"user_attributes": odd},
  )


def _genres(path: Path) -> list[str]:
  """Returns the names of genres in the order of u.item's flags."""
  rows, _ = read_unquoted(path, "|", ("name", "code"))
  fields = {
    "name": Field("name", required=True),
    "code": Field("code", pl.Int32, required=True),
  }
  genres, _ = parse(rows, path, fields)
  return check_names(path, genres.sort("code")["name"].to_list())


def read_1m(files: Mapping[str, Path]) -> Raw:
  """Reads ratings.dat, movies.dat and users.dat, split at `::`.

  The file has codes for age groups and occupations; here they become words.
  """
  ratings, short = read_unquoted(files["interactions"], "::", _RATING_COLUMNS)
  interactions, bad = parse(ratings, files["interactions"], _RATINGS)
  rows, short_items = read_unquoted(
    files["items"], "::", ("movieId", "title", "genres")
  )
  items, bad_items = parse(rows, files["items"], _FILM_FIELDS)
  users, bad_users, odd = _users(
    files["users"],
    "::",
    ("user_id", "gender", "age_group", "occupation", "zip"),
    {
      "gender": _GENDERS,
      "age_group": _AGE_GROUPS,
      "occupation": _OCCUPATIONS,
    },
  )
  return Raw(
    interactions,
    _films(items),
    users,
    {
      "interactions": short + bad,
      "items": short_items + bad_items,
      "user_attributes": bad_users,
    },
    {"user_attributes": odd},
  )


def read_csv(files: Mapping[str, Path]) -> Raw:
  """Reads ratings.csv and movies.csv of latest-small and 32M."""
  ratings = quoted.load(files["interactions"], _RATINGS)
  films = quoted.load(files["items"], _FILM_FIELDS)
  return Raw(
    ratings.rows,
    _films(films.rows),
    bad={"interactions": ratings.bad, "items": films.bad},
    noted={"interactions": ratings.noted, "items": films.noted},
  )


def _users(
  path: Path,
  separator: str,
  columns: Sequence[str],
  words: Mapping[str, Mapping[str, str]],
) -> tuple[pl.DataFrame, list[Bad], dict[str, int]]:
  """Returns the users, the rows left out, and counts of odd values.

  Args:
    path: the file.
    separator: the separator of its fields.
    columns: the names of its columns.
    words: the meaning of each code, for columns whose values are codes.
  """
  rows, short = read_unquoted(path, separator, columns)
  fields = {name: Field(name) for name in columns}
  fields["user_id"] = Field("user_id", pl.UInt32, required=True)
  if "age" in fields:
    fields["age"] = Field("age", pl.Int32)
  users, bad = parse(rows, path, fields)
  users, noted = people.in_range(users)
  told = users.with_columns(
    pl.col(name).replace_strict(codes, default=None, return_dtype=pl.String)
    for name, codes in words.items()
  )
  for name in words:
    lost = told[name].null_count() - users[name].null_count()
    if lost:
      noted[f"{name} is not a code of this edition"] = lost
  return told, short + bad, noted
