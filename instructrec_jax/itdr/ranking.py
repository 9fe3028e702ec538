"""Instances that rank candidates: top_k, cross_domain, next_item.

The newest items of a user are held out and the items before them are the
history. The other candidates are drawn uniformly from the items that the user
has never had.
"""

import numpy as np
import polars as pl

from instructrec_jax.data.candidates import draw
from instructrec_jax.itdr.pairs import Pair
from instructrec_jax.itdr.tables import Tables, in_order

# The fewest items that remain in a history.
_KEPT = 2


def eligible(tables: Tables, pair: Pair) -> np.ndarray:
  """Returns the users with enough interactions."""
  counts = tables.per("user", pl.len())
  return counts.filter(pl.col("len") >= pair.kind.least)["user"].to_numpy()


def instances(
  tables: Tables, users: np.ndarray, pair: Pair, rng: np.random.Generator
) -> pl.DataFrame:
  """Makes an instance of each user.

  Args:
    tables: the dataset's tables.
    users: codes of users that `eligible` returns.
    pair: the pair.
    rng: draws the other candidates and the order in which all are shown.

  Returns:
    In the order of `users`: user, history (titles, oldest first), candidates
    (titles), candidate_items, relevant_items (codes, best first: by rating if
    the dataset has a scale, then by time), and answer: the titles in order, or
    the one title.
  """
  rows = _with_held_out(tables, users, pair)
  history = (
    rows.filter(~pl.col("held_out"))
    .group_by("user", maintain_order=True)
    .agg(history=pl.col("title").tail(pair.kind.history))
  )
  shown = _candidates(tables, rows, pair, rng)
  return in_order(users, history, shown)


def _with_held_out(
  tables: Tables, users: np.ndarray, pair: Pair
) -> pl.DataFrame:
  """Returns the users' rows with `title` and `held_out`.

  `count` is the number of held-out rows of the user.
  """
  rows = tables.of("user", users, ("rating",))
  # A user with few interactions has fewer held out, to keep a history.
  count = (pl.len().over("user") - _KEPT).cast(pl.Int64)
  rows = rows.with_columns(
    tables.items["title"].gather(rows["item"]),
    count=count.clip(1, pair.kind.relevant),
    to_end=pl.int_range(pl.len(), 0, -1).over("user"),
  )
  return rows.with_columns(held_out=pl.col("to_end") <= pl.col("count"))


def _drawn(
  tables: Tables, rows: pl.DataFrame, pair: Pair, rng: np.random.Generator
) -> pl.DataFrame:
  """Returns `user` and `item` of the drawn candidates."""
  last = rows.group_by("user", maintain_order=True).agg(
    pl.col("item", "count").last()
  )
  users, targets = (last[name].to_numpy() for name in ("user", "item"))
  targets = targets.astype(np.int64)
  wanted = pair.kind.candidates - last["count"].to_numpy()
  met = tuple(rows[name].to_numpy() for name in ("user", "item"))
  titles = tables.items["title"].rank("dense").to_numpy().astype(np.int64) - 1
  lists, _ = draw.draw(
    rng,
    users,
    targets,
    met,
    tables.items.height,
    int(wanted.max()),
    titles=titles,
  )
  # Any subset of draws without replacement is itself a uniform draw.
  others = lists[lists != targets[:, None]].reshape(users.size, -1)
  taken = np.arange(others.shape[1]) < wanted[:, None]
  return pl.DataFrame(
    {"user": np.repeat(users, wanted), "item": others[taken]},
    schema={"user": pl.UInt32, "item": pl.UInt32},
  )


def _candidates(
  tables: Tables, rows: pl.DataFrame, pair: Pair, rng: np.random.Generator
) -> pl.DataFrame:
  """Returns each user's candidates and the relevant ones among them."""
  right = rows.filter("held_out")
  if pair.domain.scale is not None and "rating" in rows.columns:
    right = right.sort(
      "user",
      "rating",
      descending=[False, True],
      nulls_last=True,
      maintain_order=True,
    )
  every = pl.concat(
    [
      right.select("user", "item", wrong=False),
      _drawn(tables, rows, pair, rng).with_columns(wrong=True),
    ]
  )
  every = every.with_columns(
    tables.items["title"].gather(every["item"]),
    pl.col("item").cast(pl.Int64),
    shown=rng.random(every.height),
  )
  in_list = (
    every.sort("user", "shown")
    .group_by("user", maintain_order=True)
    .agg(candidates="title", candidate_items="item")
  )
  # Relevant items keep their order; the others follow in the order shown.
  place = pl.when("wrong").then("shown").otherwise(0.0)
  in_truth = every.sort("user", "wrong", place, maintain_order=True)
  several = pair.kind.relevant > 1
  truth = in_truth.group_by("user", maintain_order=True).agg(
    relevant_items=pl.col("item").filter(~pl.col("wrong")),
    answer=numbered("title") if several else pl.col("title").first(),
  )
  return in_list.join(truth, on="user", maintain_order="left")


def across(
  source: Tables,
  market: Tables,
  users: np.ndarray,
  pair: Pair,
  rng: np.random.Generator,
) -> pl.DataFrame:
  """Makes an instance of each user who is active in two domains.

  Args:
    source: tables of the other domain.
    market: tables of the domain of the candidates.
    users: codes in `market` of users that `eligible_across` returns.
    pair: the pair.
    rng: as in `instances`.

  Returns:
    The columns of `instances`, with beside (titles of the other domain) and
    the names of both domains, source and market.
  """
  asked = instances(market, users, pair, rng)
  there = _same(source, market).filter(pl.col("market").is_in(asked["user"]))
  rows = source.of("user", there["source"].to_numpy())
  rows = rows.with_columns(source.items["title"].gather(rows["item"]))
  beside = rows.group_by("user", maintain_order=True).agg(
    beside=pl.col("title").tail(pair.kind.history)
  )
  beside = there.join(beside, left_on="source", right_on="user").select(
    "beside", user="market"
  )
  return asked.join(beside, "user", "left", maintain_order="left").with_columns(
    source=pl.lit(domain_name(source.dataset)),
    market=pl.lit(domain_name(market.dataset)),
  )


def eligible_across(source: Tables, market: Tables, pair: Pair) -> np.ndarray:
  """Returns codes in `market` of users with enough interactions in both."""
  both = _same(source, market)
  enough = (
    pl.DataFrame({name: eligible(tables, pair)})
    for name, tables in (("source", source), ("market", market))
  )
  for one in enough:
    both = both.join(one, on=one.columns, how="semi", maintain_order="left")
  return both["market"].to_numpy()


def _same(source: Tables, market: Tables) -> pl.DataFrame:
  """Returns the codes of users in both domains: `source`, `market`."""
  users = market.users.select("user_id", market="user")
  return users.join(
    source.users.select("user_id", source="user"),
    on="user_id",
    maintain_order="left",
  ).select("source", "market")


def domain_name(dataset: str) -> str:
  """Returns the name of a dataset's shop category, e.g. "CDs and Vinyl"."""
  words = dataset.rpartition("_")[0].split("_")
  return " ".join(
    word if word == "and" else "CDs" if word == "cds" else word.capitalize()
    for word in words
  )


def numbered(column: str) -> pl.Expr:
  """Returns a group's texts as one numbered list: "1. A; 2. B"."""
  return pl.format(
    "{}. {}", pl.int_range(1, pl.len() + 1), pl.col(column)
  ).str.join("; ")
