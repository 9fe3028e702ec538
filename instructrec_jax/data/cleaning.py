"""Cleans raw tables: titles, repeats, k-core, order, dense codes."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import polars as pl

from instructrec_jax import schema
from instructrec_jax.data.formats import markup
from instructrec_jax.data.formats.raw import Raw
from instructrec_jax.data.formats.spool import LINE
from instructrec_jax.data.ordering import Ids, Ordering, microseconds
from instructrec_jax.data.tally import Tally
from instructrec_jax.errors import InputError

# How the texts of a table lose their HTML, by column.
_PLAIN = {
  "interactions": {"review": markup.plain, "summary": markup.one_line},
  "items": {
    "categories": markup.labels,
    "brand": markup.one_line,
    "description": markup.plain,
    "place": markup.one_line,
  },
}
_PART = 1 << 20


def clean(
  raw: Raw, k_core: int, seed: int = 0
) -> tuple[dict[str, pl.DataFrame], dict[str, Any]]:
  """Turns raw tables into normalized ones and counts all rows left out.

  Args:
    raw: the result of a reader.
    k_core: see `normalize`.
    seed: draws the order of rows of one time, see `ordering`.

  Returns:
    The tables of schema.TABLES, with LINE if other columns are spooled, and the
    counts. For each table, and for the source's user_attributes, these are
    `read`, `kept`, `dropped` by reason and, if there are notes, `noted`. The
    place of the first bad row for each reason is in `first_bad`, and what is
    known of the order of rows in `order`.
  """
  tally = Tally(raw)
  ordering = Ordering(raw, seed)
  items = _clean_items(raw.items, tally)
  user, item, rows, first_rows = _coded(raw.interactions, items, tally)
  rows = _distinct(raw.interactions, user, item, rows, ordering, tally)
  keep = _k_core(user[rows], item[rows], k_core)
  if not keep.any():
    raise _nothing_left(user[rows], item[rows], k_core, tally)
  tally.drop("interactions", f"{k_core}-core", (~keep).sum())

  users_before, items_before = _different(user[rows]), _different(item[rows])
  rows = rows[keep]
  ids = Ids(raw.interactions["user"].gather(first_rows), items["item_id"])
  rows, order = ordering.sort(rows, user[rows], item[rows], ids)
  user_codes, users = _dense(user[rows])
  item_codes, items_kept = _dense(item[rows])
  # Free the arrays that are as long as the rows.
  del user, item, keep, ordering
  tally.drop(
    "items",
    "without usable interaction",
    items["title"].count() - items_before,
  )
  tally.drop("items", f"{k_core}-core", items_before - items_kept.size)
  tally.drop(
    "users", "without usable interaction", first_rows.size - users_before
  )
  tally.drop("users", f"{k_core}-core", users_before - users.size)

  tables = {
    "interactions": microseconds(
      raw.interactions.drop("user", "item", "event", strict=False)[rows]
    ).with_columns(user=user_codes, item=item_codes),
    "items": items[items_kept]
    .with_columns(pl.col("item_id").cast(pl.String))
    .with_row_index("item"),
    "users": _user_table(raw, first_rows[users], tally),
  }
  for name, how in _PLAIN.items():
    tables[name] = _without_html(tables[name], name, how, tally)
  # Tables with spooled columns are completed and checked when written.
  tables = {
    name: df if name in raw.spooled else schema.conform(df, name)
    for name, df in tables.items()
  }
  for name, df in tables.items():
    tally.keep(name, df.height)
  return tables, tally.counts() | {"order": order}


def _clean_items(raw: pl.DataFrame, tally: Tally) -> pl.DataFrame:
  """Returns one row per id; unusable titles become null."""
  tally.read("items", raw.height)
  items = raw.with_columns(markup.title(raw["title"]))
  # Some of Amazon's 2018 titles are pieces of the page around them.
  broken = pl.col("title").str.contains(markup.IS_PAGE)
  items = items.with_columns(
    pl.when(broken)
    .then(pl.lit("broken"))
    .when(pl.col("title").is_null() | (pl.col("title") == ""))
    .then(pl.lit("missing"))
    .alias("fault")
  )
  # Keep the first row with a usable title of each id.
  best = (
    items.with_row_index("code")
    .sort(pl.col("fault").is_not_null(), maintain_order=True)
    .unique("item_id", keep="first", maintain_order=True)
    .sort("code")
    .drop("code")
  )
  tally.drop("items", "repeated id", items.height - best.height)
  for fault in ("missing", "broken"):
    tally.drop("items", f"title {fault}", (best["fault"] == fault).sum())
  if best["fault"].null_count() == 0:
    raise InputError(
      f"none of the {best.height} items has a usable title ({tally}). Is it "
      "the right column?"
    )
  return best.with_columns(
    pl.when(pl.col("fault").is_null()).then("title").alias("title")
  ).drop("fault")


def _without_html(
  table: pl.DataFrame,
  name: str,
  how: Mapping[str, Callable[[pl.Series], pl.Series]],
  tally: Tally,
) -> pl.DataFrame:
  """Cleans the texts of a table; spooled texts were cleaned when read."""
  for column in [column for column in how if column in table.columns]:
    texts = table[column]
    if texts.dtype == pl.List:
      texts = texts.list.join("\n", ignore_nulls=True)
    has_html = texts.str.contains(markup.HAS_MARKUP).sum()
    tally.note(name, f"HTML in {column} removed", has_html)
    table = table.with_columns(how[column](table[column]).alias(column))
  return table


def _coded(
  raw: pl.DataFrame, items: pl.DataFrame, tally: Tally
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
  """Turns ids into codes, and drops rows without a usable item.

  From here on, rows are given by their numbers. They are copied only when it is
  known which of them stay, since there may be tens of millions.

  Returns:
    The codes of each row's user and item [rows of raw], 0 if there is no item;
    the usable rows; and the first row of each user.
  """
  user, first_rows = _by_first_row(raw["user"])
  tally.read("interactions", raw.height)
  tally.read("users", first_rows.size)
  item = _look_up(raw["item"], items["item_id"])
  titled = items["title"].is_not_null().gather(item)
  tally.drop("interactions", "item not listed", item.null_count())
  tally.drop("interactions", "item without a title", (~titled).sum())
  rows = titled.fill_null(False).arg_true().to_numpy()
  if not rows.size:
    raise InputError(
      f"no interaction has a listed item with a title ({tally}). Item ids are "
      f"like {raw['item'][0]!r} in the interactions and like "
      f"{items['item_id'][0]!r} in the items"
    )
  return user, item.fill_null(0).to_numpy(), rows, first_rows


def _by_first_row(ids: pl.Series) -> tuple[np.ndarray, np.ndarray]:
  """Numbers ids in the order of first appearance.

  Args:
    ids: integers or text [rows].

  Returns:
    The code of each row's id [rows], and the first row of each code.
  """
  if not ids.dtype.is_integer():
    ids = ids.cast(pl.Categorical).to_physical()
  values = ids.to_numpy()
  # A stable sort puts the rows of an id side by side in their order. A hash
  # table of so many ids would take more memory.
  order = np.argsort(values, kind="stable")
  new = np.ones(values.size, bool)
  values = values[order]
  np.not_equal(values[1:], values[:-1], out=new[1:])
  del ids, values
  starts = np.flatnonzero(new)
  del new
  first = order[starts]
  met = np.argsort(first)
  code = np.empty(first.size, np.uint32)
  code[met] = np.arange(first.size, dtype=np.uint32)
  codes = np.empty(order.size, np.uint32)
  codes[order] = np.repeat(code, np.diff(starts, append=order.size))
  return codes, first[met]


def _look_up(ids: pl.Series, among: pl.Series) -> pl.Series:
  """Returns the place of each id `among` others; null if it has none."""
  if ids.dtype == pl.Categorical:
    # The ids are codes already. A join would take their memory again.
    ids, among = ids.to_physical(), among.to_physical()
    none = among.len()
    codes, known = ids.to_numpy(), among.to_numpy()
    place = np.full(max(codes.max(), known.max()) + 1, none, np.uint32)
    place[known] = np.arange(none)
    found = pl.DataFrame({"place": place[codes]})
    return found.select(pl.when(pl.col("place") < none).then("place"))["place"]
  places = pl.DataFrame({"id": among}).with_row_index("place")
  found = pl.DataFrame({"id": ids}).join(
    places, on="id", how="left", maintain_order="left"
  )
  return found["place"]


def _distinct(
  raw: pl.DataFrame,
  user: np.ndarray,
  item: np.ndarray,
  rows: np.ndarray,
  ordering: Ordering,
  tally: Tally,
) -> np.ndarray:
  """Returns the rows that are the first of their (user, item)."""
  pair = user[rows].astype(np.uint64)
  pair *= np.uint64(item.max() + 1)
  pair += item[rows]
  # Only the few pairs with several rows are sorted by time.
  pairs = np.sort(pair)
  repeated = np.unique(pairs[1:][pairs[1:] == pairs[:-1]])
  del pairs
  several = np.flatnonzero(_is_in(pair, repeated))
  order = several[ordering.first(rows[several], pair[several])]
  later = order[1:][pair[order[1:]] == pair[order[:-1]]]
  keep = np.ones(rows.size, bool)
  keep[later] = False
  exact = 0
  told = raw.drop(LINE, "event", strict=False)
  if len(told.columns) > 2:
    alike = told[rows[several]]
    exact = alike.height - alike.n_unique()
  tally.drop("interactions", "exact repeat", exact)
  tally.drop("interactions", "repeated (user, item)", later.size - exact)
  return rows[keep]


def _is_in(values: np.ndarray, ascending: np.ndarray) -> np.ndarray:
  if not ascending.size:
    return np.zeros(values.size, bool)
  found = np.empty(values.size, bool)
  # In parts, because the places take as much memory as the values.
  for start in range(0, values.size, _PART):
    part = values[start : start + _PART]
    place = np.searchsorted(ascending, part)
    found[start : start + _PART] = (
      ascending[np.minimum(place, ascending.size - 1)] == part
    )
  return found


def _k_core(user: np.ndarray, item: np.ndarray, k: int) -> np.ndarray:
  """Returns which interactions are in the k-core.

  Users and items with fewer than k interactions are dropped until there are
  none. The result does not depend on the order (Batagelj and Zaversnik 2003).

  Args:
    user: [rows] codes.
    item: [rows] codes.
    k: least number of interactions.

  Returns:
    [rows] bool.
  """
  keep = np.ones(user.size, bool)
  rows = np.arange(user.size, dtype=np.uint32)
  while True:
    stays = (_counts(user) >= k)[user]
    stays &= (_counts(item) >= k)[item]
    if stays.all():
      return keep
    keep[rows[~stays]] = False
    rows, user, item = rows[stays], user[stays], item[stays]


def _counts(codes: np.ndarray) -> np.ndarray:
  """Counts in parts, because `bincount` makes a copy of twice the size."""
  counts = np.zeros(codes.max(initial=0) + 1, np.int64)
  for start in range(0, codes.size, 16 * _PART):
    part = codes[start : start + 16 * _PART]
    counts += np.bincount(part, minlength=counts.size)
  return counts


def _nothing_left(
  user: np.ndarray, item: np.ndarray, k: int, tally: Tally
) -> InputError:
  works, left = 1, user.size
  for smaller in range(2, k):
    rows = int(_k_core(user, item, smaller).sum())
    if not rows:
      break
    works, left = smaller, rows
  return InputError(
    f"nothing is left at k_core={k} of {user.size} interactions by "
    f"{np.unique(user).size} users on {np.unique(item).size} items"
    + (f" (dropped before: {tally})" if str(tally) else "")
    + f". k_core={works} leaves {left}"
  )


def _different(codes: np.ndarray) -> int:
  return int(np.count_nonzero(_counts(codes)))


def _dense(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Returns codes without gaps, and the old code of each new one."""
  there = _counts(codes) > 0
  new = np.cumsum(there, dtype=np.uint32) - np.uint32(1)
  return new[codes], np.flatnonzero(there)


def _user_table(raw: Raw, rows: np.ndarray, tally: Tally) -> pl.DataFrame:
  """Returns the kept users with their attributes; null if unknown.

  Args:
    raw: the result of a reader.
    rows: for each user, one row of the interactions.
    tally: counts the rows left out.
  """
  if "users" in raw.spooled:
    lines = raw.interactions[LINE].gather(rows)
    return lines.to_frame().with_row_index("user")
  users = pl.DataFrame({"user_id": raw.interactions["user"].gather(rows)})
  if raw.users is not None:
    known = raw.users.unique("user_id", keep="first", maintain_order=True)
    kept = known.join(users, on="user_id", how="semi").height
    tally.read("user_attributes", raw.users.height)
    tally.drop(
      "user_attributes", "repeated id", raw.users.height - known.height
    )
    tally.drop("user_attributes", "user is not kept", known.height - kept)
    tally.keep("user_attributes", kept)
    users = users.join(known, on="user_id", how="left", maintain_order="left")
  return users.with_columns(pl.col("user_id").cast(pl.String)).with_row_index(
    "user"
  )
