"""Instances of target_users: which groups of users an item suits."""

import numpy as np
import polars as pl

from instructrec_jax.itdr import entries
from instructrec_jax.itdr.pairs import Pair
from instructrec_jax.itdr.tables import Tables, in_order

# Reviews with fewer words are not shown.
_LEAST_WORDS = 5


def _says_something() -> pl.Expr:
  return pl.col("review").str.count_matches(r"\S+") >= _LEAST_WORDS


def eligible(tables: Tables, pair: Pair) -> np.ndarray:
  """Returns the items with a review to show, or all if none are shown."""
  if "review" in pair.fields and "review" in tables.columns:
    said = tables.per("item", _says_something().sum().alias("reviews"))
    return said.filter(pl.col("reviews") > 0)["item"].to_numpy()
  return tables.items["item"].to_numpy()


def instances(
  tables: Tables, items: np.ndarray, pair: Pair, rng: np.random.Generator
) -> tuple[pl.DataFrame, pl.DataFrame]:
  """Makes an instance without an answer for each item.

  Args:
    tables: the dataset's tables.
    items: codes of items that `eligible` returns.
    pair: the pair.
    rng: unused.

  Returns:
    The instances in the order of `items`: user (the item's code), item (all its
    facts) and, if the pair shows them, beside (its newest reviews, newest
    last); and the teacher's input, see `teacher.protocol.AUDIENCE`.
  """
  del rng
  of_items = tables.items[items]
  asked = in_order(items).with_columns(entries.facts(of_items, pair.domain))
  names = ("categories", "brand", "description", "place", "year", "price")
  told = of_items.select(
    pl.col("item").alias("user"),
    "title",
    *(name for name in names if name in of_items.columns),
  )
  if "review" not in pair.fields:
    return asked, told
  rows = tables.of("item", items, ("review", "timestamp"))
  rows = rows.filter(_says_something()).sort(
    pl.col("^timestamp$"), maintain_order=True
  )
  rows = rows.select(
    "item",
    entry=entries.quoted(pl.col("review")),
    review=entries.cut(pl.col("review"), entries.TOLD_WORDS),
  )
  reviews = rows.group_by("item", maintain_order=True).agg(
    beside=pl.col("entry").tail(pair.kind.history),
    reviews=pl.col("review").tail(pair.kind.history),
  )
  reviews = reviews.rename({"item": "user"})

  def with_reviews(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    more = reviews.select("user", column)
    return frame.join(more, "user", "left", maintain_order="left")

  return with_reviews(asked, "beside"), with_reviews(told, "reviews")
