"""The built-in demo world: a shop with known tastes of its customers.

Two domains, board games and books, share customers. Every customer has two
favourite themes and a favourite kind, which appear in the titles of purchased
items. Sometimes a theme changes. Sometimes a customer buys a present, with the
theme of somebody else. Ratings, reviews and attributes follow from the same
facts.

A purchase is drawn from

  p(item) = (1 - gift) softmax(taste + popularity) + gift softmax(popularity)

over the items not bought yet, so p gives the best possible ranking of
candidates. Its two parts are written beside the files as the `optimum`, with
what a query tells of a purchase: baselines/planted.py ranks by them.
"""

import dataclasses
import math
from pathlib import Path

import numpy as np
import polars as pl

from instructrec_jax import artifacts
from instructrec_jax.data import planted

# The options with which `normalize` reads the files as the format `table`.
COLUMNS = {
  "rating_column": "rating",
  "review_column": "review",
  "summary_column": "summary",
  "category_column": "categories",
  "brand_column": "brand",
  "price_column": "price",
}
# By theme: its word in titles, and its nouns.
THEMES: dict[str, tuple[str, tuple[str, ...]]] = {
  "pirates": (
    "Pirate",
    ("Galleon", "Lagoon", "Doubloon", "Cutlass", "Parrot", "Compass"),
  ),
  "space": (
    "Space",
    ("Outpost", "Comet", "Rocket", "Nebula", "Station", "Probe"),
  ),
  "dragons": (
    "Dragon",
    ("Wyrm", "Hoard", "Egg", "Lair", "Scale", "Rider"),
  ),
  "trains": (
    "Railway",
    ("Engine", "Tunnel", "Junction", "Carriage", "Signal", "Depot"),
  ),
  "gardens": (
    "Garden",
    ("Orchard", "Meadow", "Rosebed", "Hedge", "Pond", "Greenhouse"),
  ),
  "detectives": (
    "Detective",
    ("Clue", "Alibi", "Motive", "Suspect", "Witness", "Cipher"),
  ),
  "robots": (
    "Robot",
    ("Automaton", "Circuit", "Factory", "Gearbox", "Sensor", "Antenna"),
  ),
  "knights": (
    "Knight",
    ("Castle", "Joust", "Banner", "Crown", "Shield", "Quest"),
  ),
  "oceans": (
    "Ocean",
    ("Reef", "Whale", "Harbour", "Trench", "Current", "Lighthouse"),
  ),
  "cooking": (
    "Kitchen",
    ("Recipe", "Banquet", "Pastry", "Feast", "Oven", "Spice"),
  ),
  "ghosts": (
    "Ghost",
    ("Manor", "Attic", "Phantom", "Crypt", "Candle", "Mirror"),
  ),
  "deserts": (
    "Desert",
    ("Dune", "Oasis", "Caravan", "Mirage", "Camel", "Nomad"),
  ),
}
# By domain: its kinds, each with a usual price in euros.
KINDS: dict[str, dict[str, float]] = {
  "board_games": {
    "Card Game": 15,
    "Dice Game": 12,
    "Jigsaw Puzzle": 18,
    "Strategy Game": 45,
    "Party Game": 25,
  },
  "books": {
    "Novel": 14,
    "Picture Book": 16,
    "Handbook": 22,
    "Story Collection": 12,
    "Atlas": 35,
  },
}
OCCUPATIONS = (
  "teacher", "nurse", "engineer", "student", "retired", "artist",
)  # fmt: skip
RECIPIENTS = ("son", "daughter", "sister", "father", "neighbour", "friend")

_THEME_GAIN = (4.6, 4.2)  # of the first and the second favourite theme
_KIND_GAIN = 2.0
_POPULARITY_SPREAD = 0.6
_GIFT = 0.08
_FORM = 2  # of the files; an older world is written again by --overwrite
_DRIFT = 0.3
_MEAN_RATING = (4.5, 3.0)  # of favourite themes and presents, and of others
_RATING_SPREAD = 0.7
_DAY = 86_400
_MINUTE = 60
_START = 1_577_836_800  # 2020-01-01 UTC, in seconds


@dataclasses.dataclass(frozen=True)
class World:
  """The raw tables of a world, by domain if they differ.

  Attributes:
    users: user_id, age (years), gender, occupation.
    items: item_id, title, categories (joined by "|"), brand, price (euros).
    interactions: user_id, item_id, timestamp (seconds), rating
      (1 to 5), review, summary.
    optimum: what the purchases were drawn with; see `write`.
  """

  users: pl.DataFrame
  items: dict[str, pl.DataFrame]
  interactions: dict[str, pl.DataFrame]
  optimum: dict[str, dict[str, np.ndarray]]


