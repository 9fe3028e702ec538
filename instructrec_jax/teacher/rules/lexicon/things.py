"""Words for kinds of items and for their users."""

import dataclasses
from collections.abc import Mapping

import polars as pl

from instructrec_jax import errors


@dataclasses.dataclass(frozen=True)
class Thing:
  """Words for one kind of item.

  Attributes:
    many: the plural of the item.
    people: its users.
    using: the verb for using an item.
    seeking: the verb for liking or wanting such items.
    pattern: turns labels into kinds of the item; {} stands for the labels.
  """

  many: str
  people: str
  using: str
  seeking: str = "like"
  pattern: str = "{}"


THINGS: Mapping[str, Thing] = {
  "book": Thing("books", "readers", "read", pattern="books on {}"),
  "movie": Thing("films", "viewers", "watch", pattern="{} films"),
  "anime": Thing("anime", "viewers", "watch", pattern="{} anime"),
  "game": Thing("games", "players", "play", pattern="{} games"),
  "music": Thing("music", "listeners", "listen to"),
  "business": Thing("places", "customers", "visit", "look for"),
  "video": Thing("videos", "viewers", "watch", pattern="videos on {}"),
  "news": Thing("articles", "readers", "read", "follow", "{} news"),
  "product": Thing("products", "customers", "buy", "look for"),
}
# Used if the kind of items is unknown.
_ANY = Thing("things", "people", "choose")
_SEVERAL = r"\b(puzzle|card|book|novel|toy|tool|album|magazine|shoe)s\b"
_WORDS = ("many", "people", "using", "seeking")
# Kinds of writing, which are not what a book is about.
_WRITING = (
  r"(?:non)?fiction|novels?|poetry|stories|literature|literary .*|biograph.*|"
  r"drama|comics.*|plays|memoirs?|manga|fantasy|romance|thrillers?|tales"
)


def column(requests: pl.DataFrame) -> pl.Expr:
  """Returns the column `thing` of requests, or nulls without it."""
  there = "thing" in requests.columns
  return pl.col("thing") if there else pl.lit(None, pl.String)


def kinds(labels: pl.Expr) -> pl.Expr:
  """Returns labels worded as kinds of the column `thing`."""
  labels = said = labels.str.replace(r"\b(game|film|book|video)$", "${1}s")
  for name, thing in THINGS.items():
    plain = labels.str.contains(rf"\b(?:{_WRITING})$") & (name == "book")
    plain = plain | labels.str.contains(rf"\b{thing.many.rstrip('s')}s?$")
    before, _, after = thing.pattern.partition("{}")
    # "Puzzles" becomes "puzzle games".
    one = labels.str.replace_all(_SEVERAL, "$1") if after else labels
    put = pl.lit(before) + one.str.strip_suffix(after) + pl.lit(after)
    put = put.str.replace("children films", "children's films")
    said = pl.when((pl.col("thing") == name) & ~plain).then(put).otherwise(said)
  return said


def words(requests: pl.DataFrame) -> dict[str, pl.Expr]:
  """Returns a Thing's words, by attribute, for the column `thing`.

  Raises:
    InputError: it names another sort.
  """
  if "thing" not in requests.columns:
    return {word: pl.lit(getattr(_ANY, word)) for word in _WORDS}
  for name in requests["thing"].unique().drop_nulls():
    if name not in THINGS:
      raise errors.unknown("thing", name, THINGS)
  return {
    word: pl.col("thing").replace_strict(
      {name: getattr(thing, word) for name, thing in THINGS.items()},
      default=getattr(_ANY, word),
    )
    for word in _WORDS
  }
