"""The score's parts, against SciPy and by hand."""

import jax
import numpy as np
import scipy.special

from instructrec_jax.model import exchange

INF = np.inf


def test_log_mean_equals_scipy():
  each = np.random.default_rng(0).normal(-40, 9, (5, 3, 4)).astype(np.float32)
  each[:, 1, 3] = -INF
  found = exchange.log_mean(each)
  expected = scipy.special.logsumexp(each.astype(np.float64), axis=0)
  np.testing.assert_allclose(found, expected - np.log(5), rtol=1e-5)
  assert found[1, 3] == -INF


def test_scores_by_hand():
  likelihood = np.array([[-1.0, -2.0, -INF]])
  prior = np.array([[-3.0, -1.0, -INF]])
  popularity = np.array([[2.0, 0.0, 0.0]])
  parts = (likelihood, prior, popularity)
  for function in (
    exchange.exchanged,
    jax.jit(exchange.exchanged, static_argnums=(3, 4)),
  ):
    found = function(*parts, 0.5, 2.0)
    np.testing.assert_allclose(found, [[-1 + 1.5 + 4, -2 + 0.5, -INF]])
  np.testing.assert_array_equal(
    exchange.exchanged(likelihood, None, None, 0.0, 0.0), likelihood
  )
