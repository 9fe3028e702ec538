"""Whose rating is to be predicted."""

import numpy as np
import polars as pl

from instructrec_jax import artifacts
from instructrec_jax.data.names import tables_dir
from instructrec_jax.itdr import rating
from instructrec_jax.itdr.pairs import PAIRS
from instructrec_jax.itdr.tables import Tables

_TITLES = [f"Film {letter}" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"]


def _tables(folder, name, interactions, items=None, users=None):
  """Writes small tables; row is code."""
  items = {"title": _TITLES} | (items or {})
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


def _one(made):
  frame = made[0] if isinstance(made, tuple) else made
  return frame.row(0, named=True)


_RNG = np.random.default_rng(0)


_EIGHT = {
  "user": [0] * 8,
  "item": range(8),
  "rating": [4.0, 3.5, None, 2.0, 5.0, 1.0, 4.5, 2.5],
}


def test_rating_prediction_tells_the_newest_rating(tmp_path):
  pair = PAIRS["rating_prediction_ml_32m"]
  tables = _tables(tmp_path, "ml_32m", _EIGHT)
  assert rating.eligible(tables, pair).tolist() == [0]
  made = _one(rating.instances(tables, np.array([0]), pair, _RNG))
  assert made["history"] == [
    "Film A (4.0)", "Film B (3.5)", "Film D (2.0)", "Film E (5.0)",
    "Film F (1.0)", "Film G (4.5)",
  ]  # fmt: skip
  assert (made["item"], made["answer"]) == ("Film H", "2.5")
