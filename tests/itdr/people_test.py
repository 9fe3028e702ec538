"""What is known of a user, and liked by one."""

import numpy as np

from instructrec_jax.itdr import entries, people
from instructrec_jax.itdr.pairs import PAIRS
from tests.itdr import small_tables

_RNG = np.random.default_rng(0)


def test_attributes_that_are_not_known_are_left_out(tmp_path):
  pair = PAIRS["user_attributes_ml_1m"]
  tables = small_tables.tables(
    tmp_path,
    "ml_1m",
    {"user": [0] * 4 + [1] * 4 + [2] * 4, "item": [*range(4)] * 3,
     "rating": [5.0, 1.0, 4.0, 2.0] + [3.0] * 8},
    {"categories": [["Drama", "War"], ["Comedy"]] * 13},
    {"gender": ["female", None, None], "age_group": [None, "25-34", None],
     "occupation": ["writer", None, None]},
  )  # fmt: skip
  assert people.eligible_by_attributes(tables, pair).tolist() == [0, 1]
  made = people.attributes(tables, np.array([1, 0]), pair, _RNG)
  assert made["user"].to_list() == [1, 0]
  assert made["answer"].to_list() == [
    "age group: 25-34",
    "gender: female, occupation: writer",
  ]
  # Her mean is 3; of equal ratings all are liked.
  assert made["history"].to_list()[1] == [
    "Film A (Drama, War)", "Film C (Drama, War)"
  ]  # fmt: skip
  assert len(made["history"].to_list()[0]) == 4


def test_ages_that_nobody_believes_are_no_targets(tmp_path):
  pair = PAIRS["user_attributes_book_crossing"]
  ages = ["25", "250", "-1", "nan", None, "31.0"]
  tables = small_tables.tables(
    tmp_path,
    "book_crossing",
    {"user": np.repeat(range(6), 3).tolist(), "item": [*range(3)] * 6},
    users={"age": ages, "location": [None, "Bonn", " ", None, None, ""]},
  )
  users = people.eligible_by_attributes(tables, pair)
  made = people.attributes(tables, users, pair, _RNG)
  assert dict(zip(users.tolist(), made["answer"], strict=True)) == {
    0: "age: 25",
    1: "location: Bonn",
    5: "age: 31",
  }
  assert tables.unknown(pair) == {"age is not a number from 5 to 110": 3}


def test_interests_show_what_is_liked_and_what_is_not(tmp_path):
  pair = PAIRS["interests_amazon_books_reviews"]
  rows = {
    "user": [0] * 5,
    "item": range(5),
    "rating": [5.0, 5.0, 1.0, 4.0, 2.0],
    "review": ['A "great" story.', None, "Mail me: a@b.org", "x " * 60, ""],
  }
  tables = small_tables.tables(tmp_path, "amazon_books_reviews", rows)
  assert people.eligible_by_interests(tables, pair).tolist() == [0]
  shown, told = people.interests(tables, np.array([0]), pair, _RNG)
  made = shown.row(0, named=True)
  assert made["history"] == [
    "Film A: \"A 'great' story.\"",
    "Film B",
    f'Film D: "{" ".join("x" * entries.REVIEW_WORDS)} …"',
  ]
  assert made["beside"] == ['Film C: "Mail me: [e-mail]"', "Film E"]
  assert told.row(0, named=True)["liked"] == [True, True, False, True, False]
