"""Raw tables into clean ones: titles, repeats, k-core, order, dense codes."""

import collections
import html
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from instructrec_jax import artifacts, schema
from instructrec_jax.data import sources
from instructrec_jax.data.names import check_dataset, tables_dir
from instructrec_jax.errors import InputError

# Amazon's 2018 titles are now and then a piece of the page around them.
_BROKEN_TITLE = r"<[A-Za-z/!]|getTime"  # A regular expression.
_TITLE = pl.col("title").is_not_null()


def normalize(
  source: str,
  raw_dir: str | Path,
  data_dir: str | Path = "data",
  dataset: str | None = None,
  k_core: int | None = None,
  overwrite: bool = False,
  **options: Any,
) -> artifacts.Manifest:
  """Writes the tables of one dataset to data_dir/tables/<dataset>.

  Args:
    source: a key of sources.SOURCES.
    raw_dir: the folder of the raw files.
    data_dir: the folder of all datasets.
    dataset: short name; the source's own where None and where it has one.
    k_core: keep only users and items with so many interactions among what is
      kept; the source's default where None, no demand where 1.
    overwrite: replace tables that were made with other options.
    **options: of the source: `<role>_file` and its reader's.

  Returns:
    The manifest. For each table, counts: read = kept + all of dropped.

  Raises:
    InputError: the files or options cannot be used, or nothing is left.
  """
  row = sources.find(source)
  if dataset is None and row.dataset is None:
    raise InputError(
      f"source {source!r} is a format: name the dataset, e.g. --dataset my_shop"
    )
  dataset = check_dataset(row.dataset if dataset is None else dataset)
  k_core = row.k_core if k_core is None else k_core
  if k_core < 1:
    raise InputError(f"k_core is {k_core}: expected at least 1 (no demand)")
  files, read = sources.locate(source, Path(raw_dir), options)

  def write(folder: Path) -> dict[str, Any]:
    tables, counts = clean(read(), k_core)
    for name, df in tables.items():
      df.write_parquet(folder / f"{name}.parquet")
    return counts

  return artifacts.run_stage(
    "normalize",
    tables_dir(data_dir, dataset),
    write,
    inputs={r: artifacts.file_fingerprint(p) for r, p in files.items()},
    options={"source": source, "dataset": dataset, "k_core": k_core}
    | {
      key: value
      for key, value in options.items()
      if value is not None and not key.endswith("_file")
    },
    libraries=("polars", "numpy"),
    overwrite=overwrite,
  )


def clean(
  raw: sources.Raw, k_core: int
) -> tuple[dict[str, pl.DataFrame], dict[str, Any]]:
  """Turns raw tables into normalized ones, counting all that is left out.

  Args:
    raw: what a reader returned.
    k_core: see `normalize`.

  Returns:
    The tables of schema.TABLES, and counts: for each table (and the source's
    user_attributes) `read`, `kept` and `dropped` by reason, and `first_bad`,
    where unreadable rows begin.
  """
  tally = _Tally(raw)
  items = _clean_items(raw.items, tally)
  interactions, user_ids = _coded(raw.interactions, items, tally)
  interactions = _distinct(interactions, tally)
  user, item = (interactions[name].to_numpy() for name in ("user", "item"))
  keep = _k_core(user, item, k_core)
  if not keep.any():
    raise _nothing_left(user, item, k_core, tally)
  tally.drop("interactions", f"{k_core}-core", (~keep).sum())

  user_codes, users = _dense(user[keep])
  item_codes, items_kept = _dense(item[keep])
  users_before, items_before = _dense(user)[1].size, _dense(item)[1].size
  titled = items["title"].count()
  tally.drop("items", "without usable interaction", titled - items_before)
  tally.drop("items", f"{k_core}-core", items_before - items_kept.size)
  tally.drop(
    "users", "without usable interaction", user_ids.len() - users_before
  )
  tally.drop("users", f"{k_core}-core", users_before - users.size)

  tables = {
    "interactions": interactions.filter(keep).with_columns(
      user=user_codes, item=item_codes
    ),
    "items": items[items_kept]
    .drop("code")
    .with_columns(pl.col("item_id").cast(pl.String))
    .with_row_index("item"),
    "users": _user_table(user_ids.gather(users), raw.users, tally),
  }
  tables = {name: schema.conform(df, name) for name, df in tables.items()}
  for name, df in tables.items():
    tally.keep(name, df.height)
  return tables, tally.counts()


class _Tally:
  """Counts rows read, kept and dropped, by table and reason."""

  def __init__(self, raw: sources.Raw):
    self._read = collections.Counter()
    self._kept = collections.Counter()
    self._dropped = collections.defaultdict(dict)
    self._first = {}
    for table, bad in raw.bad.items():
      for b in bad:
        self.read(table, b.rows)
        self.drop(table, b.reason, b.rows)
        self._first[f"{table}: {b.reason}"] = b.first

  def read(self, table: str, rows: int) -> None:
    self._read[table] += rows

  def keep(self, table: str, rows: int) -> None:
    self._kept[table] = rows

  def drop(self, table: str, reason: str, rows: int) -> None:
    if rows:
      dropped = self._dropped[table]
      dropped[reason] = dropped.get(reason, 0) + int(rows)

  def counts(self) -> dict[str, Any]:
    return {
      name: {
        "read": read,
        "dropped": self._dropped[name],
        "kept": self._kept[name],
      }
      for name, read in self._read.items()
    } | {"first_bad": self._first}

  def __str__(self) -> str:
    return "; ".join(
      f"{table}: " + ", ".join(f"{n} {reason}" for reason, n in why.items())
      for table, why in self._dropped.items()
      if why
    )


