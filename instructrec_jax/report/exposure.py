"""Exposure: coverage, popularity and evenness of all recommendations.

Dimension letters: B requests, C candidates, K recommended, I items.
"""

import numpy as np

from instructrec_jax.errors import InputError
from instructrec_jax.eval.predictions import Predictions


def top(predictions: Predictions, k: int) -> np.ndarray:
  """Returns the item codes of the first `k` places.

  Args:
    predictions: Predictions of a system. Ties are in the order of `best_first`.
    k: The most recommendations for a request.

  Returns:
    int64 [recommendations].
  """
  order_BxC = best_first(predictions)[:, :k]
  items_BxK = np.take_along_axis(predictions.candidates, order_BxC, axis=1)
  shown_BxK = np.take_along_axis(predictions.mask, order_BxC, axis=1)
  return items_BxK[shown_BxK]


def best_first(predictions: Predictions) -> np.ndarray:
  """Returns the columns of each request's candidates, best first.

  Ties are in the order of `Outcomes.of`: lower gains first, then by item code.

  Returns:
    int64 [B, C], with columns without a candidate last.
  """
  scores_BxC = predictions.scores.astype(np.float64)
  relevant_BxC = predictions.gains > 0
  keys_BxC = np.where(
    np.isnan(scores_BxC), np.where(relevant_BxC, np.inf, -np.inf), -scores_BxC
  )
  return np.lexsort(
    (predictions.candidates, predictions.gains, keys_BxC, ~predictions.mask),
    axis=1,
  )


def measure(items: np.ndarray, train_count_I: np.ndarray) -> dict[str, float]:
  """Measures recommendations.

  Args:
    items: Item codes [recommendations], as often as they were recommended.
    train_count_I: How often each item of the catalogue was chosen in training.

  Returns:
    Three figures by name. The coverage is the share of the catalogue that was
    recommended at all. The popularity is the mean train_count of a
    recommendation. The gini is 0 if all items of the catalogue were recommended
    equally often, and nearly 1 if only one was.

  Raises:
    InputError: There are no items, or one is not in the catalogue.
  """
  if not len(items):
    raise InputError("expected recommendations to measure, got none")
  if items.min() < 0 or items.max() >= len(train_count_I):
    raise InputError(
      f"expected item codes from 0 to {len(train_count_I) - 1}, got "
      f"{items[(items < 0) | (items >= len(train_count_I))][0]}"
    )
  times_I = np.bincount(items, minlength=len(train_count_I))
  return {
    "coverage": float((times_I > 0).mean()),
    "popularity": float(train_count_I[items].mean()),
    "gini": gini(times_I),
  }


def gini(times_I: np.ndarray) -> float:
  """Returns the Gini coefficient of how often each item was recommended.

  It is half the mean difference of two items drawn with replacement, over the
  mean (Gini, 1912), in the form for sorted values.

  Args:
    times_I: Integers of 0 or more, not all 0.
  """
  n = len(times_I)
  places_I = 2 * np.arange(1, n + 1) - n - 1
  return float(places_I @ np.sort(times_I) / (n * times_I.sum()))
