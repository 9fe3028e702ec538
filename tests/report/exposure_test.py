"""What is recommended, by hand and by a slower formula."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instructrec_jax.errors import InputError
from instructrec_jax.eval.predictions import Predictions
from instructrec_jax.report import exposure


def test_top_by_hand():
  asked = Predictions.of(
    [0, 1],
    [0, 0],
    [5, 8],
    [[5, 6, 7], [1, 8]],
    # The first target ties with 7, which goes above it.
    np.array([[2.0, 1, 2], [np.nan, 2, -np.inf]]),
  )
  assert exposure.top(asked, 1).tolist() == [7, 1]
  assert exposure.top(asked, 2).tolist() == [7, 5, 1, 8]
  assert exposure.top(asked, 9).tolist() == [7, 5, 6, 1, 8]


def test_the_order_is_the_one_that_is_measured():
  rng = np.random.default_rng(0)
  scores = rng.integers(0, 3, (100, 8)).astype(float)
  scores[rng.random(scores.shape) < 0.1] = np.nan
  candidates = [rng.choice(50, 8, replace=False) for _ in range(100)]
  targets = [row[:3] for row in candidates]
  gains = rng.integers(1, 3, (100, 3))
  asked = Predictions.of(
    np.arange(100), np.zeros(100), targets, candidates, scores, gains
  )
  order = exposure.best_first(asked)
  worth = np.take_along_axis(asked.gains, order, axis=1)
  _, columns = np.nonzero(worth)
  assert (columns + 1).tolist() == asked.outcomes.ranks.tolist()


def test_measure_by_hand():
  found = exposure.measure(np.array([0, 0, 2, 2]), np.array([10, 1, 4, 0]))
  assert found == {
    "coverage": 0.5,
    "popularity": 7.0,
    "gini": pytest.approx(0.5),
  }


@given(st.lists(st.integers(0, 9), min_size=1, max_size=20))
def test_gini_is_half_the_mean_difference_over_the_mean(times):
  times = np.array([1, *times])
  difference = np.abs(times[:, None] - times).mean()
  assert exposure.gini(times) == pytest.approx(difference / 2 / times.mean())


def test_extremes():
  assert exposure.gini(np.full(10, 3)) == 0
  assert exposure.gini(np.eye(10)[0]) == pytest.approx(0.9)


@pytest.mark.parametrize(
  ("items", "message"),
  [([], "expected recommendations"), ([1, 7], "codes from 0 to 2, got 7")],
)
def test_misfits(items, message):
  with pytest.raises(InputError, match=message):
    exposure.measure(np.array(items, int), np.ones(3))
