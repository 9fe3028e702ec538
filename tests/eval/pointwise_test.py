"""Yes and no against scikit-learn."""

import numpy as np
import pytest
import sklearn.metrics

from instructrec_jax.errors import InputError
from instructrec_jax.eval import pointwise


def answers(n=60, width=8, seed=0):
  rng = np.random.default_rng(seed)
  yes, no = rng.standard_normal((2, n, width)) * 2 - 8
  return yes, no, rng.random((n, width)) < 0.3


def test_agrees_with_sklearn():
  yes, no, labels = answers()
  found = pointwise.measure(yes - no, labels, seed=0)
  p = np.exp(pointwise.log_probability(yes, no))
  np.testing.assert_allclose(p, np.exp(yes) / (np.exp(yes) + np.exp(no)))
  assert found["log_loss"].value == pytest.approx(
    sklearn.metrics.log_loss(labels.ravel(), p.ravel())
  )
  assert found["accuracy"].value == pytest.approx(
    sklearn.metrics.accuracy_score(labels.ravel(), p.ravel() > 0.5)
  )
  assert pointwise.auc((yes - no).ravel(), labels.ravel()) == pytest.approx(
    sklearn.metrics.roc_auc_score(labels.ravel(), p.ravel())
  )


def test_ties_are_against_us():
  labels = np.array([True, False, True, False])
  assert pointwise.auc(np.zeros(4), labels) == 0
  # One of the four pairs is in order, and one is tied.
  assert pointwise.auc(np.array([0.0, 0, -1, -0.5]), labels) == 0.25


def test_padding_and_certainty():
  yes, no, labels = answers()
  odds = yes - no
  odds[0, :2], labels[0, :2] = [2000, -2000], [False, True]
  pad = ((0, 0), (0, 3))
  padded = pointwise.measure(
    np.pad(odds, pad, constant_values=np.nan),
    np.pad(labels, pad),
    seed=0,
    mask_BxC=np.pad(np.ones(odds.shape, bool), pad),
  )
  assert padded == pointwise.measure(odds, labels, seed=0)
  # 2,000 nats too sure, twice, cost what they cost.
  assert padded["log_loss"].value > 4000 / odds.size


def test_misfits():
  with pytest.raises(InputError, match="expected one shape"):
    pointwise.measure(np.zeros((1, 2)), np.zeros((1, 3)), seed=0)
  with pytest.raises(InputError, match="got 2 right of 2"):
    pointwise.auc(np.zeros(2), np.ones(2))
