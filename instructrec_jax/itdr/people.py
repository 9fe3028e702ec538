"""Instances about a user's person: user_attributes and interests."""

import numpy as np
import polars as pl

from instructrec_jax.itdr import entries, rating
from instructrec_jax.itdr.pairs import Pair, label
from instructrec_jax.itdr.tables import Tables, in_order

# One disliked item is shown for this many liked ones.
_DISLIKED_SHARE = 2


def eligible_by_attributes(tables: Tables, pair: Pair) -> np.ndarray:
  """Returns the users with a known attribute and enough interactions."""
  there = attributes_of(tables, pair)
  known = tables.users.filter(
    pl.any_horizontal(pl.col(name).is_not_null() for name in there)
  )
  shown = pl.col("rating").count() if _is_rated(tables, pair) else pl.len()
  counts = tables.per("user", shown.alias("shown"))
  enough = counts.filter(pl.col("shown") >= pair.kind.least)
  return known.join(enough, on="user", how="semi")["user"].to_numpy()


def _is_rated(tables: Tables, pair: Pair) -> bool:
  return pair.domain.scale is not None and "rating" in tables.columns


def attributes_of(tables: Tables, pair: Pair) -> list[str]:
  """Returns the pair's attributes that the tables have."""
  return [name for name in pair.fields if name in tables.users.columns]


def attributes(
  tables: Tables, users: np.ndarray, pair: Pair, rng: np.random.Generator
) -> pl.DataFrame:
  """Makes an instance of each user: the items they like, and their attributes.

  Args:
    tables: the dataset's tables.
    users: codes of users that `eligible_by_attributes` returns.
    pair: the pair.
    rng: unused.

  Returns:
    In the order of `users`: user; history, the liked items with their kinds
    (the newest of those rated at least the user's mean; without ratings, those
    liked most, the most liked last); and answer, the known attributes, e.g.
    "age group: 25-34, gender: male".
  """
  del rng
  rows = with_liking(tables, users, pair).filter("liked")
  entry = entries.liked(tables.items).gather(rows["item"])
  history = (
    rows.with_columns(entry)
    .group_by("user", maintain_order=True)
    .agg(history=pl.col("entry").tail(pair.kind.history))
  )
  told = [
    pl.format(f"{label(name)}: {{}}", pl.col(name))
    for name in attributes_of(tables, pair)
  ]
  answer = tables.users.select(
    "user", answer=pl.concat_str(told, separator=", ", ignore_nulls=True)
  )
  return in_order(users, history, answer)


def with_liking(tables: Tables, users: np.ndarray, pair: Pair) -> pl.DataFrame:
  """Returns the users' rows with `liked`, whether the user likes the item.

  A liked item is rated at least the user's mean. Without ratings, all items of
  a user are liked, and the rows are ordered from the least to the most liked if
  the domain has an `amount`; otherwise their order is kept.
  """
  domain = pair.domain
  amount = domain.amount[0] if domain.amount else None
  columns = {"rating", "review"} | ({amount} if amount else set())
  rows = tables.of("user", users, sorted(columns))
  if _is_rated(tables, pair):
    rows = rows.drop_nulls("rating")
    return rows.with_columns(
      liked=pl.col("rating") >= pl.col("rating").mean().over("user")
    )
  if amount in rows.columns:
    rows = rows.sort("user", amount, nulls_last=False, maintain_order=True)
  return rows.with_columns(liked=pl.lit(True))


def eligible_by_interests(tables: Tables, pair: Pair) -> np.ndarray:
  """Returns users with enough liked and, with ratings, disliked items."""
  if pair.domain.scale is None:
    counts = tables.per("user", pl.len().alias("liked"))
  else:
    value = pl.col("rating")
    counts = tables.per(
      "user",
      (value >= value.mean()).sum().alias("liked"),
      (value < value.mean()).sum().alias("disliked"),
    ).filter(pl.col("disliked") > 0)
  return counts.filter(pl.col("liked") >= pair.kind.least)["user"].to_numpy()


def interests(
  tables: Tables, users: np.ndarray, pair: Pair, rng: np.random.Generator
) -> tuple[pl.DataFrame, pl.DataFrame]:
  """Makes an instance without an answer for each user.

  Args:
    tables: the dataset's tables.
    users: codes of users that `eligible_by_interests` returns.
    pair: the pair.
    rng: unused.

  Returns:
    The instances in the order of `users`: user, history (liked items) and, if
    there are ratings, beside (disliked items), each with the user's opinion;
    and the teacher's input, see `teacher.protocol.INTEREST`.
  """
  del rng
  rows = with_liking(tables, users, pair)
  limit = pl.when("liked").then(pair.kind.history)
  limit = limit.otherwise(pair.kind.history // _DISLIKED_SHARE)
  from_newest = pl.int_range(pl.len(), 0, -1).over("user", "liked")
  rows = rows.filter(from_newest <= limit)
  shown = rows.with_columns(
    entry=_said(rows.with_columns(tables.items["title"].gather(rows["item"])),
                pair)
  )  # fmt: skip
  lists = shown.group_by("user", maintain_order=True).agg(
    history=pl.col("entry").filter("liked"),
    beside=pl.col("entry").filter(~pl.col("liked")),
  )
  if pair.domain.scale is None:
    lists = lists.drop("beside")
  return in_order(users, lists), in_order(users, _told(tables, rows))


def _told(tables: Tables, rows: pl.DataFrame) -> pl.DataFrame:
  """Returns the teacher's input for the rows, with lists by user."""
  of_items = [
    name
    for name in ("title", "categories", "brand")
    if name in tables.items.columns
  ]
  of_rows = [
    name for name in ("rating", "hours", "review") if name in rows.columns
  ]
  frame = rows.select("user", "liked", *of_rows).hstack(
    tables.items.select(of_items)[rows["item"]]
  )
  if "review" in of_rows:
    said = entries.cut(pl.col("review"), entries.TOLD_WORDS)
    frame = frame.with_columns(review=said)
  return frame.group_by("user", maintain_order=True).agg(pl.exclude("user"))


def _said(rows: pl.DataFrame, pair: Pair) -> pl.Series:
  """Returns titles with the users' opinions in the form that a pair shows."""
  number = {
    "rating": lambda: rating.rating_text(pair.domain.rated),
    "hours": lambda: pl.format(
      "{} hours", pl.col("hours").round(1).cast(pl.String)
    ),
  }
  text = pl.col("title")
  for name in pair.fields:
    if name in number and name in rows.columns:
      with_number = pl.format("{} ({})", text, number[name]())
      text = pl.coalesce(with_number, text)
    elif name == "review" and name in rows.columns:
      text = pl.coalesce(
        pl.format("{}: {}", text, entries.quoted(pl.col("review"))), text
      )
  return rows.select(text.alias("entry"))["entry"]