def world(num_users: int = 2000, num_items: int = 300, seed: int = 0) -> World:
  """Draws a world; the same arguments give the same world.

  Args:
    num_users: the number of customers.
    num_items: the number of items in each domain, at most 360.
    seed: the seed of all draws.
  """
  rng = np.random.default_rng(seed)
  users, occupation = _users(rng, num_users)
  items, facts = {}, {}
  for domain, kinds in KINDS.items():
    items[domain], facts[domain] = _items(rng, domain, kinds, num_items)
  interactions, optimum = _purchases(rng, occupation, items, facts)
  return World(users, items, interactions, optimum)


def simulate(
  out: Path,
  num_users: int = 2000,
  num_items: int = 300,
  seed: int = 0,
  overwrite: bool = False,
) -> artifacts.Manifest:
  """Writes a world into a folder that is complete or absent, see `write`.

  Args:
    out: the folder; its manifest counts the interactions of each domain.
    num_users: the number of customers.
    num_items: the number of items in each domain, at most 360.
    seed: the seed of all draws.
    overwrite: replace a world that was made with other options.

  Raises:
    InputError: `out` holds something else.
  """
  options = {"num_users": num_users, "num_items": num_items}

  def fill(folder: Path) -> dict[str, int]:
    made = write(folder, **options, seed=seed)
    return {domain: len(log) for domain, log in made.interactions.items()}

  return artifacts.run_stage(
    "simulate",
    out,
    fill,
    inputs={"form": _FORM},
    options=options,
    seed=seed,
    overwrite=overwrite,
  )


def write(out: Path, **options: int) -> World:
  """Writes a world as CSV files, in a folder for each domain.

  A folder holds interactions.csv, items.csv and users.csv for the source
  `table`, and optimum.npz:
    users, items    the ids
    theme           the theme of each item
    own, present    float32 [users, items], the probability that the user's last
                    purchase is the item, bought for oneself or as a present
    own_told, present_told  float32 [items], the expected number of purchases
                    before each user's last two whose reviews can tell a query

  Args:
    out: the folder; it is created if needed.
    **options: arguments of `world`.
  """
  made = world(**options)
  for domain, items in made.items.items():
    (out / domain).mkdir(parents=True, exist_ok=True)
    made.users.write_csv(out / domain / "users.csv")
    items.write_csv(out / domain / "items.csv")
    made.interactions[domain].write_csv(out / domain / "interactions.csv")
    np.savez_compressed(
      out / domain / "optimum.npz",
      users=made.users["user_id"].to_numpy().astype(str),
      items=items["item_id"].to_numpy().astype(str),
      **made.optimum[domain],
    )
  return made


def _users(
  rng: np.random.Generator, count: int
) -> tuple[pl.DataFrame, np.ndarray]:
  occupation = rng.integers(len(OCCUPATIONS), size=count)
  age = np.clip(rng.normal(38, 14, count), 12, 90).astype(int)
  retired = OCCUPATIONS.index("retired")
  age = np.where(occupation == retired, np.clip(age + 35, 60, 90), age)
  return (
    pl.DataFrame(
      {
        "user_id": [f"c{i:05d}" for i in range(count)],
        "age": age,
        "gender": rng.choice(["F", "M"], count),
        "occupation": np.array(OCCUPATIONS)[occupation],
      }
    ),
    occupation,
  )


def _items(
  rng: np.random.Generator, domain: str, kinds: dict[str, float], count: int
) -> tuple[pl.DataFrame, dict[str, np.ndarray]]:
  """Returns a domain's items, and the theme, kind and popularity of each."""
  every = [
    (theme, kind, f"{word} {noun} {kind_name}")
    for theme, (word, nouns) in enumerate(THEMES.values())
    for noun in nouns
    for kind, kind_name in enumerate(kinds)
  ]
  # Every theme has the same number of items, for any `count`.
  order = rng.permutation(len(every))
  rank_in_theme = np.zeros(len(every), int)
  for theme in range(len(THEMES)):
    of_theme = [i for i in order if every[i][0] == theme]
    rank_in_theme[of_theme] = np.arange(len(of_theme))
  # Ids in the order of themes would tell a customer's taste.
  chosen = rng.permutation(np.lexsort((order, rank_in_theme))[:count])
  theme = np.array([every[i][0] for i in chosen])
  kind = np.array([every[i][1] for i in chosen])
  theme_names, kind_names = np.array(list(THEMES)), np.array(list(kinds))
  usual = np.array(list(kinds.values()))[kind]
  table = pl.DataFrame(
    {
      "item_id": [f"{domain}-{i:04d}" for i in range(len(chosen))],
      "title": [every[i][2] for i in chosen],
      "categories": np.char.add(
        np.char.add(theme_names[theme], "|"), kind_names[kind]
      ),
      "brand": [f"{name.title()} & Co" for name in theme_names[theme]],
      "price": np.round(usual * rng.uniform(0.7, 1.4, len(chosen)), 2),
    }
  )
  popularity = rng.normal(0, _POPULARITY_SPREAD, len(chosen))
  return table, {"theme": theme, "kind": kind, "popularity": popularity}


