"""A table of ITDR's 33 pairs of a subtask and a dataset.

Each pair is a task of its own, `itdr_<subtask>_<dataset>`. Its row says how it
differs from other pairs of the subtask. The dataset provides the domain's words
(`domains.DOMAINS`).
"""

import dataclasses
from collections.abc import Mapping, Sequence

from instructrec_jax.itdr.domains import DOMAINS, Domain

PREFIX = "itdr_"


@dataclasses.dataclass(frozen=True)
class Subtask:
  """What is asked about a user or an item.

  Attributes:
    root: the root task, "interaction" or "understanding".
    history: the most entries of a history: the newest, or those liked most.
    least: the fewest interactions of a user or reviews of an item.
    candidates: number of titles to choose from.
    relevant: the most candidates that are held-out items of the user.
  """

  root: str
  history: int
  least: int
  candidates: int = 0
  relevant: int = 0


# From section 3 of the paper, which does not say how long histories are.
SUBTASKS: Mapping[str, Subtask] = {
  "rating_prediction": Subtask("interaction", history=20, least=6),
  "top_k": Subtask(
    "interaction", history=20, least=5, candidates=10, relevant=5
  ),
  "cross_domain": Subtask(
    "interaction", history=10, least=4, candidates=10, relevant=5
  ),
  "next_item": Subtask(
    "interaction", history=20, least=4, candidates=5, relevant=1
  ),
  "user_attributes": Subtask("understanding", history=20, least=3),
  "interests": Subtask("understanding", history=10, least=3),
  "target_users": Subtask("understanding", history=5, least=0),
}


@dataclasses.dataclass(frozen=True)
class Pair:
  """A subtask over a dataset.

  Attributes:
    subtask: a key of SUBTASKS.
    dataset: a key of `domains.DOMAINS`.
    size: the paper's instances of train, validation and test together.
    fields: attributes of users to predict, columns of the users table; or
      columns of the interactions that are shown beside items.
    across: pairs of tables, from one domain to another.
  """

  subtask: str
  dataset: str
  size: int = 6_250
  fields: tuple[str, ...] = ()
  across: tuple[tuple[str, str], ...] = ()

  @property
  def name(self) -> str:
    """The task's name without the prefix."""
    return f"{self.subtask}_{self.dataset}"

  @property
  def task(self) -> str:
    """The name of the SeqIO task, and of the records."""
    return PREFIX + self.name

  @property
  def domain(self) -> Domain:
    """The domain of the dataset."""
    return DOMAINS[self.dataset]

  @property
  def kind(self) -> Subtask:
    """The subtask's row of SUBTASKS."""
    return SUBTASKS[self.subtask]

  @property
  def tables(self) -> tuple[str, ...]:
    """The datasets of `normalize` that instances can be made from."""
    if self.across:
      return tuple(dict.fromkeys(name for two in self.across for name in two))
    return self.domain.tables


_ACROSS = (
  ("all_beauty_2023", "amazon_fashion_2023"),
  ("appliances_2023", "industrial_and_scientific_2023"),
  ("cds_and_vinyl_2023", "video_games_2023"),
  ("grocery_and_gourmet_food_2023", "home_and_kitchen_2023"),
)

_ROWS = (
  Pair("rating_prediction", "ml_32m"),
  Pair("rating_prediction", "book_crossing", 4_623),
  Pair("rating_prediction", "anime_2023"),
  Pair("rating_prediction", "yelp", 5_707),
  Pair("top_k", "amazon_2023", 5_276),
  Pair("top_k", "ml_32m"),
  Pair("top_k", "microlens"),
  Pair("top_k", "pixelrec"),
  Pair("top_k", "amazon_books_reviews"),
  Pair("top_k", "mind"),
  Pair("top_k", "anime_2023"),
  Pair("cross_domain", "amazon_2023", 4_118, across=_ACROSS),
  Pair("next_item", "amazon_2023", 5_830),
  Pair("next_item", "microlens"),
  Pair("next_item", "ml_32m"),
  Pair("next_item", "pixelrec"),
  Pair(
    "user_attributes", "lastfm_1k", 943, fields=("country", "gender", "age")
  ),
  Pair("user_attributes", "lastfm_360k", fields=("country", "gender", "age")),
  Pair(
    "user_attributes",
    "anime_2023",
    fields=("location", "gender", "birth_year"),
  ),
  Pair("user_attributes", "book_crossing", fields=("location", "age")),
  Pair(
    "user_attributes",
    "ml_1m",
    6_040,
    fields=("age_group", "gender", "occupation"),
  ),
  Pair("interests", "amazon_books_reviews", fields=("review",)),
  Pair("interests", "anime_2023", fields=("rating",)),
  Pair("interests", "steam", 6_228, fields=("hours", "review")),
  Pair("target_users", "amazon_2023", 6_300, fields=("review",)),
  Pair("target_users", "book_crossing"),
  Pair("target_users", "anime_2023"),
  Pair("target_users", "steam", fields=("review",)),
  Pair("target_users", "yelp", fields=("review",)),
  Pair("target_users", "microlens"),
  Pair("target_users", "pixelrec"),
  Pair("target_users", "ml_32m"),
  Pair("target_users", "mind"),
)
PAIRS: Mapping[str, Pair] = {pair.name: pair for pair in _ROWS}

# Attributes that are numbers, with the lowest and the highest that is believed;
# others are compared with the truth as text.
NUMBERS: Mapping[str, tuple[int, int]] = {
  "age": (5, 110),
  "birth_year": (1910, 2020),
}


def label(attribute: str) -> str:
  """Returns the name of an attribute in text."""
  return attribute.replace("_", " ")


def groups() -> Mapping[str, Sequence[str]]:
  """Returns each mixture's pairs, by the mixture's name after `itdr`."""
  found: dict[str, list[str]] = {"": list(PAIRS)}
  for name, pair in PAIRS.items():
    found.setdefault(pair.kind.root, []).append(name)
    found.setdefault(pair.subtask, []).append(name)
  return found
