"""A dataset's normalized tables, read for some users or items at a time.

There may be tens of millions of interactions with reviews, so only the
requested columns and the rows of the chosen users or items are read.
"""

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from instructrec_jax import artifacts, parquet
from instructrec_jax.data.names import tables_dir
from instructrec_jax.errors import InputError
from instructrec_jax.itdr.domains import Scale
from instructrec_jax.itdr.pairs import NUMBERS, Pair, label
from instructrec_jax.teacher.checks import cleaning


def in_order(users: np.ndarray, *parts: pl.DataFrame) -> pl.DataFrame:
  """Joins the columns of all parts: one row per user, in the order of `users`.

  Args:
    users: codes of users, or of items in the place of users.
    *parts: frames with unique `user` and further columns.
  """
  asked = pl.DataFrame({"user": users}, schema={"user": pl.UInt32})
  for part in parts:
    asked = asked.join(part, on="user", how="left", maintain_order="left")
  return asked


def _known_number(name: str) -> pl.Expr:
  """Returns an attribute as whole numbers; null if it is out of range."""
  value = pl.col(name).cast(pl.Float64, strict=False)
  fits = value.is_between(*NUMBERS[name])
  return pl.when(fits).then(value).cast(pl.Int32, strict=False).alias(name)


class Tables:
  """The tables that `instructrec normalize` wrote for a dataset.

  Attributes:
    dataset: its short name.
    manifest: the manifest of the tables.
  """

  def __init__(
    self, data_dir: str | Path, dataset: str, scale: Scale | None = None
  ):
    """Looks for the tables.

    Args:
      data_dir: the folder of all datasets.
      dataset: its short name.
      scale: of the ratings; one outside it is unknown. None for any scale.

    Raises:
      InputError: they do not exist.
    """
    self.dataset = dataset
    self._scale = scale
    self._folder = tables_dir(data_dir, dataset)
    self.manifest = artifacts.read_manifest(self._folder, "normalize")

  @functools.cached_property
  def items(self) -> pl.DataFrame:
    """The items without meaningless labels; an item's code is its row."""
    items = parquet.read(self._folder / "items.parquet")
    if "categories" not in items.columns:
      return items
    return items.with_columns(cleaning.labels(items["categories"]))

  @functools.cached_property
  def users(self) -> pl.DataFrame:
    """The users with their attributes; a user's code is the row.

    Numbers that nobody believes, such as an age of 250, are unknown.
    """
    users = self._raw_users
    return users.with_columns(
      *(_known_number(name) for name in NUMBERS if name in users.columns),
      *(
        pl.when(pl.col(name).str.strip_chars() != "").then(name).alias(name)
        for name, dtype in users.schema.items()
        if dtype == pl.String and name not in (*NUMBERS, "user_id")
      ),
    )

  @functools.cached_property
  def _raw_users(self) -> pl.DataFrame:
    return parquet.read(self._folder / "users.parquet")

  @functools.cached_property
  def columns(self) -> frozenset[str]:
    """The columns of the interactions."""
    return frozenset(self._raw_interactions.collect_schema().names())

  @property
  def _raw_interactions(self) -> pl.LazyFrame:
    return parquet.scan(self._folder / "interactions.parquet")

  @property
  def _interactions(self) -> pl.LazyFrame:
    there = [name for name in ("rating", "hours") if name in self.columns]
    return self._raw_interactions.with_columns(
      pl.when(self._fits(name)).then(name).alias(name) for name in there
    )

  def _fits(self, column: str) -> pl.Expr:
    value = pl.col(column).cast(pl.Float64)
    if column == "rating" and self._scale is not None:
      return value.is_between(self._scale.low, self._scale.high)
    return value.is_finite()

  def unknown(self, pair: Pair) -> dict[str, int]:
    """Counts the values that a pair asks about and that cannot be right.

    Returns:
      The number of ratings, or of numbers of users, by reason.
    """
    if pair.subtask == "user_attributes":
      there = [
        n for n in pair.fields if n in NUMBERS and n in self.users.columns
      ]
      counts = {
        f"{label(name)} is not a number from {low} to {high}": (
          self.users[name].null_count() - self._raw_users[name].null_count()
        )
        for name, (low, high) in NUMBERS.items()
        if name in there
      }
    elif pair.domain.scale is not None and "rating" in self.columns:
      low, high = pair.domain.scale.low, pair.domain.scale.high
      wrong = self._raw_interactions.select(
        (pl.col("rating").is_not_null() & ~self._fits("rating")).sum()
      )
      count = int(wrong.collect(engine="streaming").item())
      counts = {f"rating is not a number from {low:g} to {high:g}": count}
    else:
      counts = {}
    return {reason: count for reason, count in counts.items() if count}

  def check(self, pair: Pair) -> None:
    """Checks that the tables have the columns that a pair needs.

    Raises:
      InputError: there are no ratings, or none of the attributes.
    """
    rated = pair.subtask == "rating_prediction" or (
      pair.subtask == "interests" and pair.domain.scale is not None
    )
    if rated and "rating" not in self.columns:
      raise InputError(
        f"dataset {self.dataset!r} has no ratings; the columns of its "
        f"interactions are {sorted(self.columns)}"
      )
    told = self.users.columns if pair.subtask == "user_attributes" else ()
    if told and not {*told} & {*pair.fields}:
      raise InputError(
        f"users of dataset {self.dataset!r} have none of "
        f"{list(pair.fields)}; their columns are {told}"
      )

  def per(self, key: str, *figures: pl.Expr) -> pl.DataFrame:
    """Returns aggregates of each user's or item's interactions.

    Args:
      key: "user" or "item".
      *figures: aggregations, each with a name.

    Returns:
      `key`, ascending, and the aggregates.
    """
    grouped = self._interactions.group_by(key).agg(*figures)
    return grouped.collect(engine="streaming").sort(key)

  def of(
    self, key: str, codes: np.ndarray, columns: Sequence[str] = ()
  ) -> pl.DataFrame:
    """Returns the interactions of some users or items, in their order.

    Args:
      key: "user" or "item".
      codes: codes of users or items.
      columns: further columns; missing ones are left out.

    Returns:
      user, item, and the further columns. A user's rows are in the order of
      events.
    """
    wanted = pl.LazyFrame({key: codes}, schema={key: pl.UInt32})
    there = [name for name in columns if name in self.columns]
    rows = (
      self._interactions.select("user", "item", *there)
      .with_row_index("row")
      .join(wanted, on=key, how="semi")
    )
    return rows.collect(engine="streaming").sort("row").drop("row")
