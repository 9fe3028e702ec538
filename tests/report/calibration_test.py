"""Calibration against scikit-learn, and of what is calibrated by design."""

import numpy as np
import pytest
import scipy.special
import sklearn.calibration

from instructrec_jax.eval.predictions import Predictions
from instructrec_jax.report import calibration


def asked(log_p, positive, **more):
  n, width = log_p.shape
  return Predictions.of(
    np.arange(n), np.zeros(n), positive, [range(width)] * n, log_p, **more
  )


def drawn(n=4000, width=5, sharpness=1.0):
  """Positives that come with the probabilities given, if sharpness is 1."""
  rng = np.random.default_rng(0)
  logits = 2 * rng.standard_normal((n, width))
  p = scipy.special.softmax(logits, axis=1)
  positive = (p.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
  scores = scipy.special.log_softmax(sharpness * logits, axis=1)
  # Whatever all candidates share says nothing.
  return asked(scores - rng.random((n, 1)) * 50, positive), positive


def test_agrees_with_sklearn():
  predictions, positive = drawn(n=500)
  found = calibration.reliability(predictions)
  p = scipy.special.softmax(predictions.scores, axis=1).ravel()
  share, given = sklearn.calibration.calibration_curve(
    np.eye(5)[positive].ravel(), p, n_bins=calibration.BINS
  )
  np.testing.assert_allclose(found.given, given)
  np.testing.assert_allclose(found.found, share)
  assert found.counts.sum() == p.size


def test_error():
  right, _ = drawn()
  too_sure, _ = drawn(sharpness=3.0)
  assert calibration.reliability(right).error < 0.02
  assert calibration.reliability(too_sure).error > 0.05


@pytest.mark.parametrize(
  ("scores", "target", "more"),
  [
    ([[1.0, -1, -2]], [0], {}),  # no log-likelihood
    ([[np.nan, -1, -2]], [0], {}),
    ([[-np.inf, -np.inf, -np.inf]], [0], {}),
    ([[-1.0, -1, -2]], [[0, 1]], {}),  # two are relevant
    ([[-1.0, -1, -2]], [0], {"sizes": [9]}),  # more than is scored
  ],
)
def test_what_has_no_calibration(scores, target, more):
  assert calibration.reliability(asked(np.array(scores), target, **more)) is (
    None
  )
