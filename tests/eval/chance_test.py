"""What guessing reaches, by formula, against the paper and against guessing."""

import itertools

import numpy as np
import pytest

from instructrec_jax.eval import chance, metrics

NAMES = [*(f"{m}@{k}" for m in metrics.AT_K for k in (1, 3, 5)), *metrics.WHOLE]


def test_chance_of_ten_candidates_is_the_papers():
  found = chance.expected(
    metrics.Outcomes.of(np.zeros((1, 10)), np.eye(10)[:1])
  )
  assert found["hr@1"] == pytest.approx(0.1)
  assert found["hr@3"] == pytest.approx(0.3)
  assert found["hr@5"] == pytest.approx(0.5)
  # Both as the paper of InstructRec implies them for one positive and nine.
  assert found["ndcg@3"] == pytest.approx(0.2131, abs=5e-5)
  assert found["ndcg@5"] == pytest.approx(0.2948, abs=5e-5)
  assert found["mrr"] == pytest.approx(sum(1 / r for r in range(1, 11)) / 10)


@pytest.mark.parametrize(
  "gains", [[1], [1, 0], [1, 1, 0], [3, 1, 0, 0, 0], [2, 2, 1, 1, 0, 0], [1, 1]]
)
def test_chance_is_the_mean_over_every_order(gains):
  orders = np.array(list(itertools.permutations(gains)), float)
  scores = -np.tile(np.arange(float(len(gains))), (len(orders), 1))
  outcomes = metrics.Outcomes.of(scores, orders)
  expected = chance.expected(outcomes, NAMES)
  for name, values in metrics.measure(outcomes, NAMES).items():
    assert values.mean() == pytest.approx(expected[name]), name


def test_mixed_requests_and_whole_catalogues():
  rng = np.random.default_rng(0)
  sizes = np.repeat([2, 5, 2000], 20_000)
  ranks = rng.integers(1, sizes + 1)
  outcomes = metrics.Outcomes(
    sizes, np.arange(len(sizes)), ranks, np.ones(len(sizes))
  )
  expected = chance.expected(outcomes, NAMES)
  for name, values in metrics.measure(outcomes, NAMES).items():
    assert values.mean() == pytest.approx(expected[name], abs=0.01), name


def test_a_constant_scorer_is_never_above_chance():
  rng = np.random.default_rng(0)
  for constant in (0.0, -np.inf, np.inf, np.nan):
    gains = (rng.random((50, 7)) < 0.4).astype(float)
    gains[:, 0] = 2
    outcomes = metrics.Outcomes.of(np.full(gains.shape, constant), gains)
    expected = chance.expected(outcomes, NAMES)
    for name, values in metrics.measure(outcomes, NAMES).items():
      assert values.mean() <= expected[name] + 1e-12, name
