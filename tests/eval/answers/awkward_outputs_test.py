"""What models write instead of what they were asked for, all in one table."""

import numpy as np
import pytest

from instructrec_jax.eval.answers import answer_metrics

_TITLES = ["Halo", "Rock, Paper and Co.", "7 Wonders", "Tetris", "Go (Weiqi)"]
_LISTS = answer_metrics.Lists(titles=None)
_ONE = answer_metrics.Lists(titles=None, wanted=1)
_RATINGS = answer_metrics.Ratings(0.5, 5.0)
_PROFILES = answer_metrics.Attributes(
  ("age group", "gender", "occupation", "location")
)
_AGES = answer_metrics.Attributes(("country", "age"), ("age",))
_BIRTHS = answer_metrics.Attributes(("gender", "birth year"), ("birth year",))
_BEST = [[10], [11], [13], [12], [14]]
_WOMAN = {"gender": "female", "occupation": "doctor/health care"}

# Metric, what was written, and what is understood.
_TABLE = [
  (_LISTS,
   "1. Halo; 2. Rock, Paper and Co.; 3. Tetris; 4. 7 Wonders; 5. Go (Weiqi)",
   _BEST),
  *((_LISTS, mark.join(f"{before}{n}{after} {title}" for n, title in enumerate(
      ("Halo", "Rock, Paper and Co.", "Tetris", "7 Wonders", "Go (Weiqi)"), 1)),
     _BEST)
    for mark in ("\n", "\n\n", " ")
    for before, after in (("", "."), ("", ")"), ("(", ")"), ("#", ""))),
  (_LISTS, "1.Halo\n2.Rock, Paper and Co.\n3.Tetris\n4.7 Wonders\n5.Go (Weiqi)",
   _BEST),
  (_LISTS, "- Halo\n- Rock, Paper and Co.\n- Tetris\n- 7 Wonders\n- Go (Weiqi)",
   _BEST),
  (_LISTS, "• \"Halo\"\n• 'Rock, Paper and Co.'\n• “Tetris”\n• **7 Wonders**\n"
   "• `Go (Weiqi)`", _BEST),
  (_LISTS, "1. Halo (Shooter, Xbox)\n2. Rock, Paper and Co. [party]\n"
   "3. Tetris - a classic\n4. 7 Wonders: it won prizes\n5. Go (Weiqi) (board)",
   _BEST),
  (_LISTS, "Halo, Rock, Paper and Co., Tetris, 7 Wonders, Go (Weiqi)", _BEST),
  (_LISTS, "Sure! By what was bought before, I suggest:\n\n1. Halo\n2. Rock, "
   "Paper and Co.\n3. Tetris\n4. 7 Wonders\n5. Go (Weiqi)\n\nThe first two are "
   "much like Halo.", _BEST),
  (_LISTS, "Ranked: HALO; rock, paper and co.; TETRIS; 7  wonders; go (weiqi)",
   _BEST),
  (_LISTS, "1. Halo\n2. Halo 3\n3. Tetris\n4. halo\n5. Catan", [[10], [13]]),
  (_LISTS, "", []),
  (_LISTS, "I cannot rank these.", []),
  (_ONE, "Tetris", [[13]]),
  (_ONE, "The next item is: Tetris.", [[13]]),
  (_ONE, 'They will most likely pick "Rock, Paper and Co." next.', [[11]]),
  (_ONE, "7 Wonders", [[12]]),
  (_ONE, "1. 7 Wonders", [[12]]),
  (_ONE, "Tetris 2", []),
  (_RATINGS, "4,5/5", 4.5),
  (_RATINGS, "4.5", 4.5),
  (_RATINGS, "**4.0**", 4.0),
  (_RATINGS, "four", 4.0),
  (_RATINGS, "Rating: Three and a half stars.", 3.5),
  (_RATINGS, "two out of five", 2.0),
  (_RATINGS, "No one would give it less.", None),
  (_RATINGS, "8 out of 10", None),
  (_RATINGS, "4 out of 10", None),
  (_RATINGS, "3/10", None),
  (_RATINGS, "The rating of Toy Story 2 is hard to tell.", 2.0),
  (_RATINGS, "Toy Story 2 (1999), rating: 4.5", 4.5),
  (_RATINGS, "-3", None),
  (_RATINGS, "good", None),
  (_RATINGS, "", None),
  (_PROFILES, "age group: 25-34, gender: male",
   {"age group": "25-34", "gender": "male"}),
  (_PROFILES, "Gender: Male; Age Group: 25-34.",
   {"age group": "25-34", "gender": "Male"}),
  (_PROFILES, '{"gender": "male", "age_group": "25-34"}',
   {"age group": "25-34", "gender": "male"}),
  (_PROFILES, "- **Gender:** male\n- **Age group:** 25-34\n",
   {"age group": "25-34", "gender": "male"}),
  (_PROFILES, "The user's gender is male, and their age group is 25-34.",
   {"age group": "25-34", "gender": "male"}),
  (_PROFILES, "location: Paris, Île-de-France, France, gender: female",
   {"location": "Paris, Île-de-France, France", "gender": "female"}),
  (_PROFILES, "a young man", {}),
  (_PROFILES, "gender: , age group: 25-34", {"age group": "25-34"}),
]  # fmt: skip


