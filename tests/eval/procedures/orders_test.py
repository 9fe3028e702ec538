import itertools

import numpy as np
import pytest
import scipy.stats

from instructrec_jax.eval.procedures import orders


def test_agrees_with_scipy():
  rng = np.random.default_rng(0)
  counts = np.array([6, 4, 5])
  mask = np.arange(6) < counts[:, None]
  # Small whole numbers, so that some are level.
  scores = rng.integers(0, 5, (4, 3, 6)).astype(float)
  scores[:, ~mask] = -np.inf
  gains = np.zeros((3, 6))
  gains[:, 1] = 1
  found = orders.sensitivity(scores, gains, mask)
  for row, count in enumerate(counts):
    rows = scores[:, row, :count]
    taus = [
      scipy.stats.kendalltau(one, other).statistic
      for one, other in itertools.combinations(rows, 2)
    ]
    assert found["kendall_tau"][row] == pytest.approx(np.mean(taus))
    # Ties against us: the last place of those that are level.
    ranks = [(r >= r[1]).sum() for r in rows]
    assert found["rank_sd"][row] == pytest.approx(np.std(ranks))
    tops = [tuple(np.flatnonzero(r == r.max())) for r in rows]
    same = len(set(tops)) == 1 and len(tops[0]) == 1
    assert found["top_changes"][row] == 1 - same
    hits = [found[f"hit_{p}"][row] for p in range(4)]
    assert hits == [float(rank == 1) for rank in ranks]


def test_a_ranking_that_no_order_moves():
  scores = np.tile(np.arange(5.0), (3, 2, 1))
  gains = np.eye(5)[[4, 0]]
  found = orders.sensitivity(scores, gains, np.ones((2, 5), bool))
  means = {name: np.mean(column) for name, column in found.items()}
  assert orders.figures(means) == {
    "rank_sd": 0, "top_changes": 0, "kendall_tau": 1,
    "hr@1_lowest_order": 0.5, "hr@1_highest_order": 0.5,
  }  # fmt: skip


def test_orders_are_the_instance_s_and_the_seed_s():
  counts = np.array([7, 3, 7])
  drawn = orders.permutations([5, 6, 7], counts, 4, seed=0)
  for (_, row), columns in np.ndenumerate(drawn[:, :, 0] * 0 + [0, 1, 2]):
    del columns
    assert (
      np.sort(drawn[:, row, : counts[row]]) == np.arange(counts[row])
    ).all()
    assert (drawn[:, row, counts[row] :] == -1).all()
  alone = orders.permutations([7], counts[2:], 4, seed=0)
  np.testing.assert_array_equal(alone[:, 0], drawn[:, 2])
  other = orders.permutations([5, 6, 7], counts, 4, seed=1)
  assert (other[:, 0] != drawn[:, 0]).any()
