"""Whose rating is to be predicted."""

import numpy as np

from instructrec_jax.itdr import rating
from instructrec_jax.itdr.pairs import PAIRS
from instructrec_jax.itdr.tables import Tables
from tests.itdr import small_tables

_RNG = np.random.default_rng(0)


_EIGHT = {
  "user": [0] * 8,
  "item": range(8),
  "rating": [4.0, 3.5, None, 2.0, 5.0, 1.0, 4.5, 2.5],
}


def test_rating_prediction_tells_the_newest_rating(tmp_path):
  pair = PAIRS["rating_prediction_ml_32m"]
  tables = small_tables.tables(tmp_path, "ml_32m", _EIGHT)
  assert rating.eligible(tables, pair).tolist() == [0]
  made = small_tables.one(rating.instances(tables, np.array([0]), pair, _RNG))
  assert made["history"] == [
    "Film A (4.0)", "Film B (3.5)", "Film D (2.0)", "Film E (5.0)",
    "Film F (1.0)", "Film G (4.5)",
  ]  # fmt: skip
  assert (made["item"], made["answer"]) == ("Film H", "2.5")


def test_ratings_outside_the_scale_are_no_targets_and_are_counted(tmp_path):
  pair = PAIRS["rating_prediction_ml_32m"]
  more = {"rating": [4.0, 3.5, None, 2.0, 5.0, 1.0, 4.5, 2.5, 7.0, 0.0]}
  more |= {"user": [0] * 10, "item": range(10)}
  more["rating"] += [float("nan"), float("inf")]
  more["user"] += [0, 0]
  more["item"] = range(12)
  small_tables.tables(tmp_path, "ml_32m", more)
  tables = Tables(tmp_path, "ml_32m", pair.domain.scale)
  assert tables.unknown(pair) == {"rating is not a number from 0.5 to 5": 4}
  made = small_tables.one(rating.instances(tables, np.array([0]), pair, _RNG))
  assert (made["item"], made["answer"]) == ("Film H", "2.5")
  assert len(made["history"]) == 6