def _softmax(logits: np.ndarray) -> np.ndarray:
  p = np.exp(logits - logits.max(-1, keepdims=True))
  return p / p.sum(-1, keepdims=True)


def _purchases(
  rng: np.random.Generator,
  occupation: np.ndarray,
  items: dict[str, pl.DataFrame],
  facts: dict[str, dict[str, np.ndarray]],
) -> tuple[dict[str, pl.DataFrame], dict[str, dict[str, np.ndarray]]]:
  """Draws the purchases, one after another, for all customers at once."""
  num_users, num_themes = len(occupation), len(THEMES)
  customers = _customers(rng, occupation)
  bought = {d: np.zeros((num_users, len(items[d])), bool) for d in items}
  optimum = {d: planted.Planted(num_users, len(items[d])) for d in items}
  day = rng.integers(0, 365, num_users)
  log = {d: [] for d in items}

  for step in range(customers.purchases.max()):
    drifts = customers.drift_at == step
    customers.themes[drifts, 1] = (
      customers.themes[drifts, 0] + rng.integers(1, num_themes, drifts.sum())
    ) % num_themes
    day = day + rng.geometric(0.1, num_users) - 1
    in_books = rng.random(num_users) < 0.35
    buys = step < customers.purchases
    for domain, users in (
      ("board_games", np.flatnonzero(buys & ~in_books)),
      ("books", np.flatnonzero(buys & in_books)),
    ):
      fact = facts[domain]
      own, present = _choices(fact, customers, users, bought[domain][users])
      own_part, present_part = (1 - _GIFT) * own, _GIFT * present
      optimum[domain].add(
        users, own_part, present_part, _satisfied(fact, customers, users)
      )
      is_gift = rng.random(len(users)) < _GIFT
      p = np.where(is_gift[:, None], present, own)
      chosen = (p.cumsum(1) < rng.random((len(users), 1))).sum(1)
      chosen = np.minimum(chosen, p.shape[1] - 1)
      bought[domain][users, chosen] = True
      log[domain].append(
        _told(rng, fact, customers, users, chosen, is_gift).with_columns(
          # Purchases of one day have an order too, which `optimum` is of.
          timestamp=_START + day[users] * _DAY + step * _MINUTE
        )
      )
  return (
    {d: _as_written(pl.concat(log[d]), items[d]) for d in items},
    {
      d: optimum[d].arrays(np.array(list(THEMES))[facts[d]["theme"]])
      for d in items
    },
  )


def _satisfied(
  fact: dict[str, np.ndarray], customers: "_Customers", users: np.ndarray
) -> np.ndarray:
  """Returns the probability of each item that its buyer rates it above 3."""
  liked = (fact["theme"] == customers.themes[users][..., None]).any(axis=1)
  above = [
    0.5 * math.erfc((3.5 - mean) / (_RATING_SPREAD * math.sqrt(2)))
    for mean in _MEAN_RATING
  ]
  return np.where(liked, *above)


@dataclasses.dataclass(frozen=True)
class _Customers:
  """The tastes of customers, and their numbers of purchases.

  Attributes:
    themes: [users, 2], the first and the second favourite.
    kind: [users], the favourite kind.
    purchases: [users], the number of purchases.
    drift_at: [users], the purchase before which the second theme changes.
  """

  themes: np.ndarray
  kind: np.ndarray
  purchases: np.ndarray
  drift_at: np.ndarray


