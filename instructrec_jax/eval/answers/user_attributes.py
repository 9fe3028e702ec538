"""Attributes of a user, written as "age group: 18-24, gender: F".

What is understood: the attributes in any order, behind a colon, "=" or "is",
in any case of letters, in quotes or bold, a line each or with text around.
What counts: the value as it was asked for, whole. More text behind it, after a
full stop, a semicolon, a dash or in brackets, takes nothing away.
"""

import re
from collections.abc import Mapping, Sequence

import numpy as np

from instructrec_jax.errors import InputError
from instructrec_jax.eval import resampling

_WRAPPING = " \t\r\n,;.\"'“”\u2018\u2019`*_{}[]()"
# Behind a value, what comes before text that is not of it.
_END = re.compile(r"[\"”*]*\s*(?:$|[(\[;]|[.,]?\s+[-\u2013\u2014]\s|\.\s)")
# What may lead to the next attribute's name: "male, and the user's age: 27".
_LEAD_IN = re.compile(
  r"(?:[\s,;.]+(?:and|the|his|her|their|this|user(?:['\u2019]s)?))+[\s,;.]*$",
  re.IGNORECASE,
)
# What a number may be at all, as in the tables: else it is not believed.
RANGES = {"age": (5.0, 110.0), "birth year": (1910.0, 2020.0)}
_MONTH = r"[a-z]{3,9}\.?"
# A year in a date, and a number that is no part of a range or of a decade.
_DATE = re.compile(
  r"\b(?P<iso>\d{4})-\d{1,2}-\d{1,2}\b"
  r"|\b\d{1,2}([./-])\d{1,2}\2(?P<numeric>\d{4})\b"
  rf"|\b\d{{1,2}}(?:st|nd|rd|th)?\s+{_MONTH},?\s+(?P<words>\d{{4}})\b"
  rf"|\b{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?,?\s+(?P<american>\d{{4}})\b",
  re.IGNORECASE,
)
_NUMBER = re.compile(r"(?<![\w.,-])\d+(?:\.\d+)?(?!\w)")
_RANGE = re.compile(r"\s*(?:[-\u2013\u2014+]|\b(?:to|or|and)\b)\s*\d?")


def parse(text: str, names: Sequence[str]) -> dict[str, str]:
  """Returns the attributes that a text gives.

  A value goes up to the next attribute's name or the end of the line, so it may
  hold commas.

  Args:
    text: as generated.
    names: of the attributes to look for, in any case of letters.

  Returns:
    Values by name, without blanks and separators around them; of a name that
    comes twice, the first. Names that are not there are left out.
  """
  # The longest first, so that "age group" is not taken for "age".
  known = "|".join(
    r"[\s_-]+".join(map(re.escape, name.split()))
    for name in sorted(names, key=len, reverse=True)
  )
  mark = rf"\b({known})[\"'*_`\u2019”]*\s*(?:[:=]|\bis\b)"
  marks = list(re.finditer(mark, text, re.IGNORECASE))
  by_key = {_key(name): name for name in names}
  found: dict[str, str] = {}
  ends = [*(mark.start() for mark in marks), len(text)][1:]
  for mark, end in zip(marks, ends, strict=True):
    value = text[mark.end() : end].strip().partition("\n")[0]
    value = _LEAD_IN.sub("", value).strip(_WRAPPING)
    if value:
      found.setdefault(by_key[_key(mark[1])], value)
  return found


def number(name: str, value: str) -> float:
  """Returns the number that an attribute's value gives, or NaN.

  It is the year of a date, or else the first number, as of "27", "about 27" or
  "27 years". A range such as "25-34" is none, nor is what is not in `RANGES`.

  Args:
    name: of the attribute.
    value: as `parse` found it.
  """
  if date := _DATE.search(value):
    found = float(next(year for year in date.groupdict().values() if year))
  elif (match := _NUMBER.search(value)) and not _RANGE.match(
    value, match.end()
  ):
    found = float(match[0])
  else:
    return np.nan
  low, high = RANGES.get(_key(name), (-np.inf, np.inf))
  return found if low <= found <= high else np.nan