def _target(metric):
  if isinstance(metric, answer_metrics.Lists):
    codes = range(10, 10 + len(_TITLES))
    example = {
      "relevant_items": [10], "candidate_items": list(codes),
      "candidates_pretokenized": [title.encode() for title in _TITLES],
    }  # fmt: skip
    text = ""
  else:
    example = {}
    text = "4.0" if isinstance(metric, answer_metrics.Ratings) else "gender: F"
  example |= {"instance": 1, "user": 2}
  return metric.postprocess(text, example=example, is_target=True)


@pytest.mark.parametrize(("metric", "text", "understood"), _TABLE)
def test_what_is_understood(metric, text, understood):
  found = metric.measured([_target(metric)], {"prediction": [text]}, seed=0)
  assert found.answers.read == [understood]


@pytest.mark.parametrize(
  ("text", "figures"),
  [
    ("1. Halo\n2. Catan\n3. Halo\n4. Tetris\n5. Go (Weiqi)",
     {"out_of_candidates": 1 / 5, "duplicate": 1 / 5, "missing": 2 / 5}),
    ("", {"out_of_candidates": 0, "duplicate": 0, "missing": 1}),
    # Told apart from the 7 of a title, and the bracket of another.
    ("7 Wonders; Go (Weiqi); Rock, Paper and Co.; Halo; Tetris",
     {"out_of_candidates": 0, "duplicate": 0, "missing": 0}),
  ],
)  # fmt: skip
def test_how_valid_lists_are(text, figures):
  found = _LISTS.measured([_target(_LISTS)], {"prediction": [text]}, seed=0)
  values = {name: e.value for name, e in found.further.items()}
  assert values == pytest.approx(figures | {"history_repeat": 0})


@pytest.mark.parametrize(
  ("metric", "truth", "text", "right"),
  [
    (_PROFILES, "gender: female", "gender: FEMALE (sure)", 1),
    (_PROFILES, "gender: female", "gender: female. She likes tea.", 1),
    (_PROFILES, "gender: female", "gender: male or female", 0),
    (_PROFILES, "gender: female", "gender: not female", 0),
    (_PROFILES, "gender: female", "female", 0),
    (_PROFILES, "location: st. louis, usa", "location: St. Louis, USA", 1),
    (_PROFILES, "location: st. louis, usa", "location: St. Louis", 0),
    (_PROFILES, "location: paris", "location: Paris, France", 0),
    (_PROFILES, "age group: 18-24", "age group: 18 - 24", 0),
  ],
)
def test_an_attribute_is_right_or_not(metric, truth, text, right):
  example = {"instance": 1, "user": 2}
  target = metric.postprocess(truth, example=example, is_target=True)
  figures = metric([target], [text])
  assert figures[f"accuracy of {truth.partition(':')[0]}"] == right


@pytest.mark.parametrize(
  ("metric", "text", "number"),
  [
    (_AGES, "age: 27", 27),
    (_AGES, "country: France, age: about 27", 27),
    (_AGES, "Age: 27 years old", 27),
    (_AGES, "Age: 27 (born in 1980)", 27),
    (_AGES, "age: 27.5", 27.5),
    (_AGES, "age: 25-34", None),
    (_AGES, "age: 25 to 34", None),
    (_AGES, "age: 30s", None),
    (_AGES, "age: young", None),
    (_AGES, "age: 1987", None),  # Nobody is that old.
    (_AGES, "27", None),
    (_BIRTHS, "birth year: 1987", 1987),
    (_BIRTHS, "Birth_Year: 1987-03-02", 1987),
    (_BIRTHS, "birth year: 2.3.1987", 1987),
    (_BIRTHS, "birth year: March 2, 1987", 1987),
    (_BIRTHS, "birth year: 2 March 1987", 1987),
    (_BIRTHS, "birth year: 87", None),
    (_BIRTHS, "birth year: 1980-1989", None),
  ],
)
def test_numbers_of_attributes(metric, text, number):
  name = metric.numbers[0]
  example = {"instance": 1, "user": 2}
  truth = {"age": 30, "birth year": 1980}[name]
  target = metric.postprocess(f"{name}: {truth}", example, is_target=True)
  figures = metric([target], [text])
  assert figures[f"parse_failure_rate of {name}"] == (number is None)
  error = np.nan if number is None else abs(number - truth)
  np.testing.assert_equal(figures[f"rmse of {name}"], float(error))
