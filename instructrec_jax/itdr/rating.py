"""Instances of rating_prediction: a user's newest rating is predicted."""

import numpy as np
import polars as pl

from instructrec_jax.itdr.domains import Scale
from instructrec_jax.itdr.pairs import Pair
from instructrec_jax.itdr.tables import Tables, in_order


def eligible(tables: Tables, pair: Pair) -> np.ndarray:
  """Returns the users with enough ratings."""
  rated = tables.per("user", pl.col("rating").count())
  return rated.filter(pl.col("rating") >= pair.kind.least)["user"].to_numpy()


def instances(
  tables: Tables, users: np.ndarray, pair: Pair, rng: np.random.Generator
) -> pl.DataFrame:
  """Makes an instance of each user.

  Args:
    tables: the dataset's tables.
    users: codes of users that `eligible` returns.
    pair: the pair.
    rng: unused.

  Returns:
    In the order of `users`: user, history (titles with ratings, oldest first),
    item (the title to rate) and answer, the rating.
  """
  del rng
  rows = tables.of("user", users, ("rating",)).drop_nulls("rating")
  title = tables.items["title"].gather(rows["item"])
  rows = rows.select("user", title, rated=rating_text(pair.domain.rated))
  entry = pl.format("{} ({})", pl.col("title"), pl.col("rated"))
  made = rows.group_by("user", maintain_order=True).agg(
    history=entry.slice(0, pl.len() - 1).tail(pair.kind.history),
    item=pl.col("title").last(),
    answer=pl.col("rated").last(),
  )
  return in_order(users, made)


def rating_text(scale: Scale) -> pl.Expr:
  """Returns the ratings as text in the form of the scale."""
  rating = pl.col("rating").cast(pl.Float64)
  return (
    rating.round(1).cast(pl.String)
    if scale.step % 1
    else rating.round(0).cast(pl.Int64).cast(pl.String)
  )