def _customers(rng: np.random.Generator, occupation: np.ndarray) -> _Customers:
  count, num_themes = len(occupation), len(THEMES)
  everyone = np.arange(count)
  # An occupation prefers two themes; favourites are drawn without repeats.
  lean = np.zeros((count, num_themes))
  lean[everyone, occupation * 2 % num_themes] = 1
  lean[everyone, (occupation * 2 + 1) % num_themes] = 1
  themes = np.argsort(-(lean + rng.gumbel(size=lean.shape)), axis=1)[:, :2]
  kind = rng.integers(5, size=count)
  purchases = 14 + rng.poisson(8, count)
  drift_at = np.where(
    rng.random(count) < _DRIFT,
    rng.integers(3, purchases - 3),
    purchases.max() + 1,
  )
  return _Customers(themes, kind, purchases, drift_at)


def _choices(
  fact: dict[str, np.ndarray],
  customers: _Customers,
  users: np.ndarray,
  bought: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
  """Returns p(item) of purchases for oneself, and of presents.

  Args:
    fact: the facts of each item of a domain.
    customers: all customers.
    users: [n], the buyers.
    bought: [n, items], whether the buyer has the item already.
  """
  taste = fact["popularity"] + _KIND_GAIN * (
    fact["kind"] == customers.kind[users, None]
  )
  for place, gain in enumerate(_THEME_GAIN):
    favourite = customers.themes[users, place, None]
    taste = taste + gain * (fact["theme"] == favourite)
  unavailable = np.where(bought, -np.inf, 0)
  # A present may have any theme, so only popularity decides.
  present = fact["popularity"] + unavailable
  return _softmax(taste + unavailable), _softmax(present)


def _told(
  rng: np.random.Generator,
  fact: dict[str, np.ndarray],
  customers: _Customers,
  users: np.ndarray,
  chosen: np.ndarray,
  is_gift: np.ndarray,
) -> pl.DataFrame:
  """Returns purchases with ratings and the facts for their reviews."""
  theme = fact["theme"][chosen]
  liked = (theme[:, None] == customers.themes[users]).any(1) | is_gift
  rating = np.round(rng.normal(np.where(liked, *_MEAN_RATING), _RATING_SPREAD))
  return pl.DataFrame(
    {
      "user": users,
      "item": chosen,
      "rating": np.clip(rating, 1, 5),
      "theme": theme,
      "gift": is_gift,
      "recipient": rng.integers(len(RECIPIENTS), size=len(users)),
      "wording": rng.integers(3, size=len(users)),
    }
  )


def _as_written(log: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
  """Turns codes into ids, and facts into review texts."""
  gifts, own, cold = _wordings(items)
  disliked = pl.col("rating") <= 3
  return log.select(
    pl.format("c{}", pl.col("user").cast(pl.String).str.zfill(5)).alias(
      "user_id"
    ),
    pl.lit(items["item_id"]).gather(pl.col("item")).alias("item_id"),
    "timestamp",
    pl.col("rating").cast(pl.Int32),
    pl.when("gift")
    .then(_worded(gifts))
    .when(disliked)
    .then(cold)
    .otherwise(_worded(own))
    .alias("review"),
    pl.when("gift")
    .then(pl.lit("A present"))
    .when(disliked)
    .then(pl.lit("Not my thing"))
    .otherwise(pl.lit("Just right"))
    .alias("summary"),
  )


def _wordings(
  items: pl.DataFrame,
) -> tuple[tuple[pl.Expr, ...], tuple[pl.Expr, ...], pl.Expr]:
  """Returns reviews of presents, of liked items, and of disliked items."""
  theme = pl.lit(pl.Series(list(THEMES))).gather(pl.col("theme"))
  recipient = pl.lit(pl.Series(RECIPIENTS)).gather(pl.col("recipient"))
  title = pl.lit(items["title"]).gather(pl.col("item"))
  gifts = (
    pl.format("Bought {} as a present for my {}, who loves {}.", title,
              recipient, theme),
    pl.format("My {} is mad about {}, so this was an easy choice.", recipient,
              theme),
    pl.format("A birthday gift for my {}. Anything with {} is a hit.",
              recipient, theme),
  )  # fmt: skip
  own = (
    pl.format("I can't get enough of {}, and {} did not let me down.", theme,
              title),
    pl.format("Looking for something about {} for quiet evenings, I found "
              "this.", theme),
    pl.format("Another one for my {} shelf.", theme),
  )  # fmt: skip
  cold = pl.format("I tried {} for a change, but {} is not for me.", title,
                   theme)  # fmt: skip
  return gifts, own, cold


def _worded(texts: tuple[pl.Expr, ...]) -> pl.Expr:
  """Returns the text whose number is in the column `wording`."""
  return (
    pl.when(pl.col("wording") == 0)
    .then(texts[0])
    .when(pl.col("wording") == 1)
    .then(texts[1])
    .otherwise(texts[2])
  )
