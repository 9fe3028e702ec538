"""The sequences or queries of records, and their targets."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl

from instructrec_jax import parquet, schema
from instructrec_jax.data import queries, splits


@dataclasses.dataclass(frozen=True)
class Targets:
  """The rows that are split, and the splits.

  Attributes:
    rows: user, item, and the record's other features of its target.
    parts: which rows are targets, by split.
    user_ids: the id of each user code.
    train_items: see schema.TRAIN_ITEMS.
    counts: the counts for the manifest.
  """

  rows: pl.DataFrame
  parts: Mapping[str, splits.Instances]
  user_ids: pl.Series
  train_items: pl.DataFrame
  counts: Mapping[str, int]


def by_user(
  interactions: pl.DataFrame, tables: Path, texts: Path | None
) -> Targets:
  """Returns users' sequences with a teacher's texts, split by user."""
  users = parquet.read(tables / "users.parquet", columns=["user", "user_id"])
  train_items = _train_items(interactions, users)
  if texts is not None:
    interactions = _annotated(
      interactions, parquet.read(texts / queries.ANNOTATIONS)
    )
  parts = splits.by_user(interactions)
  of = interactions["user"].to_numpy()
  number = int(of.max()) + 1
  tested = np.unique(of[parts["test"].target]).size
  return Targets(
    interactions,
    parts,
    users["user_id"],
    train_items,
    {"users": number, "users_not_evaluated": number - tested},
  )


def by_item(
  interactions: pl.DataFrame,
  items: pl.DataFrame,
  texts: Path | None,
  dataset: str,
  rng: np.random.Generator,
) -> Targets:
  """Returns queries, split by the item that they look for."""
  found = queries.read(texts, interactions, dataset)
  return Targets(
    found,
    splits.by_item(found["item"].to_numpy(), rng),
    queries.numbers(found),
    queries.wanted(found),
    queries.counts(found, items),
  )


def texts_of(rows: pl.DataFrame) -> list[str]:
  """Returns the distinct texts of records, sorted."""
  found = [rows[c].unique() for c in rows.columns if rows[c].dtype == pl.String]
  return pl.concat(found).unique().sort().to_list() if found else []


def _annotated(
  interactions: pl.DataFrame, annotations: pl.DataFrame
) -> pl.DataFrame:
  """Adds the texts of targets; a target without a text gets an empty one."""
  written = [
    name
    for name, feature in schema.RECORD.items()
    if feature.dtype == "string"
    and annotations[name].null_count() < len(annotations)
  ]
  return (
    queries.with_positions(interactions)
    .join(
      annotations.select("user", "position", *written),
      ["user", "position"],
      "left",
      maintain_order="left",
    )
    .drop("position")
    .with_columns(pl.col(name).fill_null("") for name in written)
  )


def interactions_of(path: Path) -> pl.DataFrame:
  """Reads the columns that records need, which leaves out long reviews."""
  kept = ("item", "split", *schema.RECORD)
  return parquet.read(path, [n for n in parquet.schema(path) if n in kept])


def catalogue_of(
  interactions: pl.DataFrame, items: pl.DataFrame
) -> pl.DataFrame:
  """Returns the items with train_count, their count in the training part."""
  train = splits.train_rows(interactions)
  met = interactions["item"].to_numpy()[train]
  times = np.bincount(met, minlength=items.height).astype(np.uint32)
  return items.with_columns(train_count=pl.Series(times))


def _train_items(
  interactions: pl.DataFrame, users: pl.DataFrame
) -> pl.DataFrame:
  train = splits.train_rows(interactions)
  items = (
    interactions.filter(pl.Series(train))
    .group_by("user", maintain_order=True)
    .agg(items="item")
  )
  every = users.join(items, on="user", how="left", maintain_order="left")
  return every.select(pl.col("items").fill_null([]))
