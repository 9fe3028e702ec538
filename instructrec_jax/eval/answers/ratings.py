"""Parses ratings from text, or derives them from likelihoods; measures them.

Dimension letters: B requests, R ratings of the scale.
"""

import re
from collections.abc import Mapping, Sequence

import numpy as np

from instructrec_jax.errors import InputError
from instructrec_jax.eval import resampling
from instructrec_jax.eval.answers import forms

_WORDS = (
  "zero", "one", "two", "three", "four", "five", "six", "seven", "eight",
  "nine", "ten",
)  # fmt: skip
_WORD = "|".join(_WORDS)
_FIGURES = r"(?<![\w.,-])-?\d+(?:[.,]\d+)?(?![^\W\u00bd])"
_HALF = r"(?P<half>\s?\u00bd|\s+and\s+a\s+half\b|\s+1/2(?!\d))?"
# A number in figures or letters, perhaps with a half.
_AMOUNT = rf"(?P<amount>{_FIGURES}|\b(?:{_WORD})\b){_HALF}"
_OF = rf"\s*(?:stars?\s*)?(?:/|\bout\s+of\b)\s*(?P<of>\d+(?:\.\d+)?|{_WORD})\b"
_STAR = "[\u2605\u2b50\u2733\U0001f31f]"
# "1 to 5", which is the scale and no rating.
_RANGE = re.compile(
  rf"\(?\b(?P<low>\d+(?:\.\d+)?|{_WORD})\s*(?:to|through|and|-|\u2013|\u2014)"
  rf"\s*(?P<high>\d+|{_WORD})\b\)?",
  re.IGNORECASE,
)
_SCALE = re.compile(
  rf"\b(?:\d+|{_WORD})[\s-]+(?:point|star)s?\s+scale\b"
  rf"|\bscale\s+(?:of|out\s+of|up\s+to)\s+(?:\d+|{_WORD})\b",
  re.IGNORECASE,
)
_OUT_OF = re.compile(_AMOUNT + _OF, re.IGNORECASE)
# The forms of a rating. The first that a text has counts.
_FORMS = tuple(
  re.compile(form, re.IGNORECASE)
  for form in (
    # "Rating: 4", "I rate it 4", "my score would be four."
    r"\b(?:rat(?:es?|ed|ing)|scored?|answer|prediction)\b\W*"
    r"(?:(?:it|this|is|as|at|a|would|be|should|around|about|my)\b\W*)*"
    rf"(?:(?P<figures>{_FIGURES})(?P<more>\s?\u00bd)?"
    rf"|{_AMOUNT}(?=\s*(?:$|[.,;!)*]|stars?|points?|out)))",
    # "4 stars", "a four-star film", "4★"
    rf"{_AMOUNT}[\s-]*(?:stars?\b|points?\b|{_STAR})",
    # "Toy Story 2 deserves a solid 4"
    r"\b(?:gives?|deserves?|gets?|earns?)\b[^.]{0,60}?\ban?\s+(?:\w+\s+)?"
    rf"(?P<amount>{_FIGURES}){_HALF}",
  )
)
_DRAWN = re.compile(rf"((?:{_STAR}\s*)+)(?P<half>\u00bd)?")
_ALONE = re.compile(rf"(?:^|[:,])\W*{_AMOUNT}\W*$", re.IGNORECASE)
_FIRST = re.compile(rf"(?P<amount>{_FIGURES}){_HALF}")
# A word before the rating, if other numbers come earlier.
_SAID = re.compile(r"\b(?:rat(?:es?|ed|ing)|scored?)\b", re.IGNORECASE)
# Another scale after a number.
_OTHER = re.compile(
  r"\s*(?:stars?\s*)?(?:/|\bout\s+of\b|\bof\b)\s*"
  rf"(?P<of>\d+(?:\.\d+)?|{_WORD})\b",
  re.IGNORECASE,
)


def parse(text: str, low: float, high: float) -> float:
  """Returns the rating that a text gives, or NaN.

  Reasoning in <think>, and what a text says of the scale ("on a scale of 1 to
  5"), are no ratings. Otherwise the first of these forms that the text has
  counts, and of several ratings in one form the first:

  1. a number out of the scale's highest, such as "4.5/5" or "four out of 5";
  2. a number after a word such as "rating", "score" or "rate it";
  3. a number of stars or points, "4 stars";
  4. what something "deserves" or is given, "Toy Story 2 deserves a 4";
  5. drawn stars, such as "★★★★☆";
  6. a number that is the whole text, or its end after a colon or comma;
  7. the first number in figures after a word such as "rating", or else of all.

  A number off the scale is not a rating, nor is one on another scale, such as
  "4 out of 10" for a scale up to 5.

  Args:
    text: The generated text.
    low: The lowest rating of the scale.
    high: The highest.
  """
  said = _without_scale(forms.spoken(text).replace("\ufe0f", ""), low, high)
  for found in _OUT_OF.finditer(said):
    if _number(found["of"]) == high:
      return _rating(found, said, low, high)
  for form in _FORMS:
    if found := form.search(said):
      return _rating(found, said, low, high)
  if drawn := _DRAWN.search(said):
    stars = len(re.findall(_STAR, drawn[1])) + 0.5 * bool(drawn["half"])
    return stars if low <= stars <= high else np.nan
  word = _SAID.search(said)
  found = _ALONE.search(said) or _FIRST.search(said, word.end() if word else 0)
  return _rating(found, said, low, high) if found else np.nan


def _without_scale(text: str, low: float, high: float) -> str:
  """Returns a text without what it says of the scale, if that leaves more."""

  def cut(found: re.Match) -> str:
    lowest, highest = _number(found["low"]), _number(found["high"])
    whole = lowest in (low, 0, 1) and highest == high
    return " " if whole else found[0]

  rest = _SCALE.sub(" ", _RANGE.sub(cut, text))
  known = re.search(rf"\d|\b(?:{_WORD})\b|{_STAR}", rest, re.IGNORECASE)
  return rest if known else text


def _rating(found: re.Match, text: str, low: float, high: float) -> float:
  """Returns the rating of a match, or NaN if it is on another scale."""
  groups = found.groupdict()
  rating = _number(groups.get("figures") or groups["amount"])
  rating += 0.5 * bool(groups.get("half") or groups.get("more"))
  of = groups.get("of")
  if of is None:
    other = _OTHER.match(text, found.end())
    of = other["of"] if other else None
  if of is not None and _number(of) != high:
    return np.nan
  return rating if low <= rating <= high else np.nan


def _number(text: str) -> float:
  """Returns the value of a number in figures or letters."""
  if text.lower() in _WORDS:
    return float(_WORDS.index(text.lower()))
  return float(text.replace(",", "."))


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
