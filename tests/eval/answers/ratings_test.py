"""Ratings out of text and likelihoods, against scikit-learn."""

import numpy as np
import pytest
import scipy.special
import sklearn.metrics

from instructrec_jax.errors import InputError
from instructrec_jax.eval.answers import ratings


@pytest.mark.parametrize(
  ("text", "rating"),
  [
    ("4", 4),
    ("4.5", 4.5),
    ("4,5", 4.5),
    ("4,5/5", 4.5),
    ("4/5", 4),
    ("5 stars", 5),
    ("(2)", 2),
    (" 1\n", 1),
    ("**4.0**", 4),
    ("four", 4),
    ("two out of five", 2),
    ("Rating: 3.0 / 5", 3),
    ("Rating: Three and a half stars.", 3.5),
    ("I would give it 4 out of 5 stars.", 4),
    ("Toy Story 2 (1999), rating: 4.5", 4.5),
    ("The rating of Toy Story 2 is hard to tell.", 2),
    ("", np.nan),
    ("great", np.nan),
    ("No one would give it less.", np.nan),
    ("10", np.nan),  # not on the scale
    ("-1", np.nan),
    ("-3", np.nan),
    ("0", np.nan),
    ("8 out of 10", np.nan),  # another scale
    ("4 out of 10", np.nan),
    ("3/10", np.nan),
    ("PS4", np.nan),  # no number, but a name
    ("On a scale of 1 to 5, 4", 4),
    ("On a scale from one to five: four", 4),
    ("I'd say 4 on a scale of 1-5.", 4),
    ("Rating (1-5): 3", 3),
    ("From 1 to 5, I would say 3.5", 3.5),
    ("On a five-point scale I give 2", 2),
    ("On a scale of 5, 4", 4),
    ("1 to 5", 1),  # nothing is left without it
    ("4 out of 5", 4),
    ("four out of 5", 4),
    ("All 3 seasons are fine. 5/5", 5),
    ("I watched it 24/7, 5 stars", 5),
    ("8/10 elsewhere, but 4/5 here", 4),
    ("Rating: 8/10", np.nan),
    ("★★★★", 4),
    ("★★★★☆", 4),
    ("⭐️⭐️⭐️", 3),
    ("★★★½", 3.5),
    ("4★", 4),
    ("☆☆☆☆☆", np.nan),
    ("3½", 3.5),
    ("3 1/2 stars", 3.5),
    ("I would give it four stars.", 4),
    ("a four-star film", 4),
    ("My rating: four", 4),
    ("The rating is one of the best things here.", np.nan),
    ("My rating would be a solid 4.", 4),
    ("I rate it 4", 4),
    ("Toy Story 2 deserves a 4", 4),
    ("I would give 101 Dalmatians a solid 3.5", 3.5),
    ("<think>Perhaps 2, or 3 of 5.</think>4", 4),
    ("<think>Perhaps 2", np.nan),
    ('{"rating": 4}', 4),
    ('{"rating": "4.5", "why": "3 of my friends like it"}', 4.5),
    ("**Rating:** 4 / 5", 4),
    ("Predicted rating: **3.5**", 3.5),
  ],
)
def test_parse(text, rating):
  np.testing.assert_equal(ratings.parse(text, 0.5, 5), float(rating))


def test_what_is_not_on_the_scale_is_no_rating():
  assert ratings.parse("0.5", 0.5, 5) == 0.5
  assert np.isnan(ratings.parse("0.5", 1, 5))


def test_agrees_with_sklearn():
  rng = np.random.default_rng(0)
  actual = rng.integers(1, 6, 300).astype(float)
  predicted = np.clip(actual + rng.standard_normal(300), 1, 5)
  predicted[:30] = np.nan
  found = ratings.measure(predicted, actual, seed=0)
  pair = (actual[30:], predicted[30:])
  rmse = sklearn.metrics.root_mean_squared_error(*pair)
  assert found["rmse"].value == pytest.approx(rmse)
  assert found["mae"].value == pytest.approx(
    sklearn.metrics.mean_absolute_error(*pair)
  )
  assert found["parse_failure_rate"].value == pytest.approx(0.1)
  assert all(e.low < e.value < e.high for e in found.values())


def test_nothing_was_parsed():
  found = ratings.measure([np.nan, np.nan], [1, 2], seed=0)
  assert found["parse_failure_rate"].value == 1
  assert np.isnan(found["rmse"].value)


def test_expected_rating():
  rng = np.random.default_rng(0)
  logits = rng.standard_normal((20, 5)) * 5 - 1000
  p = scipy.special.softmax(logits, axis=1)
  np.testing.assert_allclose(
    ratings.expected(logits, np.arange(1, 6)), p @ np.arange(1, 6)
  )


@pytest.mark.parametrize(
  ("predicted", "actual"), [([1, 2], [1]), ([1], [np.nan])]
)
def test_misfits(predicted, actual):
  with pytest.raises(InputError, match="as many predicted as actual"):
    ratings.measure(predicted, actual, seed=0)
