"""Joins the windows of a user's history to the whole history.

Files for training sequential models have a row per target: a user, the items
before the target, and the target. A row holds every item before its target (a
prefix), or only the newest ones (a sliding window).
"""

from collections.abc import Sequence

import polars as pl

# No id contains this control character.
_END = "\x1f"


def whole(rows: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
  """Joins the windows of each user.

  Two windows are joined where the end of one is the start of the other. A
  window inside another one adds nothing. Windows that share nothing follow each
  other in file order, because the file does not tell their order.

  Args:
    rows: user; history, the items before the target, oldest first; and item,
      the target. In file order.

  Returns:
    user and item, a row per interaction, the users in the order of their first
    rows and the items of a user oldest first; and counts of what was joined.
  """
  known = pl.col("history").fill_null([])
  known = known.list.eval(pl.element().filter(pl.element() != ""))
  windows = (
    rows.select("user", window=pl.concat_list(known, "item"))
    .with_columns(key=pl.col("window").list.join(_END))
    .unique(["user", "key"], keep="first", maintain_order=True)
    .with_row_index("row")
  )
  windows = windows.with_columns(
    pl.col("row").min().over("user").alias("first"),
    _follows().over("user").alias("follows"),
  )
  is_chain = pl.col("follows").all().over("user")
  chains = windows.filter(is_chain).select(
    "user",
    "first",
    pl.when(pl.col("row") == pl.col("first"))
    .then("window")
    .otherwise(pl.col("window").list.tail(1))
    .alias("item"),
  )
  others, apart = _joined(windows.filter(~is_chain))
  found = (
    pl.concat([chains, others])
    .sort("first", maintain_order=True)
    .select("user", "item")
    .explode("item")
  )
  users = windows["user"].n_unique()
  counts = {
    "histories that were joined to a longer one": rows.height - users,
    "users with histories that share no item": apart,
  }
  return found, {name: count for name, count in counts.items() if count}


def _follows() -> pl.Expr:
  """Returns whether a window is one target after the user's row before it."""
  history = pl.col("window").list.head(pl.col("window").list.len() - 1)
  before = pl.col("window").shift()
  overlap = before.list.tail(history.list.len())
  same = overlap.list.join(_END) == history.list.join(_END)
  follows = same & (history.list.len() > 0)
  return before.is_null() | follows.fill_null(False)


def _joined(windows: pl.DataFrame) -> tuple[pl.DataFrame, int]:
  """Joins the windows of users whose rows are in no order, or have gaps."""
  of = windows.group_by("user", "first", maintain_order=True).agg("window")
  pieces = [join(many) for many in of["window"].to_list()]
  items = [[item for piece in parts for item in piece] for parts in pieces]
  item = pl.Series("item", items, dtype=windows.schema["window"])
  return of.select("user", "first", item), sum(len(p) > 1 for p in pieces)


def join(windows: Sequence[Sequence[str]]) -> list[list[str]]:
  """Joins the windows of one user.

  Windows that differ by one item are joined first, so that an item that a user
  had twice joins nothing that a longer overlap can join.

  Args:
    windows: items, oldest first. A window is not empty.

  Returns:
    The pieces of the history, one if the windows overlap.
  """
  left = [list(window) for window in windows]
  longest = max(map(len, left))
  for most_new in (1, longest):
    pieces: list[list[str]] = []
    while left:
      piece, left = _grown(left[0], left[1:], most_new)
      pieces.append(piece)
    left = pieces
  return left


def _grown(
  piece: list[str], others: list[list[str]], most_new: int
) -> tuple[list[str], list[list[str]]]:
  """Adds to a piece what overlaps it, and returns it with what does not."""
  grew = True
  while grew:
    grew, apart = False, []
    for other in others:
      joined = _together(piece, other, most_new)
      if joined is None:
        apart.append(other)
      else:
        grew, piece = True, joined
    others = apart
  return piece, others


def _together(
  one: list[str], other: list[str], most_new: int
) -> list[str] | None:
  """Joins two pieces, or returns None if they do not overlap.

  Args:
    one: items.
    other: items.
    most_new: the most items that the shorter piece may add.
  """
  long, short = (one, other) if len(one) >= len(other) else (other, one)
  size = len(short)
  if any(
    long[start : start + size] == short
    for start in range(len(long) - size + 1)
    if long[start] == short[0]
  ):
    return long
  for overlap in range(size - 1, max(0, size - most_new - 1), -1):
    if long[-overlap:] == short[:overlap]:
      return long + short[overlap:]
    if short[-overlap:] == long[:overlap]:
      return short + long[overlap:]
  return None
