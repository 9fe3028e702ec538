"""The domain of each of ITDR's datasets, and the words for it."""

import dataclasses
from collections.abc import Mapping

import numpy as np


@dataclasses.dataclass(frozen=True)
class Scale:
  """A dataset's rating scale.

  Attributes:
    low: the lowest rating.
    high: the highest rating.
    step: the difference between neighbouring ratings.
  """

  low: float
  high: float
  step: float = 1.0

  @property
  def ratings(self) -> tuple[float, ...]:
    """All ratings, the lowest first."""
    count = round((self.high - self.low) / self.step) + 1
    return tuple(np.linspace(self.low, self.high, count).tolist())

  def text(self, rating: float) -> str:
    """Returns a rating as text, with a decimal if the step has one."""
    return f"{rating:.1f}" if self.step % 1 else f"{rating:.0f}"


@dataclasses.dataclass(frozen=True)
class Domain:
  """A dataset of ITDR.

  Attributes:
    tables: the datasets of `normalize` that it consists of.
    kind: the teacher's kind of item, a key of
      `teacher.rules.lexicon.things.THINGS`.
    thing: the word for an item.
    things: the plural of `thing`.
    person: the word for a user.
    had: what users did with items, as a participle.
    have: the same, as an infinitive.
    facts: the facts shown beside an item's title, in order: the column of the
      items table, and its label.
    scale: the rating scale; None if there are no ratings.
    amount: for data without ratings, the column of the interactions that says
      how much a user likes an item, and the name of its unit.
    ordered: whether interactions are in the order of time, not only in the
      order of a file.
  """

  tables: tuple[str, ...]
  kind: str
  thing: str
  things: str
  person: str
  had: str
  have: str
  facts: Mapping[str, str]
  scale: Scale | None = None
  amount: tuple[str, str] | None = None
  ordered: bool = True

  @property
  def rated(self) -> Scale:
    """The scale, where what is asked takes one."""
    if self.scale is None:
      raise ValueError(f"the domain of {self.things} has no ratings")
    return self.scale

  def words(self) -> dict[str, str]:
    """Returns the words that wordings use for the domain, by name."""
    scale = self.scale
    return {
      "thing": self.thing,
      "things": self.things,
      "person": self.person,
      "had": self.had,
      "have": self.have,
      "newest_last": ", newest last" if self.ordered else "",
      "low": scale.text(scale.low) if scale else "",
      "high": scale.text(scale.high) if scale else "",
    }


AMAZON_CATEGORIES = (
  "appliances",
  "arts_crafts_and_sewing",
  "baby_products",
  "all_beauty",
  "cds_and_vinyl",
  "amazon_fashion",
  "grocery_and_gourmet_food",
  "home_and_kitchen",
  "industrial_and_scientific",
  "musical_instruments",
  "software",
  "video_games",
)
_MOVIE = {
  "kind": "movie",
  "thing": "movie",
  "things": "movies",
  "person": "viewer",
  "had": "watched",
  "have": "watch",
  "facts": {"categories": "Genres", "year": "Year"},
}
_BOOK = {
  "kind": "book",
  "thing": "book",
  "things": "books",
  "person": "reader",
  "had": "read",
  "have": "read",
  "facts": {
    "brand": "Author",
    "categories": "Categories",
    "year": "Year",
    "description": "About",
  },
}
_ARTIST = {
  "kind": "music",
  "thing": "artist",
  "things": "artists",
  "person": "listener",
  "had": "listened to",
  "have": "listen to",
  "facts": {},
  "amount": ("plays", "plays"),
}

DOMAINS: Mapping[str, Domain] = {
  "ml_32m": Domain(("ml_32m",), **_MOVIE, scale=Scale(0.5, 5, 0.5)),
  "ml_1m": Domain(("ml_1m",), **_MOVIE, scale=Scale(1, 5)),
  "book_crossing": Domain(
    ("book_crossing",), **_BOOK, scale=Scale(1, 10), ordered=False
  ),
  "amazon_books_reviews": Domain(
    ("amazon_books_reviews",), **_BOOK, scale=Scale(1, 5)
  ),
  "anime_2023": Domain(
    ("anime_2023",),
    kind="anime",
    thing="anime",
    things="anime",
    person="viewer",
    had="watched",
    have="watch",
    facts={
      "categories": "Genres",
      "brand": "Studio",
      "year": "Year",
      "description": "Plot",
    },
    scale=Scale(1, 10),
    ordered=False,
  ),
  "yelp": Domain(
    ("yelp",),
    kind="business",
    thing="place",
    things="places",
    person="guest",
    had="visited",
    have="visit",
    facts={"place": "City", "categories": "Kinds"},
    scale=Scale(1, 5),
  ),
  "amazon_2023": Domain(
    tuple(f"{category}_2023" for category in AMAZON_CATEGORIES),
    kind="product",
    thing="product",
    things="products",
    person="customer",
    had="bought",
    have="buy",
    facts={
      "categories": "Categories",
      "brand": "Brand",
      "price": "Price",
      "description": "About",
    },
    scale=Scale(1, 5),
  ),
  "microlens": Domain(
    ("microlens_100k",),
    kind="video",
    thing="short video",
    things="short videos",
    person="viewer",
    had="watched",
    have="watch",
    facts={},
  ),
  "pixelrec": Domain(
    ("pixelrec_200k",),
    kind="video",
    thing="post",
    things="posts",
    person="visitor",
    had="opened",
    have="open",
    facts={"categories": "Tags", "description": "About"},
  ),
  "mind": Domain(
    ("mind_small",),
    kind="news",
    thing="news article",
    things="news articles",
    person="reader",
    had="read",
    have="read",
    facts={"categories": "Sections", "description": "Abstract"},
  ),
  "steam": Domain(
    ("steam",),
    kind="game",
    thing="game",
    things="games",
    person="player",
    had="played",
    have="play",
    facts={
      "categories": "Genres",
      "brand": "Developer",
      "year": "Year",
      "price": "Price",
    },
    amount=("hours", "hours"),
  ),
  "lastfm_1k": Domain(("lastfm_1k",), **_ARTIST),
  "lastfm_360k": Domain(("lastfm_360k",), **_ARTIST, ordered=False),
}
