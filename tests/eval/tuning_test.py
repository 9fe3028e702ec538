"""The weights that are planted are chosen."""

import numpy as np
import pytest

from instructrec_jax.eval import tuning
from instructrec_jax.eval.recording import evaluator
from instructrec_jax.model import exchange


@pytest.mark.parametrize("planted", [(0.0, 0.0), (1.0, 0.0), (0.5, 1.5)])
def test_planted_weights_are_chosen(planted):
  peak = np.array(planted)
  chosen = tuning.choose(
    lambda weights: -np.abs(np.array(weights) - peak).sum()
  )
  np.testing.assert_allclose(chosen, planted, atol=1e-9)


def test_equal_figures_choose_nothing():
  assert tuning.choose(lambda weights: 0.5) == tuning.PLAIN


def test_parts_that_were_added_are_taken_off():
  """The target has the best wish, hidden by a prior and by popularity."""
  rng = np.random.default_rng(0)
  n, c = 300, 10
  wish, prior = rng.normal(0, 1, (n, c)), rng.normal(0, 4, (n, c))
  popularity = rng.uniform(0, 6, (n, c))
  likelihood = wish + prior - 1.0 * popularity
  targets = [
    {
      "instance": row,
      "user": row,
      "target": int(wish[row].argmax()),
      "candidates": list(range(c)),
    }
    for row in range(n)
  ]

  def ndcg(weights):
    scores = exchange.exchanged(likelihood, prior, popularity, *weights)
    return evaluator.ranking_metric_fn(targets, scores)["ndcg@10"]

  assert ndcg(tuning.PLAIN) < 0.7
  chosen = tuning.choose(ndcg)
  np.testing.assert_allclose(chosen, (1.0, 1.0), atol=0.06)
  assert ndcg(chosen) > 0.98
