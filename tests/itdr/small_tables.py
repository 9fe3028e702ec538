"""Small normalized tables, for tests of the instances made of them."""

import polars as pl

from instructrec_jax import artifacts
from instructrec_jax.data.names import tables_dir
from instructrec_jax.itdr.tables import Tables

TITLES = [f"Film {letter}" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"]


def tables(folder, name, interactions, items=None, users=None):
  """Writes small tables; row is code."""
  items = {"title": TITLES} | (items or {})
  count = len(items["title"])
  frames = {
    "interactions": pl.DataFrame(interactions, strict=False).with_columns(
      pl.col("user", "item").cast(pl.UInt32)
    ),
    "items": pl.DataFrame({"item_id": [f"i{n}" for n in range(count)]} | items)
    .with_row_index("item"),
    "users": pl.DataFrame(
      {"user_id": [f"u{n}" for n in range(max(interactions["user"]) + 1)]}
      | (users or {})
    ).with_row_index("user"),
  }  # fmt: skip

  def write(where):
    for table, frame in frames.items():
      frame.write_parquet(where / f"{table}.parquet")
    return {}

  artifacts.run_stage(
    "normalize", tables_dir(folder, name), write, inputs={}, options={}
  )
  return Tables(folder, name)


def one(made):
  """Returns the first instance that was made, by column."""
  frame = made[0] if isinstance(made, tuple) else made
  return frame.row(0, named=True)
