"""What items are, and what people who have to do with them are called."""

import dataclasses
from collections.abc import Mapping

import polars as pl

from instructrec_jax import errors


@dataclasses.dataclass(frozen=True)
class Thing:
  """Words for items of one sort.

  Attributes:
    many: of several items.
    people: those whom it is for.
    using: what they do with it.
  """

  many: str
  people: str
  using: str


THINGS: Mapping[str, Thing] = {
  "book": Thing("books", "readers", "read"),
  "movie": Thing("films", "viewers", "watch"),
  "anime": Thing("anime", "viewers", "watch"),
  "game": Thing("games", "players", "play"),
  "music": Thing("music", "listeners", "listen to"),
  "business": Thing("places", "customers", "visit"),
  "video": Thing("videos", "viewers", "watch"),
  "news": Thing("articles", "readers", "read"),
  "product": Thing("products", "customers", "buy"),
}
# Where nothing says what items are.
_ANY = Thing("things", "people", "choose")


def words(requests: pl.DataFrame) -> dict[str, pl.Expr]:
  """Returns the words of each Thing's attributes, for the column `thing`.

  Raises:
    InputError: it names another sort.
  """
  if "thing" not in requests.columns:
    return {
      f.name: pl.lit(getattr(_ANY, f.name)) for f in dataclasses.fields(Thing)
    }
  for name in requests["thing"].unique().drop_nulls():
    if name not in THINGS:
      raise errors.unknown("thing", name, THINGS)
  return {
    f.name: pl.col("thing").replace_strict(
      {name: getattr(thing, f.name) for name, thing in THINGS.items()},
      default=getattr(_ANY, f.name),
    )
    for f in dataclasses.fields(Thing)
  }
