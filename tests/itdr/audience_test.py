"""Whom an item is for."""

import numpy as np
import polars as pl

from instructrec_jax import artifacts
from instructrec_jax.data.names import tables_dir
from instructrec_jax.itdr import audience
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


_RNG = np.random.default_rng(0)


def test_an_audience_hears_of_what_is_known_and_said(tmp_path):
  pair = PAIRS["target_users_yelp"]
  said = ["Nothing.", "The best breakfast in all of town.", None]
  tables = _tables(
    tmp_path,
    "yelp",
    {"user": range(3), "item": [1, 1, 0], "review": said},
    {"title": ["Joe's", "The Nook"], "place": ["Tampa, FL", "Phoenix, AZ"],
     "categories": [["Bars"], ["Cafes", "Breakfast"]]},
  )  # fmt: skip
  assert audience.eligible(tables, pair).tolist() == [1]
  shown, _ = audience.instances(tables, np.array([1]), pair, _RNG)
  made = shown.row(0, named=True)
  assert made["item"] == (
    "The Nook. City: Phoenix, AZ. Kinds: Cafes, Breakfast."
  )
  assert made["beside"] == ['"The best breakfast in all of town."']
