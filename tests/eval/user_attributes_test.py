"""Attributes in one line of text."""

import pytest

from instructrec_jax.errors import InputError
from instructrec_jax.eval import user_attributes

NAMES = ["age group", "gender", "occupation", "age"]


@pytest.mark.parametrize(
  ("text", "found"),
  [
    (
      "age group: 18-24, gender: F, occupation: writer",
      {"age group": "18-24", "gender": "F", "occupation": "writer"},
    ),
    (
      "Gender:M\nOccupation: doctor, health care; Age = 30.",
      {"gender": "M", "occupation": "doctor, health care", "age": "30"},
    ),
    ("gender: F, gender: M", {"gender": "F"}),
    ("a woman", {}),
    ("", {}),
  ],
)
def test_parse(text, found):
  assert user_attributes.parse(text, NAMES) == found


def test_accuracy_by_hand():
  actual = [{"gender": "F", "age": "30"}, {"gender": "M", "age": "7"}]
  predicted = [{"gender": " f", "age": "31"}, {"gender": "F"}]
  found = user_attributes.accuracy(predicted, actual, seed=0)
  assert {name: e.value for name, e in found.items()} == {
    "gender": 0.5,
    "age": 0,
  }


@pytest.mark.parametrize(
  ("predicted", "actual", "message"),
  [
    ([{}], [{"a": "1"}, {"a": "2"}], "1 users predicted, 2 actual"),
    ([{}, {}], [{"a": "1"}, {"b": "2"}], "user 1: expected .*'a'.*'b'"),
    ([], [], "no attribute"),
  ],
)
def test_misfits(predicted, actual, message):
  with pytest.raises(InputError, match=message):
    user_attributes.accuracy(predicted, actual, seed=0)
