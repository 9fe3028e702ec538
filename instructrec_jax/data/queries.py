"""The queries of product search, and the items they look for.

A query is the labels of an item (a specific intention) or the intention of a
user who took it (a vague one). Reviews in the validation and test parts of
leave-one-out give no queries, so that one model can be trained on both.
"""

from pathlib import Path

import numpy as np
import polars as pl

from instructrec_jax import parquet
from instructrec_jax.data import splits
from instructrec_jax.errors import InputError

# The texts of targets and items, in the folder of `instructrec annotate`.
ANNOTATIONS = "annotations.parquet"
LABELS = "labels.parquet"


def read(
  texts: Path | None, interactions: pl.DataFrame, dataset: str
) -> pl.DataFrame:
  """Returns every query and the item that it looks for.

  Args:
    texts: the folder of the annotations; None if there are none.
    interactions: `user` and `item`, see schema.INTERACTIONS.
    dataset: the dataset's short name.

  Returns:
    A row per query, sorted by item. `user` is the query's number, since each
    query is a sequence of its own; `item`; and specific_intention and
    vague_intention, of which each query has one, unless no query has it.

  Raises:
    InputError: there is no query.
  """
  if texts is None:
    raise InputError(
      f"product search needs labels and intentions of dataset {dataset!r}: "
      f"run `instructrec annotate {dataset}` first"
    )
  train = with_positions(interactions).filter(
    pl.Series(splits.train_rows(interactions))
  )
  said = (
    parquet.read(texts / ANNOTATIONS)
    .select("user", "position", "vague_intention")
    .drop_nulls()
    .join(train, ["user", "position"], maintain_order="left")
  )
  found = pl.concat(
    [
      parquet.read(texts / LABELS)
      .select("item", "specific_intention")
      .drop_nulls(),
      said.select("item", "vague_intention"),
    ],
    how="diagonal",
  ).sort("item", maintain_order=True)
  names = [n for n in found.columns if found[n].null_count() < found.height]
  if found.is_empty():
    raise InputError(
      f"there is no query for product search: dataset {dataset!r} has neither "
      "labels of items nor intentions of training targets"
    )
  return found.select(
    pl.int_range(pl.len(), dtype=pl.UInt32).alias("user"),
    *(pl.col(n) if n == "item" else pl.col(n).fill_null("") for n in names),
  )


def with_positions(interactions: pl.DataFrame) -> pl.DataFrame:
  """Returns interactions with `position`, as in schema.ANNOTATIONS."""
  place = pl.int_range(pl.len(), dtype=pl.UInt32).over("user")
  return interactions.with_columns(position=place)


def counts(found: pl.DataFrame, items: pl.DataFrame) -> dict[str, int]:
  """Returns the counts of queries for the manifest."""
  texts = [name for name in found.columns if name not in ("user", "item")]
  return {
    "queries": found.height,
    **{f"{name}s": int((found[name] != "").sum()) for name in texts},
    "items_without_query": items.height - found["item"].n_unique(),
  }


def wanted(found: pl.DataFrame) -> pl.DataFrame:
  """Returns the items that are no negative of a query: schema.TRAIN_ITEMS."""
  return found.select(items=pl.concat_list("item"))


def numbers(found: pl.DataFrame) -> pl.Series:
  """Returns the queries' ids."""
  return pl.Series("user_id", np.arange(found.height).astype(str))
