import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instructrec_jax.errors import InputError
from instructrec_jax.teacher.annotation import texts
from instructrec_jax.teacher.checks import validate
from instructrec_jax.teacher.protocol import AUDIENCE, INSTANCE, INTEREST
from instructrec_jax.teacher.rules import audiences, interests
from instructrec_jax.teacher.rules.extractive import Extractive

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


def test_nothing_known_is_nothing_said():
  assert _texts(AUDIENCE, thing="video", title="So this is why")[0] is None
  row = {"title": ["Bread", "Hammer"], "liked": [False, False]}
  assert _texts(INTEREST, **row)[0] is None
  frame = _frame(AUDIENCE, [{"thing": "video", "title": "So this is why"}])
  keys = frame.select(INSTANCE, item=INSTANCE)
  written = texts.write(Extractive("v", 0, keys), AUDIENCE, frame)
  assert written["absent"].to_list() == ["nothing says whom the item is for"]


def test_wordings_vary_and_follow_from_the_key_alone():
  row = {"thing": "movie", "title": "Qx", "categories": ["Comedy", "Drama"],
         "year": 1987}  # fmt: skip
  frame = _frame(AUDIENCE, [row] * 200)
  keys = frame.select(INSTANCE, item=pl.col(INSTANCE) + 5)
  all_of_them = texts.write(Extractive("d", 0, keys), AUDIENCE, frame)
  assert all_of_them["text"].n_unique() >= 6
  some = [150, 3, 77]
  few = texts.write(Extractive("d", 0, keys), AUDIENCE, frame[some])
  assert few["text"].to_list() == all_of_them["text"][some].to_list()
  other = texts.write(Extractive("d", 1, keys), AUDIENCE, frame)
  assert (other["text"] != all_of_them["text"]).any()


def test_what_an_item_is_must_be_known():
  with pytest.raises(InputError, match=r"'boat'.*book"):
    _texts(AUDIENCE, thing="boat", title="Qx", categories=["Sails"])


_WORDS = st.sampled_from(
  [
    "Green",
    "Tea",
    "History",
    "War",
    "Puzzle",
    "Drama",
    "Fern",
    "Night",
    "Comedy",
  ]
)
_NAMES = st.lists(_WORDS, min_size=1, max_size=3).map(" ".join)


@settings(max_examples=8, deadline=None)
@given(st.data())
def test_a_title_is_never_named(data):
  many = data.draw(st.integers(1, 5))
  names = st.lists(_NAMES, min_size=many, max_size=many)
  labels = st.lists(_NAMES, max_size=3)
  marks = st.lists(st.booleans(), min_size=many, max_size=many)
  row = {
    "thing": "book",
    "title": data.draw(names),
    "categories": [data.draw(labels) for _ in range(many)],
    "brand": data.draw(names),
    "liked": data.draw(marks),
  }  # fmt: skip
  one = {k: row[k][0] for k in ("title", "categories", "brand")}
  for kind, told, titles in (
    (INTEREST, row, row["title"]),
    (AUDIENCE, one, row["title"][:1]),
  ):
    [field] = kind.outputs
    written = [text for text in _texts(kind, **told) if text is not None]
    rows = pl.DataFrame(
      {"text": written, "titles": [titles] * len(written)},
      schema={"text": pl.String, "titles": pl.List(pl.String)},
    )
    assert not validate.named(rows, field).any()
