"""Made-up tables of all thirteen datasets, as `normalize` writes them."""

from pathlib import Path

import numpy as np
import polars as pl

from instructrec_jax import artifacts, schema
from instructrec_jax.data.names import generator, tables_dir
from instructrec_jax.itdr.domains import DOMAINS
from instructrec_jax.itdr.pairs import PAIRS

_ADJECTIVES = ("Silent", "Golden", "Hidden", "Last", "Crimson")
_NOUNS = ("Garden", "Recipe", "Guitar", "Football", "Puppy")
_LABELS = ("Adventure", "Cooking", "Mystery", "Music")
_REVIEWS = (
  "My nephew loved it and so did I, a great gift for his birthday.",
  "Too slow for my taste, but my wife enjoyed the music very much.",
  "Perfect for long evenings at home with friends and good food.",
)
_ATTRIBUTES = {
  "age": (17, 25, 33, 48, 61),
  "age_group": ("18-24", "25-34", "35-44"),
  "birth_year": (1970, 1985, 1999),
  "country": ("Japan", "Germany"),
  "gender": ("female", "male"),
  "location": ("Oslo", "seattle, washington, usa"),
  "occupation": ("farmer", "writer"),
}
_FACTS = {
  "brand": ("Anna Vale", "Otto Berg", None),
  "description": ("A tale of friends who look for treasure at sea.", None),
  "place": ("Phoenix, AZ", "Tampa, FL"),
  "price": (5.0, 19.99, None),
  "year": (1961, 1994, 2015),
}
_WITH_REVIEWS = ("yelp", "steam", "amazon_books_reviews")


def write(data_dir: Path, users: int = 90, items: int = 60) -> None:
  """Writes tables of every dataset that pairs are made of."""
  for name in dict.fromkeys(
    table for domain in DOMAINS.values() for table in domain.tables
  ):
    write_one(data_dir, name, users, items)


def write_one(data_dir: Path, name: str, users: int, items: int) -> None:
  """Writes the tables of one dataset; a user has 5 to 12 interactions."""
  domain = next(d for d in DOMAINS.values() if name in d.tables)
  amazon = name in DOMAINS["amazon_2023"].tables
  rng = generator(0, "made up", name)
  counts = rng.integers(5, 13, users)
  user = np.repeat(np.arange(users), counts)
  item = np.concatenate([rng.choice(items, n, replace=False) for n in counts])
  rows = {"user": user, "item": item}
  if domain.scale is not None:
    rows["rating"] = rng.choice(domain.scale.ratings, user.size)
  if domain.ordered:
    rows["timestamp"] = np.arange(user.size)
  if amazon or name in _WITH_REVIEWS:
    rows["review"] = rng.choice(_REVIEWS, user.size)
  if domain.amount is not None:
    rows[domain.amount[0]] = rng.integers(1, 400, user.size)
  catalogue = {
    "item": np.arange(items),
    "item_id": [f"{name}/{i}" for i in range(items)],
    "title": [
      f"{rng.choice(_ADJECTIVES)} {rng.choice(_NOUNS)} {i}"
      for i in range(items)
    ],
  }
  for fact in domain.facts:
    if fact == "categories":
      labels = [rng.permutation(_LABELS)[:2].tolist() for _ in range(items)]
      catalogue[fact] = labels
    else:
      choices = _FACTS[fact]
      catalogue[fact] = [choices[i % len(choices)] for i in range(items)]
  people = {
    "user": np.arange(users),
    "user_id": [f"u{i}" for i in range(users)],
  }
  for attribute in sorted(
    {
      field
      for pair in PAIRS.values()
      if pair.subtask == "user_attributes" and name in pair.tables
      for field in pair.fields
    }
  ):
    values = [*_ATTRIBUTES[attribute], None]
    people[attribute] = [
      values[rng.integers(len(values))] for _ in range(users)
    ]

  def tables(folder: Path) -> dict:
    for table, columns in (
      ("interactions", rows),
      ("items", catalogue),
      ("users", people),
    ):
      frame = schema.conform(pl.DataFrame(columns, strict=False), table)
      frame.write_parquet(folder / f"{table}.parquet")
    return {}

  artifacts.run_stage(
    "normalize",
    tables_dir(data_dir, name),
    tables,
    inputs={},
    options={"dataset": name},
  )
