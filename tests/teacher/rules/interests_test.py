"""What the rules say of liked and disliked items."""

import polars as pl
import pytest

from instructrec_jax.errors import InputError
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
  ("row", "expected", "absent"),
  [
    (
      {
        "thing": "movie",
        "title": list("abcde"),
        "categories": [["Drama", "War"]] * 3 + [["Horror"]] * 2,
        "liked": [True] * 3 + [False] * 2,
      },
      ["drama", "war", "horror films"],
      [],
    ),
    (
      {
        "thing": "game",
        "title": ["a", "b", "c"],
        "categories": [["Puzzle", "Indie"], ["Puzzle"], ["Sports"]],
        "brand": ["Fern", "Fern", "Kick"],
        "hours": [120.0, 131.0, 0.5],
        "liked": [True, True, False],
      },
      ["puzzle games", "Fern", "200 hours", "sports games"],
      ["indie", "Kick"],
    ),
    (
      {
        "thing": "book",
        "title": ["a", "b", "c"],
        "categories": [["History"], ["History"], ["Cooking"]],
        "liked": [True, True, False],
        "review": [
          "The writing is excellent. I could not put it down!",
          "Great characters, and beautifully written.",
          "So boring, and full of typos.",
        ],
      },
      ["books on history", "good writing", "books on cooking"],
      ["suspenseful", "put"],
    ),
    (
      {
        "thing": "book",
        "title": ["a", "b"],
        "categories": [["History"]] * 2,
        "liked": [True, True],
        "review": ["It is not a great plot.", None],
      },
      ["books on history"],
      ["a good story", "plot"],
    ),
    (
      {"title": ["a", "b"], "categories": [["Green Tea"], ["Green Tea"]]},
      ["green tea"],
      [],
    ),
  ],
)
def test_interests_say_what_sets_liked_items_apart(row, expected, absent):
  for text in _texts(INTEREST, **row):
    for part in expected:
      assert part in text
    for part in absent:
      assert part not in text
    assert "user" in text.partition(".")[0]


def test_what_an_item_is_must_be_known():
  with pytest.raises(InputError, match=r"'boat'.*book"):
    _texts(AUDIENCE, thing="boat", title="Qx", categories=["Sails"])
