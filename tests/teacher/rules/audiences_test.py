"""What the rules say of those whom an item is for."""

import polars as pl
import pytest

from instructrec_jax.teacher.protocol import AUDIENCE, INSTANCE, INTEREST
from instructrec_jax.teacher.rules import audiences, interests

_COUNT = 12


_OF = {INTEREST.name: interests, AUDIENCE.name: audiences}


def _frame(kind, rows):
  columns = {name for row in rows for name in row}
  return pl.DataFrame(
    {name: [row.get(name) for row in rows] for name in columns},
    schema_overrides={name: kind.inputs[name] for name in columns},
  ).select(pl.int_range(pl.len()).alias(INSTANCE), pl.all())


def _texts(kind, **row):
  """Returns what is written of one request, by many draws."""
  frame = _frame(kind, [row] * _COUNT)
  drawn = [number * 2_654_435_761 % 2**32 for number in range(_COUNT)]
  [field] = kind.outputs
  return _OF[kind.name].write(frame, drawn)[field].to_list()


@pytest.mark.parametrize(
  ("row", "expected"),
  [
    (
      {"thing": "movie", "title": "Qx", "categories": ["Comedy", "Romance"],
       "year": 1987},
      ["viewers", "comedy and romance films", "love stories", "1980s"],
    ),
    (
      {"thing": "game", "title": "Qx", "categories": ["Strategy", "Indie"],
       "price": 0.0, "brand": "Copper Fern, Inc."},
      ["strategy games", "think ahead", "costs nothing", "Copper Fern"],
    ),
    (
      {"thing": "business", "title": "Qx", "place": "Tucson, AZ",
       "categories": ["Restaurants", "Thai"],
       "reviews": ["Friendly staff, and the food was great.", "Great food."]},
      ["Tucson, AZ", "Thai food", "good food and friendly service"],
    ),
    (
      {"thing": "news", "title": "Qx",
       "categories": ["sports", "football_nfl"]},
      ["readers", "NFL football news"],
    ),
    (
      {"thing": "product", "title": "Qx", "categories": ["Toys", "Puzzles"],
       "reviews": ["Bought it for my son's birthday.", "A gift for my niece!"]},
      ["puzzles", "children", "present"],
    ),
    (
      {"thing": "video", "title": "Three cats and a puppy"},
      ["viewers", "fond of animals"],
    ),
    (
      {"thing": "book", "title": "Qx", "description":
       "A detective hunts a killer. The detective is not alone."},
      ["readers", "crime"],
    ),
  ],
)  # fmt: skip
def test_target_users_follow_from_what_is_known(row, expected):
  for text in _texts(AUDIENCE, **row):
    for part in expected:
      assert part.lower() in text.lower()


def test_labels_and_names_that_are_the_title_are_left_out():
  row = {"thing": "product", "title": "Green Tea", "brand": "The Green Tea Co",
         "categories": ["Green Tea"], "year": 1987}  # fmt: skip
  assert _texts(AUDIENCE, **row) == [None] * _COUNT
  history = {"title": ["Green Tea", "Mint"], "categories": [["Green Tea"]] * 2}
  for text in _texts(INTEREST, **history):
    assert text is None or "green tea" not in text
