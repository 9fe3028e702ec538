"""Intervals and tests against SciPy, and that hosts do not change a bit."""

import time

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from instructrec_jax.errors import InputError
from instructrec_jax.eval import resampling

RANKS = np.arange(1, 11).repeat(20)
FEW = {"mrr": 1 / RANKS, "hr@3": (RANKS <= 3).astype(float)}


def test_interval_is_scipys_percentile_bootstrap():
  # Both draw at random, so they agree within the noise of 10,000 resamples.
  rng = np.random.default_rng(0)
  values = {
    "rank": 1 / rng.integers(1, 11, 400),
    "many": rng.lognormal(size=400),
  }
  ours = resampling.estimates(values, seed=3, resamples=10_000)
  for name, column in values.items():
    theirs = scipy.stats.bootstrap(
      (column,),
      np.mean,
      n_resamples=10_000,
      method="percentile",
      random_state=np.random.default_rng(4),
      batch=1_000,
    )
    low, high = theirs.confidence_interval
    noise = 0.1 * theirs.standard_error
    assert ours[name].low == pytest.approx(low, abs=noise), name
    assert ours[name].high == pytest.approx(high, abs=noise), name
    assert ours[name].value == pytest.approx(column.mean()), name


def test_interval_holds_the_truth_95_times_in_100():
  shares = np.array([0.4, 0.3, 0.2, 0.1])
  truth = float(shares @ (1 / np.arange(1, 5)))
  rng = np.random.default_rng(0)
  inside = 0
  for seed in range(400):
    ranks = rng.choice(4, size=200, p=shares) + 1
    found = resampling.estimates({"mrr": 1 / ranks}, seed)["mrr"]
    inside += found.low <= truth <= found.high
  # Four standard deviations of a binomial(400, .95) below its mean.
  assert inside >= 362


def test_interval_depends_on_the_seed_alone():
  assert resampling.estimates(FEW, 1) == resampling.estimates(FEW, 1)
  assert resampling.estimates(FEW, 1) != resampling.estimates(FEW, 2)


def test_a_figure_that_follows_from_means():
  error = np.random.default_rng(0).standard_normal(300)

  def root(means):
    return {"rmse": np.sqrt(means["squared"])}

  squared = {"squared": error**2}
  mse = resampling.estimates(squared, 5)["squared"]
  rmse = resampling.estimates(squared, 5, root)["rmse"]
  assert rmse.value == pytest.approx(np.sqrt((error**2).mean()))
  # The root keeps the order, so only interpolation is between the two.
  assert rmse.low == pytest.approx(np.sqrt(mse.low), rel=1e-4)
  assert rmse.high == pytest.approx(np.sqrt(mse.high), rel=1e-4)


def test_blocks_of_resamples_cover_all(monkeypatch):
  whole = resampling.estimates(FEW, 1)
  theirs = {name: np.roll(column, 30) for name, column in FEW.items()}
  p_values = resampling.paired_p_values(FEW, theirs, 1)
  monkeypatch.setattr(resampling, "_BLOCK", 70)  # seven resamples a block
  assert resampling.estimates(FEW, 1) == whole
  assert resampling.paired_p_values(FEW, theirs, 1) == pytest.approx(
    p_values, abs=0.02
  )


@pytest.mark.parametrize("shift", [0.0, 0.3, 0.6])
def test_p_value_is_scipys_permutation_test(shift):
  rng = np.random.default_rng(1)
  ours = rng.standard_normal(12) + shift
  theirs = rng.standard_normal(12)

  def mean_difference(x, y, axis):
    return np.mean(x - y, axis=axis)

  # All 4,096 swaps, so SciPy's is exact.
  exact = scipy.stats.permutation_test(
    (ours, theirs),
    mean_difference,
    permutation_type="samples",
    n_resamples=np.inf,
    vectorized=True,
  ).pvalue
  found = resampling.paired_p_values({"m": ours}, {"m": theirs}, 0, 40_000)
  noise = 4 * np.sqrt(exact * (1 - exact) / 40_000)
  assert found["m"] == pytest.approx(exact, abs=noise + 1e-4)


def test_p_value_of_hits_is_mcnemars():
  # Ten requests only we have, three only they have: the sign test of 10 of 13.
  ours = np.array([1.0] * 10 + [0.0] * 3 + [1.0] * 40)
  theirs = np.array([0.0] * 10 + [1.0] * 3 + [1.0] * 40)
  exact = scipy.stats.binomtest(10, 13).pvalue
  found = resampling.paired_p_values({"hr": ours}, {"hr": theirs}, 0)
  assert found["hr"] == pytest.approx(exact, abs=0.015)


def test_p_values_of_no_difference_are_uniform():
  rng = np.random.default_rng(2)
  found = [
    resampling.paired_p_values(
      {"m": rng.standard_normal(30)}, {"m": rng.standard_normal(30)}, seed, 500
    )["m"]
    for seed in range(200)
  ]
  assert scipy.stats.kstest(found, "uniform").pvalue > 1e-3


def test_the_same_system_differs_from_itself_with_p_1():
  assert resampling.paired_p_values(FEW, FEW, 0) == {"mrr": 1.0, "hr@3": 1.0}
  never = resampling.paired_p_values(
    {"m": np.ones(1000)}, {"m": np.zeros(1000)}, 0, 999
  )
  assert never == {"m": 1 / 1000}  # Never 0.


def test_fifty_thousand_ranks_are_quick():
  ranks = np.random.default_rng(0).integers(1, 11, 50_546)
  seconds = []
  for _ in range(3):
    start = time.process_time()
    resampling.estimates({"mrr": 1 / ranks, "hr": ranks < 4}, seed=0)
    seconds.append(time.process_time() - start)
  assert min(seconds) < 1.0


@given(
  hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 30), st.just(2)),
    # Sums of such numbers depend on the order that they are added up in.
    elements=st.sampled_from([0.1, 0.3, 1 / 3, 0.63092975, 1e-9, 1.0]),
  ),
  st.randoms(use_true_random=False),
)
@settings(max_examples=50)
def test_order_of_requests_changes_no_bit(rows, random):
  order = list(range(len(rows)))
  random.shuffle(order)
  values = {"a": rows[:, 0], "b": rows[:, 1]}
  moved = {name: column[order] for name, column in values.items()}
  assert resampling.means(moved) == resampling.means(values)
  assert resampling.estimates(moved, 0) == resampling.estimates(values, 0)
  swapped = {"a": rows[:, 1], "b": rows[:, 0]}
  moved_swapped = {name: column[order] for name, column in swapped.items()}
  assert resampling.paired_p_values(moved, moved_swapped, 0, 100) == (
    resampling.paired_p_values(values, swapped, 0, 100)
  )


def test_no_request_is_an_error_not_nan():
  empty = {"m": np.zeros(0)}
  for measure in (
    lambda: resampling.means(empty),
    lambda: resampling.estimates(empty, 0),
    lambda: resampling.paired_p_values(empty, empty, 0),
  ):
    with pytest.raises(InputError, match="no request"):
      measure()


def test_other_requests_are_not_paired():
  with pytest.raises(InputError, match=r"same requests .* got 2 and 3"):
    resampling.paired_p_values({"m": np.ones(2)}, {"m": np.ones(3)}, 0)