def _clean_items(raw: pl.DataFrame, tally: _Tally) -> pl.DataFrame:
  """Returns one row an id, `code` its number; unusable titles are null."""
  tally.read("items", raw.height)
  # Unescaping twice over is for titles such as `&amp;amp;`, which exist.
  titles = pl.Series(
    "title",
    [t and html.unescape(html.unescape(t)) for t in raw["title"].to_list()],
    pl.String,
  )
  title = pl.col("title").str.replace_all(r"\s+", " ").str.strip_chars()
  items = raw.with_columns(titles).with_columns(title)
  broken = pl.col("title").str.contains(_BROKEN_TITLE)
  items = items.with_columns(
    pl.when(broken)
    .then(pl.lit("broken"))
    .when(pl.col("title").is_null() | (pl.col("title") == ""))
    .then(pl.lit("missing"))
    .alias("fault")
  )
  # Of several rows of one id, the first with a usable title.
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
      f"none of the {best.height} items has a usable title ({tally}): is it "
      "the right column?"
    )
  return (
    best.with_columns(
      pl.when(pl.col("fault").is_null()).then("title").alias("title")
    )
    .drop("fault")
    .with_row_index("code")
  )


def _coded(
  raw: pl.DataFrame, items: pl.DataFrame, tally: _Tally
) -> tuple[pl.DataFrame, pl.Series]:
  """Replaces ids by codes, drops what has no usable item, sorts.

  Returns:
    Interactions in chronological order within each user, ties in file order;
    the user ids in the order of their first row, at their code.
  """
  users = raw["user"].unique(maintain_order=True)
  tally.read("interactions", raw.height)
  tally.read("users", users.len())
  codes = pl.DataFrame({"user": users}).with_row_index("user_code")
  titled = items.select(pl.col("item_id").alias("item"), "code", ok=_TITLE)
  joined = raw.join(codes, on="user", how="left", maintain_order="left").join(
    titled, on="item", how="left", maintain_order="left"
  )
  tally.drop("interactions", "item not listed", joined["code"].null_count())
  tally.drop("interactions", "item without a title", (~joined["ok"]).sum())
  joined = joined.filter(pl.col("ok")).drop("ok")
  if joined.is_empty():
    raise InputError(
      f"no interaction has a listed item with a title ({tally}): item ids "
      f"such as {raw['item'][0]!r} here and {items['item_id'][0]!r} there"
    )
  by = ["user"] + ["timestamp"] * ("timestamp" in raw.columns)
  coded = joined.with_columns(
    pl.col("user_code").alias("user"), pl.col("code").alias("item")
  ).drop("user_code", "code")
  return coded.sort(by, maintain_order=True), users


def _distinct(df: pl.DataFrame, tally: _Tally) -> pl.DataFrame:
  """Keeps the first of each (user, item)."""
  user, item = (
    df[name].to_numpy().astype(np.int64) for name in ("user", "item")
  )
  pair = user * (item.max() + 1) + item
  # Stable, so that of equal pairs the first row comes first.
  order = np.argsort(pair, kind="stable")
  again = np.flatnonzero(np.diff(pair[order]) == 0)
  keep = np.ones(df.height, bool)
  keep[order[again + 1]] = False
  exact = 0
  if len(df.columns) > 2:
    several = ~keep
    several[order[again]] = True
    alike = df.filter(several)
    exact = alike.height - alike.n_unique()
  tally.drop("interactions", "exact repeat", exact)
  tally.drop("interactions", "repeated (user, item)", again.size - exact)
  return df.filter(keep)


def _k_core(user: np.ndarray, item: np.ndarray, k: int) -> np.ndarray:
  """Returns which interactions are left when every rare end has gone.

  Dropping users and items with fewer than k interactions until none is left
  has one fixed point, whatever the order (Batagelj and Zaversnik 2003).

  Args:
    user: [rows] codes.
    item: [rows] codes.
    k: least number of interactions.

  Returns:
    [rows] bool.
  """
  rows = np.arange(user.size)
  while True:
    users, items = np.bincount(user[rows]), np.bincount(item[rows])
    stays = (users[user[rows]] >= k) & (items[item[rows]] >= k)
    if stays.all():
      break
    rows = rows[stays]
  keep = np.zeros(user.size, bool)
  keep[rows] = True
  return keep


def _nothing_left(
  user: np.ndarray, item: np.ndarray, k: int, tally: _Tally
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
    + f"; k_core={works} leaves {left}"
  )


def _dense(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Returns codes without holes, and the old code of each new one."""
  there = np.bincount(codes) > 0
  return (np.cumsum(there) - 1)[codes], np.flatnonzero(there)


def _user_table(
  ids: pl.Series, raw: pl.DataFrame | None, tally: _Tally
) -> pl.DataFrame:
  """Returns the kept users with what is known of them; null where nothing."""
  users = pl.DataFrame({"user_id": ids})
  if raw is not None:
    known = raw.unique("user_id", keep="first", maintain_order=True)
    kept = known.join(users, on="user_id", how="semi").height
    tally.read("user_attributes", raw.height)
    tally.drop("user_attributes", "repeated id", raw.height - known.height)
    tally.drop("user_attributes", "of no kept user", known.height - kept)
    tally.keep("user_attributes", kept)
    users = users.join(known, on="user_id", how="left", maintain_order="left")
  return users.with_columns(pl.col("user_id").cast(pl.String)).with_row_index(
    "user"
  )
