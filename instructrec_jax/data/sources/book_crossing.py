"""Book-Crossing (Ziegler 2004): the original dump, and two copies on Kaggle.

One copy has the files with commas, the other one has joined them.

Neither has times, so a user's books are in the file's order. Rating 0 means
that the user met the book; it is no rating.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from instructrec_jax.data.formats import literals, markup, quoted
from instructrec_jax.data.formats.raw import Bad, Raw
from instructrec_jax.data.formats.text import LINE, Field, decode, parse
from instructrec_jax.data.sources import people
from instructrec_jax.errors import InputError

_RATINGS = ("User-ID", "ISBN", "Book-Rating")
_BOOKS = (
  "ISBN",
  "Book-Title",
  "Book-Author",
  "Year-Of-Publication",
  "Publisher",
  "Image-URL-S",
  "Image-URL-M",
  "Image-URL-L",
)
_USERS = ("User-ID", "Location", "Age")
# The dump was made in 2004. Some years are in other calendars; most wrong years
# are 0.
_YEARS = (1400, 2005)
_IMPLICIT = "rating 0, which means no rating"
_SEPARATED = "author separated from the title"
# A title and an author that are in one field.
_BOTH = r'^(.*?)\\";(.*?)"?$'
_ISBN = "ISBN corrected: capitals, blanks, leading zeros"


_RATING_FIELDS = {
  "user": Field("User-ID", pl.UInt32, required=True),
  "item": Field("ISBN", required=True),
  "rating": Field("Book-Rating", pl.Float32, required=True),
}
_BOOK_FIELDS = {
  "item_id": Field("ISBN", required=True),
  "title": Field("Book-Title"),
  "brand": Field("Book-Author"),
  "year": Field("Year-Of-Publication", pl.Int32),
}
_USER_FIELDS = {
  "user_id": Field("User-ID", pl.UInt32, required=True),
  "age": Field("Age", pl.Int32),
  "location": Field("Location"),
}


def read(files: Mapping[str, Path]) -> Raw:
  """Reads BX-Book-Ratings.csv, BX-Books.csv and BX-Users.csv."""
  path = files["interactions"]
  rows, short, _ = _rows(path, _RATINGS)
  ratings, bad = parse(rows, path, _RATING_FIELDS)
  path = files["items"]
  rows, short_items, shifted = _rows(path, _BOOKS)
  books, bad_items = parse(rows, path, _BOOK_FIELDS)
  path = files["users"]
  rows, short_users, _ = _rows(path, _USERS)
  users, bad_users = parse(rows, path, _USER_FIELDS)
  raw = _raw(ratings, books, users)
  if shifted:
    raw.noted["items"][_SEPARATED] = shifted
  bad = {
    "interactions": short + bad,
    "items": short_items + bad_items,
    "user_attributes": short_users + bad_users,
  }
  return dataclasses.replace(raw, bad=bad)


def read_commas(files: Mapping[str, Path]) -> Raw:
  r"""Reads Ratings.csv, Books.csv and Users.csv, which have commas and quotes.

  In a few rows of the books, the title and the author are one field,
  `title\";author"`, and the fields after it are one column to the left.
  """
  as_text = {"year": Field("Year-Of-Publication")}
  ratings = quoted.load(files["interactions"], _RATING_FIELDS)
  books = quoted.load(files["items"], _BOOK_FIELDS | as_text)
  # Ages are written as 34.0, because some are missing.
  users = quoted.load(
    files["users"], _USER_FIELDS | {"age": Field("Age", pl.Float64)}
  )
  both = pl.col("title").str.contains(_BOTH)
  author = pl.col("title").str.extract(_BOTH, 2)
  title = pl.col("title").str.extract(_BOTH, 1)
  year = pl.when(both).then("brand").otherwise("year")
  rows = books.rows.with_columns(pl.col("item_id").cast(pl.String))
  rows = rows.with_columns(
    pl.when(both).then(title).otherwise("title").alias("title"),
    pl.when(both).then(author).otherwise("brand").alias("brand"),
    year.cast(pl.Int32, strict=False).alias("year"),
  )
  raw = _raw(
    ratings.rows.with_columns(pl.col("item").cast(pl.String)),
    rows,
    users.rows.with_columns(pl.col("age").cast(pl.Int32)),
  )
  shifted = books.rows.select(both.sum()).item()
  lost = rows["year"].null_count() - books.rows["year"].null_count()
  notes = {
    "interactions": ratings.noted,
    "items": books.noted
    | {_SEPARATED: shifted, "Year-Of-Publication is not a number": lost},
    "user_attributes": users.noted,
  }
  for table, counts in notes.items():
    raw.noted[table].update({what: n for what, n in counts.items() if n})
  bad = {
    "interactions": ratings.bad,
    "items": books.bad,
    "user_attributes": users.bad,
  }
  return dataclasses.replace(raw, bad=bad)


def read_kaggle(files: Mapping[str, Path]) -> Raw:
  """Reads Preprocessed_data.csv, whose rows join rating, book and user.

  The file has the mean age in place of missing ages; here they are null.
  """
  loaded = quoted.load(
    files["interactions"],
    {
      "user": Field("user_id", pl.UInt32, required=True),
      "item": Field("isbn", required=True),
      "rating": Field("rating", pl.Float32, required=True),
      "title": Field("book_title"),
      "brand": Field("book_author"),
      "year": Field("year_of_publication", pl.Int32),
      "categories": Field("Category"),
      "age": Field("age", pl.Float64),
      "location": Field("location"),
    },
  )
  rows = loaded.rows.with_columns(pl.col("item").cast(pl.String))
  # All rows of a book or user agree about it.
  books = rows.unique("item", keep="first", maintain_order=True).select(
    pl.col("item").alias("item_id"),
    "title",
    "brand",
    "year",
    # A 9 means that no category was found.
    pl.when(pl.col("categories") != "9")
    .then("categories")
    .map_batches(literals.texts, pl.List(pl.String)),
  )
  users = rows.unique("user", keep="first", maintain_order=True)
  filled = (users["age"] % 1 != 0).sum()
  users = users.select(
    pl.col("user").alias("user_id"),
    pl.when(pl.col("age") % 1 == 0).then("age").cast(pl.Int32, strict=False),
    "location",
  )
  raw = _raw(rows.select("user", "item", "rating"), books, users)
  raw.noted["interactions"].update(loaded.noted)
  if filled:
    raw.noted["user_attributes"]["age is the mean of all users"] = filled
  return dataclasses.replace(raw, bad={"interactions": loaded.bad})


def _raw(
  ratings: pl.DataFrame, books: pl.DataFrame, users: pl.DataFrame
) -> Raw:
  """Corrects ids and values where possible, and counts the corrections."""
  ids, changed = _isbn(ratings["item"])
  item_ids, changed_items = _isbn(books["item_id"])
  implicit = pl.col("rating") == 0
  unlikely = ~pl.col("year").is_between(*_YEARS)
  users, odd = people.in_range(users)
  noted = {
    "interactions": {
      _ISBN: changed,
      _IMPLICIT: ratings.select(implicit.sum()).item(),
    },
    "items": {
      _ISBN: changed_items,
      f"year is not from {_YEARS[0]} to {_YEARS[1]}": books.select(
        unlikely.sum()
      ).item(),
    },
    "user_attributes": odd,
  }
  return Raw(
    ratings.with_columns(ids, pl.when(~implicit).then("rating")),
    books.with_columns(
      item_ids,
      pl.col("brand").map_batches(markup.one_line, pl.String),
      pl.when(~unlikely).then("year"),
    ),
    users.with_columns(_location()),
    noted={
      table: {what: number for what, number in counts.items() if number}
      for table, counts in noted.items()
    },
  )


def _rows(
  path: Path, columns: Sequence[str]
) -> tuple[pl.DataFrame, list[Bad], int]:
  r"""Splits lines at `";"`, which even titles with semicolons do not contain.

  A quote in a field has a backslash before it. If a title ends in a backslash,
  the dump's closing quote looks escaped and the field contains the author too.
  Some copies have no quotes; they are split at every semicolon.

  Returns:
    The rows as text with LINE; the lines with a wrong number of fields; and the
    number of lines in which a title was separated from its author.
  """
  text = decode(path.read_bytes()).removeprefix("\ufeff")
  lines = pl.DataFrame({"raw": [text]}).select(
    pl.col("raw").str.split("\n").explode().str.strip_suffix("\r")
  )
  del text
  header = lines["raw"][0]
  names = [name.strip('"') for name in header.split(";")]
  if names != list(columns):
    raise InputError(
      f"{path}:1: expected the columns {';'.join(columns)}, found "
      f"{header[:200]!r}"
    )
  lines = lines.with_row_index(LINE, offset=1)[1:].filter(pl.col("raw") != "")
  between, nothing = (
    ('";"', ';""$1') if header.startswith('"') else (";", ";$1")
  )
  # An unknown value is NULL without quotes.
  known = pl.col("raw").str.replace_all(r";NULL(;|$)", nothing)
  if header.startswith('"'):
    known = known.str.strip_prefix('"').str.strip_suffix('"')
  lines = lines.with_columns(known)
  there = pl.col("raw").str.count_matches(between, literal=True)
  shifted = (there == len(columns) - 2) & pl.col("raw").str.contains(
    '\\\\";[^"]'
  )
  whole = pl.col("raw").str.replace('\\\\";([^"])', '";"$1')
  moved = lines.select(shifted.sum()).item()
  lines = lines.with_columns(pl.when(shifted).then(whole).otherwise("raw"))
  fits = there == len(columns) - 1
  wrong = lines.filter(~fits)
  fields = pl.col("raw").str.split_exact(between, len(columns) - 1)
  rows = lines.filter(fits).select(LINE, fields)
  rows = rows.select(
    LINE,
    *(
      pl.col("raw")
      .struct.field(f"field_{i}")
      .str.replace_all('\\"', '"', literal=True)
      .alias(name)
      for i, name in enumerate(columns)
    ),
  )
  if wrong.is_empty():
    return rows, [], moved
  reason = f"not {len(columns)} fields"
  first = f"{path.name}:{wrong[LINE][0]}"
  return rows, [Bad(reason, wrong.height, first)], moved


def _isbn(given: pl.Series) -> tuple[pl.Series, int]:
  """Returns ISBNs as printed on books, and how many were corrected.

  Some have a small x or blanks. Copies that read ISBNs as numbers have lost the
  leading zeros; they are added again if the check digit is then right.
  """
  name = given.name
  ids = pl.DataFrame({"id": given.unique()}).with_columns(
    clean=pl.col("id").str.to_uppercase().str.replace_all(r"[^0-9A-Z]", "")
  )
  padded = pl.col("clean").str.zfill(10)
  digit = [
    padded.str.slice(i, 1).replace("X", "10").cast(pl.Int32, strict=False)
    for i in range(10)
  ]
  # ISO 2108, first edition: the digits, weighted 10 to 1, sum to 0 modulo 11.
  total = pl.sum_horizontal((10 - i) * value for i, value in enumerate(digit))
  lost = pl.col("clean").str.contains("^[1-9][0-9]{5,7}[0-9X]$") & (
    total % 11 == 0
  )
  ids = ids.with_columns(
    pl.when(lost)
    .then(padded)
    .when(pl.col("clean") != "")
    .then("clean")
    # Only punctuation: unchanged, and equal to no book's id.
    .otherwise("id")
    .alias(name)
  )
  new = pl.DataFrame({"id": given}).join(
    ids, on="id", how="left", maintain_order="left"
  )
  return new[name], int((new[name] != new["id"]).sum())


def _location() -> pl.Expr:
  """Returns "city, state, country" without empty and "n/a" parts."""
  parts = (
    pl.col("location").str.split(",").list.eval(pl.element().str.strip_chars())
  )
  told = parts.list.eval(
    pl.element().filter(~pl.element().str.to_lowercase().is_in(["", "n/a"]))
  )
  text = told.list.join(", ")
  return pl.when(text != "").then(text).alias("location")
