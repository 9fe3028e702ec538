"""Attributes in one line of text, and what is measured of them."""

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st

from instructrec_jax.errors import InputError
from instructrec_jax.eval.answers import user_attributes

NAMES = ["age group", "gender", "occupation", "age", "location"]


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
    (
      '{"gender": "male", "age_group": "25-34"}',
      {"age group": "25-34", "gender": "male"},
    ),
    (
      "- **Gender:** male\n- **Age group:** 25-34\n",
      {"age group": "25-34", "gender": "male"},
    ),
    (
      "The user's gender is male, and their age group is 25-34.",
      {"age group": "25-34", "gender": "male"},
    ),
    (
      "location: Paris, Île-de-France, France, gender: female",
      {"location": "Paris, Île-de-France, France", "gender": "female"},
    ),
    ("gender: , age group: 25-34", {"age group": "25-34"}),
  ],
)
def test_parse(text, found):
  assert user_attributes.parse(text, NAMES) == found


@given(
  st.dictionaries(
    st.sampled_from(NAMES),
    st.text("abz0 ,&/", min_size=1).map(lambda x: f"x{x}y"),
  )
)
def test_what_is_written_as_targets_are_is_read_back(attributes):
  text = ", ".join(f"{name}: {value}" for name, value in attributes.items())
  assert user_attributes.parse(text, NAMES) == attributes


def _values(*arguments, **options):
  found = user_attributes.measure(*arguments, seed=0, **options)
  return {name: e.value for name, e in found.items()}


@pytest.mark.parametrize(
  ("truth", "text", "right"),
  [
    ("gender: female", "gender: FEMALE (sure)", 1),
    ("gender: female", "gender: female. She likes tea.", 1),
    ("gender: female", "gender: male or female", 0),
    ("gender: female", "gender: not female", 0),
    ("gender: female", "female", 0),
    ("location: st. louis, usa", "location: St. Louis, USA", 1),
    ("location: st. louis, usa", "location: St. Louis", 0),
    ("location: paris", "location: Paris, France", 0),
    ("age group: 18-24", "age group: 18 - 24", 0),
  ],
)
def test_an_attribute_is_right_or_not(truth, text, right):
  names = ["age group", "gender", "occupation", "location"]
  told, actual = (user_attributes.parse(t, names) for t in (text, truth))
  [name] = actual
  assert _values([told], [actual], [name])[f"accuracy of {name}"] == right


@pytest.mark.parametrize(
  ("text", "number"),
  [
    ("age: 27", 27),
    ("country: France, age: about 27", 27),
    ("Age: 27 years old", 27),
    ("Age: 27 (born in 1980)", 27),
    ("age: 27.5", 27.5),
    ("age: 25-34", None),
    ("age: 25 to 34", None),
    ("age: 30s", None),
    ("age: young", None),
    ("age: 1987", None),  # Nobody is that old.
    ("27", None),
    ("birth year: 1987", 1987),
    ("Birth_Year: 1987-03-02", 1987),
    ("birth year: 2.3.1987", 1987),
    ("birth year: March 2, 1987", 1987),
    ("birth year: 2 March 1987", 1987),
    ("birth year: 87", None),
    ("birth year: 1980-1989", None),
  ],
)
def test_numbers(text, number):
  name = "birth year" if "birth" in text.lower().split(":")[0] else "age"
  truth = {"age": 30, "birth year": 1980}[name]
  told = user_attributes.parse(text, ["country", name])
  found = _values([told], [{name: str(truth)}], [name], numbers=[name])
  assert found[f"parse_failure_rate of {name}"] == (number is None)
  error = np.nan if number is None else abs(number - truth)
  np.testing.assert_equal(found[f"rmse of {name}"], float(error))


def test_by_hand():
  actual = [{"gender": "F", "age": "30"}, {"gender": "M", "age": "7"}]
  predicted = [{"gender": " f", "age": "31"}, {"gender": "F"}]
  assert _values(predicted, actual, ["gender", "age"]) == {
    "accuracy of gender": 0.5, "n of gender": 2,
    "accuracy of age": 0, "n of age": 2,
  }  # fmt: skip
  assert _values(predicted, actual, ["age"], numbers=["age"]) == {
    "rmse of age": 1, "parse_failure_rate of age": 0.5, "n of age": 2,
  }  # fmt: skip


def test_of_whom_an_attribute_is_known():
  actual = [{"gender": "F"}, {"gender": "M", "age": "40"}, {"age": "20"}]
  predicted = [
    {"gender": "F", "age": "1000"},  # An age nobody knows counts for nothing.
    {"gender": "F", "age": "43"},
    {"gender": "M", "age": "about 24 years"},
  ]
  found = _values(
    predicted, actual, ["gender", "age", "country"], numbers=["age"]
  )
  assert found.pop("rmse of age") == pytest.approx(((9 + 16) / 2) ** 0.5)
  assert np.isnan(found.pop("accuracy of country"))
  assert found == {
    "accuracy of gender": 0.5, "n of gender": 2,
    "parse_failure_rate of age": 0, "n of age": 2, "n of country": 0,
  }  # fmt: skip


def test_agrees_with_sklearn():
  rng = np.random.default_rng(0)
  known = rng.random(200) < 0.7
  sexes, guesses = rng.choice(["F", "M"], (2, 200))
  ages, guessed = rng.integers(10, 90, (2, 200))
  actual = [
    ({"gender": sex} if there else {}) | {"age": str(age)}
    for sex, age, there in zip(sexes, ages, known, strict=True)
  ]
  predicted = [
    {"gender": str(sex).lower(), "age": f"{age} years"}
    for sex, age in zip(guesses, guessed, strict=True)
  ]
  found = _values(predicted, actual, ["gender", "age"], numbers=["age"])
  assert found["accuracy of gender"] == pytest.approx(
    sklearn.metrics.accuracy_score(sexes[known], guesses[known])
  )
  assert found["n of gender"] == known.sum()
  assert found["rmse of age"] == pytest.approx(
    sklearn.metrics.root_mean_squared_error(ages, guessed)
  )


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    (([{}], [{"a": "1"}, {"a": "2"}], ["a"]), "users, got 1 and 2"),
    (([], [], []), "expected names"),
    (([{}], [{}], ["a"], 0, ["b"]), r"among the names; got names \['a'\]"),
    (
      ([{}], [{"age": "300"}], ["age"], 0, ["age"]),
      "age of user 0: expected a number from 5 to 110, got '300'",
    ),
  ],
)
def test_misfits(arguments, message):
  with pytest.raises(InputError, match=message):
    user_attributes.measure(*(*arguments, 0)[: max(4, len(arguments))])
