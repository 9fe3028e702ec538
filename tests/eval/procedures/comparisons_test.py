"""Rankings by comparisons, against worked cases and SciPy's optimizer."""

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st

from instructrec_jax.errors import InputError
from instructrec_jax.eval.procedures import comparisons


def odds_of(*decided, count):
  """Log-odds [1, C, C] and what was compared, of (winner, loser, odds)."""
  odds = np.zeros((1, count, count))
  for i, j, value in decided:
    odds[0, i, j], odds[0, j, i] = value, -value
  return odds, odds != 0


def drawn(n, count, seed, scale=2.0):
  rng = np.random.default_rng(seed)
  odds = rng.normal(scale=scale, size=(n, count, count))
  odds = odds - odds.transpose(0, 2, 1)
  return odds, np.tile(~np.eye(count, dtype=bool), (n, 1, 1))


def test_copeland_by_hand():
  # 0 beats 1 and 2; 1 beats 2 narrowly and 3; 3 beats 0 and 2.
  odds, _ = odds_of(
    (0, 1, 9), (0, 2, 2), (1, 2, 0.1), (1, 3, 1), (3, 0, 5), (3, 2, 3), count=4
  )
  assert comparisons.copeland(odds).tolist() == [[1, 1, -3, 1]]


def test_two_candidates_by_hand():
  # One comparison at 3 to 1: so are the strengths.
  odds, compared = odds_of((1, 0, np.log(3)), count=3)
  found = comparisons.bradley_terry(odds, compared, draw=0.0)
  half = np.log(3) / 2
  np.testing.assert_allclose(found, [[-half, half, 0]], atol=1e-7)


@pytest.mark.parametrize("share", [1.0, 0.6])
def test_strengths_are_scipys(share):
  """Of complete tournaments, and of others that hang together."""
  n, count = 5, 7
  odds, compared = drawn(n, count, seed=3)
  rng = np.random.default_rng(0)
  left = np.triu(rng.random(compared.shape) < share)
  ring = np.eye(count, k=1, dtype=bool)
  compared = compared & (left | left.transpose(0, 2, 1) | ring | ring.T)
  found = comparisons.bradley_terry(odds, compared, draw=0.0)
  won = 1 / (1 + np.exp(-odds))

  for row in range(n):

    def loss(log, row=row):
      likelihood = -np.logaddexp(0, log[None, :] - log[:, None])
      return -(compared[row] * won[row] * likelihood).sum()

    best = scipy.optimize.minimize(
      loss, np.zeros(count), method="BFGS", options={"gtol": 1e-9}
    ).x
    np.testing.assert_allclose(found[row], best - best.mean(), atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(count=st.integers(2, 12), seed=st.integers(0, 999))
def test_of_a_whole_tournament_the_order_is_that_of_the_wins(count, seed):
  odds, compared = drawn(3, count, seed, scale=20.0)
  wins = (compared / (1 + np.exp(-np.clip(odds, -500, 500)))).sum(axis=2)
  found = comparisons.bradley_terry(odds, compared)
  more = wins[:, :, None] > wins[:, None, :] + 1e-4
  assert (found[:, :, None] > found[:, None, :])[more].all()
  assert np.isfinite(found).all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999))
def test_renaming_candidates_and_adding_requests_changes_nothing(seed):
  odds, compared = drawn(4, 6, seed)
  order = np.random.default_rng(seed).permutation(6)
  whole = comparisons.bradley_terry(odds, compared)
  turned = comparisons.bradley_terry(
    odds[:, order][:, :, order], compared[:, order][:, :, order]
  )
  np.testing.assert_allclose(turned, whole[:, order], atol=1e-6)
  alone = comparisons.bradley_terry(odds[2:3], compared[2:3])
  np.testing.assert_array_equal(alone[0], whole[2])


def test_who_cannot_be_told_apart_is_level():
  """Else rounding would decide, and not against us."""
  compared = ~np.eye(10, dtype=bool)[None]
  assert not comparisons.bradley_terry(np.zeros((1, 10, 10)), compared).any()
  assert not comparisons.copeland(np.zeros((1, 10, 10))).any()


def test_shapes_that_do_not_match():
  odds, compared = drawn(2, 3, 0)
  with pytest.raises(InputError, match=r"\[1, 3, 3\], got \[2, 3, 3\]"):
    comparisons.bradley_terry(odds, compared[:1])