def measure(
  predicted: Sequence[Mapping[str, str]],
  actual: Sequence[Mapping[str, str]],
  names: Sequence[str],
  seed: int,
  numbers: Sequence[str] = (),
) -> dict[str, resampling.Estimate]:
  """Measures each attribute over the users of whom it is known.

  Args:
    predicted: B users' attributes; one that is not there is wrong.
    actual: the same; one that is not there is not known.
    names: of the attributes.
    seed: of the bootstrap.
    numbers: those of the names that are numbers.

  Returns:
    "accuracy of NAME", case and blanks aside; or, of a number, "rmse of NAME"
    over those that can be read, and "parse_failure_rate of NAME", the share of
    the others. And "n of NAME", of how many users it is known; where that is 0,
    the others are NaN.

  Raises:
    InputError: there is no user, not as many of both, no name, a number that
      is no name, or an actual number that is none.
  """
  if len(predicted) != len(actual):
    raise InputError(
      f"attributes: {len(predicted)} users predicted, {len(actual)} actual"
    )
  if not names or not set(numbers) <= set(names):
    raise InputError(
      f"attributes: expected names, and numbers among them; got {list(names)} "
      f"and {list(numbers)}"
    )
  found = {}
  pairs = list(zip(predicted, actual, strict=True))
  for name in names:
    known = np.array([name in a for _, a in pairs], np.float64)
    if name in numbers:
      figures = _number_figures(pairs, name, known, seed)
    else:
      right = np.array(
        [name in a and _says(p.get(name), a[name]) for p, a in pairs]
      )
      figures = resampling.estimates(
        {"right": right, "known": known},
        seed,
        lambda means: {"accuracy": _share(means["right"], means["known"])},
      )
    found |= {f"{figure} of {name}": e for figure, e in figures.items()}
    count = float(known.sum())
    found[f"n of {name}"] = resampling.Estimate(count, count, count)
  return found


def _number_figures(
  pairs: Sequence[tuple[Mapping[str, str], Mapping[str, str]]],
  name: str,
  known_B: np.ndarray,
  seed: int,
) -> dict[str, resampling.Estimate]:
  """Returns rmse and parse_failure_rate of one attribute."""

  def read(attributes: Mapping[str, str]) -> float:
    return number(name, attributes.get(name, ""))

  actual_B = np.array([read(a) for _, a in pairs])
  wrong_B = (known_B > 0) & np.isnan(actual_B)
  if wrong_B.any():
    user = int(wrong_B.argmax())
    raise InputError(
      f"{name} of user {user}: expected a number{_within(name)}, got "
      f"{pairs[user][1][name]!r}"
    )
  error_B = np.array([read(p) for p, _ in pairs]) - actual_B
  read_B = np.isfinite(error_B)

  def figures(means: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {
      "rmse": np.sqrt(_share(means["squared"], means["read"])),
      "parse_failure_rate": 1.0 - _share(means["read"], means["known"]),
    }

  columns = {
    "squared": np.where(read_B, error_B, 0.0) ** 2,
    "read": read_B.astype(np.float64),
    "known": known_B,
  }
  return resampling.estimates(columns, seed, figures)


def _within(name: str) -> str:
  bounds = RANGES.get(_key(name))
  return " from {:g} to {:g}".format(*bounds) if bounds else ""


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
  with np.errstate(invalid="ignore", divide="ignore"):
    return np.divide(part, whole)


def _says(value: str | None, truth: str) -> bool:
  """Returns whether a value is the truth, perhaps with more text behind it."""
  if value is None:
    return False
  if _plain(value) == _plain(truth):
    return True
  return any(
    _plain(value[: end.start()]) == _plain(truth)
    for end in _END.finditer(value)
  )


def _plain(value: str) -> str:
  return " ".join(value.casefold().split()).strip(_WRAPPING)


def _key(name: str) -> str:
  return " ".join(re.split(r"[\s_-]+", name.lower()))
