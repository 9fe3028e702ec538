"""The order of a user's rows: by time, and drawn by seed where times are equal.

Files go up by id within a day or a user, so a rule that takes the candidate
whose id comes next would find many targets if ties stayed in file order. Ties
are therefore drawn. The draw depends on the ids of user and item and on the
seed, but not on the file's order.
"""

from typing import Literal, TypedDict

import numpy as np
import polars as pl

from instructrec_jax.data import splits
from instructrec_jax.data.formats.raw import Raw

By = Literal["time", "sequence", "none"]


class Order(TypedDict):
  """What a manifest says of the order.

  Attributes:
    by: what orders a user's rows: "time", "sequence" (the file tells it without
      times), or "none", where all of it is drawn.
    seed: of the draws.
    tied_neighbours: of the pairs of neighbouring rows of a user, the share
      whose order is drawn.
    undecided_targets: of the test targets, the share that could have been an
      earlier item, as their time is that of the item before.
  """

  by: By
  seed: int
  tied_neighbours: float
  undecided_targets: float


class Ordering:
  """Orders the rows of raw interactions."""

  def __init__(self, raw: Raw, seed: int):
    """Prepares to order.

    Args:
      raw: the result of a reader.
      seed: of the draws.
    """
    self._seed = seed
    names = raw.interactions.columns
    self.by: By = raw.order
    self._times = None
    if "timestamp" in names:
      self.by = "time"
      self._times = raw.interactions["timestamp"].to_numpy()
    elif self.by == "sequence" and "event" in names:
      self._times = raw.interactions["event"].to_numpy()
    self._split = None
    if "split" in names:
      self._split = raw.interactions["split"].to_numpy()

  def _times_of(self, rows: np.ndarray) -> np.ndarray:
    """Returns numbers that order rows, equal where the order is drawn.

    The source's own split comes before the times, which may tie or contradict.
    """
    if self._times is not None:
      times = self._times[rows]
    else:
      times = rows if self.by == "sequence" else np.zeros(rows.size, np.uint8)
    if self._split is None:
      return times
    rank = np.unique(times, return_inverse=True)[1]
    return self._split[rows].astype(np.int64) * (rows.size + 1) + rank

  def sort(
    self, rows: np.ndarray, user: np.ndarray, item: np.ndarray, ids: "Ids"
  ) -> tuple[np.ndarray, Order]:
    """Sorts rows by user, then by time, with ties drawn.

    Args:
      rows: [n] numbers of rows.
      user: [n] codes of their users.
      item: [n] codes of their items.
      ids: the ids of these codes.

    Returns:
      The rows in order, and what to say of it.
    """
    times = self._times_of(rows)
    order = np.lexsort((times, user))
    user_, times = user[order], times[order]
    same_user = user_[1:] == user_[:-1]
    tied = same_user & (times[1:] == times[:-1])
    in_tie = np.zeros(rows.size, bool)
    in_tie[1:] |= tied
    in_tie[:-1] |= tied
    places = np.flatnonzero(in_tie)
    group = np.cumsum(np.concatenate([[True], ~tied]))[places]
    some = order[places]
    draws = ids.draws(user[some], item[some], self._seed)
    order[places] = some[np.lexsort((draws, group))]
    split = None if self._split is None else self._split[rows[order]]
    return rows[order], {
      "by": self.by,
      "seed": self._seed,
      "tied_neighbours": _share(tied, same_user),
      "undecided_targets": _undecided(user_, split, tied),
    }

  def first(self, rows: np.ndarray, key: np.ndarray) -> np.ndarray:
    """Returns the order by `key` [n], then by time, then by row."""
    return np.lexsort((self._times_of(rows), key))


class Ids:
  """The ids of users and items, from which ties are drawn."""

  def __init__(self, users: pl.Series, items: pl.Series):
    """Takes the id of each code."""
    self._ids = {"user": users, "item": items}

  def draws(self, user: np.ndarray, item: np.ndarray, seed: int) -> np.ndarray:
    """Returns a random uint64 for each pair of codes, the same for its ids."""
    mixed = _random(self._ids["user"], seed)[user]
    mixed += _random(self._ids["item"], seed + 1)[item]
    # SplitMix64's finalizer (Steele, Lea and Flood 2014): otherwise the order
    # of two items would be the same for most users.
    mixed ^= mixed >> np.uint64(30)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _random(ids: pl.Series, seed: int) -> np.ndarray:
  """Returns a random uint64 for each id, whatever the order of the ids."""
  rank = ids.cast(pl.String).arg_sort().to_numpy()
  drawn = np.empty(ids.len(), np.uint64)
  drawn[rank] = np.random.default_rng(seed).integers(
    0, 2**64, ids.len(), np.uint64
  )
  return drawn


def _share(some: np.ndarray, among: np.ndarray) -> float:
  """Returns the share of `some` in `among`, bool [n] each; 0 of none."""
  return float(some.sum() / max(among.sum(), 1))


def _undecided(
  user: np.ndarray, split: np.ndarray | None, tied: np.ndarray
) -> float:
  """Returns the share of test targets that tie with the item before them.

  Args:
    user: [n] codes, sorted.
    split: [n] the part of the source's split, if it has one.
    tied: [n - 1], whether a row ties with the one before.
  """
  rows = pl.DataFrame({"user": user})
  if split is not None:
    rows = rows.with_columns(split=split)
  target = splits.by_user(rows)["test"].target
  return float(tied[target - 1].mean()) if target.size else 0.0


def in_words(order: Order) -> str:
  """Returns a sentence on the order of a dataset's rows."""
  seed = f"(seed {order['seed']})"
  if order["by"] == "none":
    return (
      "The data are unordered: they have no times, so each user's order and "
      f"targets are drawn {seed}"
    )
  return (
    f"Of neighbouring interactions {order['tied_neighbours']:.1%} have the "
    f"same time, so their order is drawn {seed}; so is the test target of "
    f"{order['undecided_targets']:.1%} of users"
  )


def microseconds(rows: pl.DataFrame) -> pl.DataFrame:
  """Returns raw interactions with their times in microseconds.

  Args:
    rows: their timestamp, if any, is uint32 seconds or int64 microseconds.
  """
  if rows.schema.get("timestamp") != pl.UInt32:
    return rows
  return rows.with_columns(pl.col("timestamp").cast(pl.Int64) * 1_000_000)
