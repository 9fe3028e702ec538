"""Parses ratings from text, or derives them from likelihoods; measures them.

Dimension letters: B requests, R ratings of the scale.
"""

import re
from collections.abc import Mapping, Sequence

import numpy as np

from instructrec_jax.errors import InputError
from instructrec_jax.eval import resampling

_NUMBER = re.compile(r"(?<![\w.,-])-?\d+(?:[.,]\d+)?(?![\w])")
# A word before the rating, if other numbers come earlier.
_SAID = re.compile(
  r"\b(?:rating|rated?|score)\W*(?:\s(?:is|of|as|at|would be)\s+)?(?=-?\d)",
  re.IGNORECASE,
)
_WORDS = (
  "zero", "one", "two", "three", "four", "five", "six", "seven", "eight",
  "nine", "ten",
)  # fmt: skip
_WORD = "|".join(_WORDS)
# A number in letters must be the whole text: "no one" is not 1.
_IN_WORDS = re.compile(
  rf"\W*(?:(?:the |my )?(?:predicted )?rating(?: is|:)?\s+)?"
  rf"(?P<rating>{_WORD})(?P<half> and a half)?"
  rf"(?:\s+(?:stars?|points?))?(?:\s+(?:out )?of (?P<of>\d+|{_WORD}))?"
  r"(?:\s+(?:stars?|points?))?\W*",
  re.IGNORECASE,
)
_OF = re.compile(r"\s*(?:stars?\s*)?(?:/|\bout of\b|\bof\b)\s*(\d+(?:\.\d+)?)")


def parse(text: str, low: float, high: float) -> float:
  """Returns the rating that a text gives, or NaN.

  The rating is the first number after a word such as "rating", or else the
  first number, e.g. of "4.5", "Rating: 4,5 / 5" or "I would give it 4.5 out of
  5 stars." It may be in letters if the text says nothing else, as "four stars".
  A number off the scale is not a rating, nor is one on another scale, such as
  "4 out of 10" for a scale up to 5.

  Args:
    text: The generated text.
    low: The lowest rating of the scale.
    high: The highest.
  """
  if in_words := _IN_WORDS.fullmatch(text):
    rating = _WORDS.index(in_words["rating"].lower()) + 0.5 * bool(
      in_words["half"]
    )
    of = in_words["of"]
    of = str(_WORDS.index(of.lower())) if of and of.isalpha() else of
  else:
    said = _SAID.search(text)
    found = _NUMBER.search(text, said.end() if said else 0)
    if not found:
      return np.nan
    rating = float(found[0].replace(",", "."))
    of = (match := _OF.match(text, found.end())) and match[1]
  if of and float(of) != high:
    return np.nan
  return rating if low <= rating <= high else np.nan


def expected(
  log_likelihoods_BxR: np.ndarray, ratings_R: np.ndarray
) -> np.ndarray:
  """Returns the mean rating, weighted by the likelihoods of the ratings.

  Args:
    log_likelihoods_BxR: The log-likelihood of each rating as the answer.
    ratings_R: The rating of each column, e.g. 1 to 5.

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
    predicted: B ratings, NaN where parsing failed.
    actual: B ratings.
    seed: Seed of the bootstrap.

  Returns:
    rmse and mae of the parsed ratings, NaN if there are none; and
    parse_failure_rate, the share of the others.

  Raises:
    InputError: There is no request, the numbers of ratings differ, or an actual
      rating is not finite.
  """
  predicted_B = np.asarray(predicted, np.float64)
  actual_B = np.asarray(actual, np.float64)
  if predicted_B.shape != actual_B.shape or not np.isfinite(actual_B).all():
    raise InputError(
      "ratings: expected as many predicted as actual ones, and actual ones "
      f"that are finite; got {predicted_B.shape} and {actual_B.shape}, with "
      f"{(~np.isfinite(actual_B)).sum()} actual ones that are not finite"
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
