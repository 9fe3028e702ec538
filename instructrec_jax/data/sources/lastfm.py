"""Last.FM 1K and 360K (Celma 2010): which artists people played, and how often.

The item is the artist. Its name is its id, because many artists have no other.
All plays of an artist by a user are one interaction, with the time of the
first play.
"""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from instructrec_jax.data.formats.raw import Bad, Raw
from instructrec_jax.data.formats.spool import LINE
from instructrec_jax.data.formats.text import (
  FAULT,
  Faults,
  Field,
  checks,
  no_usable_row,
  parse,
  read_unquoted,
  unquoted_pieces,
)
from instructrec_jax.data.sources import people

_COLUMNS_1K = ("userid", "timestamp", "artid", "artname", "traid", "traname")
_COLUMNS_360K = ("usersha1", "artmbid", "artname", "plays")
_PROFILE_360K = ("usersha1", "gender", "age", "country", "registered")

_NAME = pl.col("artname").str.replace_all(r"\s+", " ").str.strip_chars()
_ARTIST = Field(
  "artname",
  required=True,
  value=pl.when(_NAME != "").then(_NAME),
  what="a name",
)
_TIME = pl.col("timestamp").str.strptime(
  pl.Datetime("us"), "%Y-%m-%dT%H:%M:%SZ", strict=False
)
_FIELDS_1K = {
  "user": Field("userid", required=True),
  "item": _ARTIST,
  # UInt32 lasts until 2106 and takes half the memory of a table's Int64.
  "timestamp": Field(
    "timestamp", pl.UInt32, required=True, value=_TIME.dt.epoch("s")
  ),
}
_COUNT = pl.col("plays").cast(pl.UInt32, strict=False)
_SHA1 = pl.col("usersha1")
_FIELDS_360K = {
  # Some lines have another value here, such as a date.
  "user": Field(
    "usersha1",
    required=True,
    value=pl.when(_SHA1.str.contains("^[0-9a-f]{40}$")).then(_SHA1),
    what="an id",
  ),
  "item": _ARTIST,
  "plays": Field(
    "plays",
    pl.UInt32,
    required=True,
    value=pl.when(_COUNT > 0).then(_COUNT),
    what="a number above 0",
  ),
}
_PAIR = ("user", "item")


def read_1k(files: Mapping[str, Path]) -> Raw:
  """Reads userid-timestamp-artid-artname-traid-traname.tsv and the profiles.

  A user's artists are in the order of the first play.
  """
  path = files["interactions"]
  plays, bad, lines = _plays(
    path,
    _COLUMNS_1K,
    _FIELDS_1K,
    [pl.len().alias("plays").cast(pl.UInt32), pl.col("timestamp").min()],
    # A user's newest play comes first, so the last line is the oldest play.
    pl.col(LINE).max(),
  )
  plays = plays.sort(
    pl.col(LINE).min().over("user"),
    "timestamp",
    LINE,
    descending=[False, False, True],
  )
  return _raw(files, plays, bad, lines, None, "#id")


def read_360k(files: Mapping[str, Path]) -> Raw:
  """Reads usersha1-artmbid-artname-plays.tsv and the profiles.

  There are no times. The order is that of the file, most played first.
  """
  path = files["interactions"]
  plays, bad, lines = _plays(
    path, _COLUMNS_360K, _FIELDS_360K, [pl.col("plays").sum()],
    pl.col(LINE).min(),
  )  # fmt: skip
  return _raw(files, plays.sort(LINE), bad, lines, _PROFILE_360K, "usersha1")


def _plays(
  path: Path,
  columns: tuple[str, ...],
  fields: Mapping[str, Field],
  together: list[pl.Expr],
  line: pl.Expr,
) -> tuple[pl.DataFrame, list[Bad], int]:
  """Returns a row per user and artist, the bad lines, and the number of others.

  Args:
    path: the file of plays.
    columns: its columns.
    fields: the columns to make of them.
    together: aggregates over the lines of a user and artist.
    line: the aggregate that chooses one of these lines.
  """
  schema = {LINE: pl.get_index_type(), **dict.fromkeys(columns, pl.String())}
  values, fault, reasons = checks(fields, schema)
  parts, faults, usable = [], Faults(path), 0
  for piece, wrong in unquoted_pieces(path, "\t", columns):
    # Lazy, so that a value and its fault share their computation.
    rows = piece.lazy().select(LINE, *values, fault.alias(FAULT))
    rows = rows.collect(engine="streaming")
    faults.add(f"not {len(columns)} fields", wrong)
    rows = faults.usable(rows, reasons)
    usable += rows.height
    pairs = rows.group_by(_PAIR).agg(*together, line)
    parts.append(pairs.with_columns(pl.col(_PAIR).cast(pl.Categorical)))
  if not usable:
    raise no_usable_row(path, faults.bad)
  # The lines of a pair may be in several pieces.
  again = [pl.col("plays").sum(), *together[1:], line]
  return pl.concat(parts).group_by(_PAIR).agg(*again), faults.bad, usable


def _raw(
  files: Mapping[str, Path],
  plays: pl.DataFrame,
  bad: list[Bad],
  lines: int,
  profile: tuple[str, ...] | None,
  user_id: str,
) -> Raw:
  names = plays["item"].unique(maintain_order=True)
  items = pl.DataFrame({"item_id": names, "title": names.cast(pl.String)})
  noted = {}
  if lines > plays.height:
    what = "lines merged with others of the same user and artist"
    noted["interactions"] = {what: lines - plays.height}
  users, bad_users = None, []
  if "users" in files:
    users, bad_users, odd = _users(files["users"], profile, user_id)
    noted["user_attributes"] = odd
  return Raw(
    plays.drop(LINE),
    items,
    users,
    {"interactions": bad, "user_attributes": bad_users},
    noted,
  )


def _users(
  path: Path, columns: tuple[str, ...] | None, user_id: str
) -> tuple[pl.DataFrame, list[Bad], dict[str, int]]:
  """Returns the profiles, the rows left out, and counts of odd values."""
  rows, short = read_unquoted(path, "\t", columns)
  fields = {name: Field(name) for name in ("gender", "age", "country")}
  fields = {"user_id": Field(user_id, required=True)} | fields
  users, bad = parse(rows, path, fields)
  # An age that is not a number counts as out of range.
  age = pl.col("age").cast(pl.Int32, strict=False)
  age = pl.when(pl.col("age").is_not_null()).then(age.fill_null(-1))
  users, noted = people.in_range(
    users.select(
      pl.col("user_id").cast(pl.Categorical),
      people.gender("gender").alias("gender"),
      age.alias("age"),
      "country",
    )
  )
  return users, short + bad, noted
