"""Whom an item is for."""

import numpy as np

from instructrec_jax.itdr import audience
from instructrec_jax.itdr.pairs import PAIRS
from tests.itdr import small_tables

_RNG = np.random.default_rng(0)


def test_an_audience_hears_of_what_is_known_and_said(tmp_path):
  pair = PAIRS["target_users_yelp"]
  said = ["Nothing.", "The best breakfast in all of town.", None]
  tables = small_tables.tables(
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
