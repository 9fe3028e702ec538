"""Yes and no against scikit-learn."""

import numpy as np
import pytest
import sklearn.metrics

from instructrec_jax.errors import InputError
from instructrec_jax.eval import resampling
from instructrec_jax.eval.procedures import pointwise


def answers(n=60, width=8, seed=0):
  rng = np.random.default_rng(seed)
  yes, no = rng.standard_normal((2, n, width)) * 2 - 8
  return yes, no, rng.random((n, width)) < 0.3


def measured(*arguments):
  columns = pointwise.columns(*arguments)
  return resampling.estimates(columns, 0, pointwise.figures)


def test_agrees_with_sklearn():
  yes, no, labels = answers()
  found = measured(yes - no, labels)
  p = np.exp(yes) / (np.exp(yes) + np.exp(no))
  assert found["log_loss"].value == pytest.approx(
    sklearn.metrics.log_loss(labels.ravel(), p.ravel())
  )
  assert found["accuracy"].value == pytest.approx(
    sklearn.metrics.accuracy_score(labels.ravel(), p.ravel() > 0.5)
  )
  assert found["pooled_auc"].value == pytest.approx(
    sklearn.metrics.roc_auc_score(labels.ravel(), p.ravel())
  )


def test_the_interval_of_auc_is_that_of_resampled_requests():
  yes, no, labels = answers()
  odds = yes - no + labels  # Something to be found.
  found = measured(odds, labels)["pooled_auc"]
  rng = np.random.default_rng(1)
  drawn = [
    sklearn.metrics.roc_auc_score(labels[rows].ravel(), odds[rows].ravel())
    for rows in rng.integers(0, len(odds), (1000, len(odds)))
  ]
  low, high = np.quantile(drawn, [0.025, 0.975])
  assert found.low == pytest.approx(low, abs=0.1 * (high - low))
  assert found.high == pytest.approx(high, abs=0.1 * (high - low))


def test_ties_are_against_us():
  labels = np.array([[True, False], [True, False]])
  for odds, auc in ((np.zeros((2, 2)), 0), ([[0.0, 0], [-1, -0.5]], 0.25)):
    # Of the second, one of the four pairs is in order, and one is tied.
    assert measured(np.array(odds), labels)["pooled_auc"].value == auc


def test_padding_and_certainty():
  yes, no, labels = answers()
  odds = yes - no
  odds[0, :2], labels[0, :2] = [2000, -2000], [False, True]
  pad = ((0, 0), (0, 3))
  padded = measured(
    np.pad(odds, pad, constant_values=np.nan),
    np.pad(labels, pad),
    np.pad(np.ones(odds.shape, bool), pad),
  )
  assert padded == measured(odds, labels)
  # 2,000 nats too sure, twice, cost what they cost.
  assert padded["log_loss"].value > 4000 / odds.size


def test_misfits():
  with pytest.raises(InputError, match="expected one shape"):
    pointwise.columns(np.zeros((1, 2)), np.zeros((1, 3)))
  with pytest.raises(InputError, match="row 0, column 1: expected a finite"):
    pointwise.columns(np.array([[0, np.nan]]), np.array([[1, 0]]))


def test_candidates_of_one_class_have_no_auc_but_the_rest():
  columns = pointwise.columns(np.array([[0.0, 2.0]]), np.ones((1, 2)))
  found = pointwise.figures({n: c.mean(0) for n, c in columns.items()})
  assert found == {
    "log_loss": pytest.approx((np.log(2) + np.log1p(np.exp(-2))) / 2),
    "accuracy": 0.5,
  }
