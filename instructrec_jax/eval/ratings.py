"""Ratings: read out of text or from likelihoods, and held against the truth.

Dimension letters: B requests, R ratings of the scale.
"""

import re
from collections.abc import Mapping, Sequence

import numpy as np

from instructrec_jax.errors import InputError
from instructrec_jax.eval import resampling

_NUMBER = re.compile(r"(?<![\w.,-])-?\d+(?:[.,]\d+)?(?![\w])")


def parse(text: str, low: float, high: float) -> float:
  """Returns the rating that a text gives, or NaN.

  It is the first number of the text, e.g. of "4.5", "Rating: 4,5 / 5" or "I
  would give it 4.5 out of 5 stars."; one that is not on the scale is none.

  Args:
    text: as generated.
    low: the least rating of the scale.
    high: the greatest.
  """
  found = _NUMBER.search(text)
  rating = float(found[0].replace(",", ".")) if found else np.nan
  return rating if low <= rating <= high else np.nan


def expected(
  log_likelihoods_BxR: np.ndarray, ratings_R: np.ndarray
) -> np.ndarray:
  """Returns the mean rating, weighted by the likelihoods of the ratings.

  Args:
    log_likelihoods_BxR: of each rating as the answer.
    ratings_R: what the columns stand for, e.g. 1 to 5.

  Returns:
    float64 [B].
  """
  best_Bx1 = log_likelihoods_BxR.max(axis=1, keepdims=True)
  weights_BxR = np.exp(log_likelihoods_BxR.astype(np.float64) - best_Bx1)
  return weights_BxR @ ratings_R / weights_BxR.sum(axis=1)


def measure(
  predicted: Sequence[float] | np.ndarray,
  actual: Sequence[float] | np.ndarray,
  seed: int,
) -> dict[str, resampling.Estimate]:
  """Measures ratings.

  Args:
    predicted: B ratings, NaN where there is none.
    actual: B ratings.
    seed: of the bootstrap.

  Returns:
    rmse and mae over those that were predicted, NaN if none was; and the
    share of the others, parse_failure_rate.

  Raises:
    InputError: there is no request, or not as many of both; or an actual rating
      is no number.
  """
  predicted_B = np.asarray(predicted, np.float64)
  actual_B = np.asarray(actual, np.float64)
  if predicted_B.shape != actual_B.shape or not np.isfinite(actual_B).all():
    raise InputError(
      f"ratings: expected as many predicted as actual ones, all of these "
      f"numbers; got {predicted_B.shape} and {actual_B.shape}, "
      f"{(~np.isfinite(actual_B)).sum()} of them no numbers"
    )
  parsed_B = np.isfinite(predicted_B)
  error_B = np.where(parsed_B, predicted_B - actual_B, 0.0)

  def figures(means: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    with np.errstate(invalid="ignore", divide="ignore"):
      parsed = np.asarray(means["parsed"])
      return {
        "rmse": np.sqrt(means["squared"] / parsed),
        "mae": means["absolute"] / parsed,
        "parse_failure_rate": 1.0 - parsed,
      }

  columns = {
    "squared": error_B**2,
    "absolute": np.abs(error_B),
    "parsed": parsed_B.astype(np.float64),
  }
  return resampling.estimates(columns, seed, figures)
