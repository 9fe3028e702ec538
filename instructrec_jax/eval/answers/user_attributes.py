"""Attributes of a user, written as "age group: 18-24, gender: F".

Attributes may come in any order and letter case, quoted or bold, on lines of
their own or within text. A colon, "=" or "is" separates name and value. A value
is right if it is the whole expected value. Text after it does not matter if a
full stop, a semicolon, a dash or a bracket comes between.
"""

import re
from collections.abc import Mapping, Sequence

import numpy as np

from instructrec_jax.errors import InputError
from instructrec_jax.eval import resampling

_WRAPPING = " \t\r\n,;.\"'“”\u2018\u2019`*_{}[]()"
# What separates a value from a comment.
_END = re.compile(r"[\"”*]*\s*(?:$|[(\[;]|[.,]?\s+[-\u2013\u2014]\s|\.\s)")
# What may come before the next attribute: "male, and the user's age: 27".
_LEAD_IN = re.compile(
  r"(?:[\s,;.]+(?:and|the|his|her|their|this|user(?:['\u2019]s)?))+[\s,;.]*$",
  re.IGNORECASE,
)
# Plausible numbers, as in the tables. Others count as parse failures.
RANGES = {"age": (5.0, 110.0), "birth year": (1910.0, 2020.0)}
_MONTH = r"[a-z]{3,9}\.?"
# A year in a date, and a number outside ranges and decades.
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

  A value ends at the next attribute's name or at the end of the line, so it may
  contain commas.

  Args:
    text: The generated text.
    names: Names of the attributes to find, in any letter case.

  Returns:
    Values by name, without surrounding white space and separators. If a name
    comes twice, its first value counts.
  """
  # The longest first, so "age group" does not match "age".
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

  It is the year of a date, or else the first number, as in "27", "about 27" or
  "27 years". A range such as "25-34" gives NaN, as does a number outside
  `RANGES`.

  Args:
    name: The attribute.
    value: Its value, as `parse` returns it.
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
  """Measures each attribute over the users whose value is known.

  Args:
    predicted: Attributes of B users. A missing attribute is wrong.
    actual: Attributes of B users. A missing attribute is unknown.
    names: Names of the attributes.
    seed: Seed of the bootstrap.
    numbers: The names whose values are numbers.

  Returns:
    For each name "n of NAME", the number of users whose value is known, and
    "accuracy of NAME", regardless of case and white space. A number has instead
    "rmse of NAME", over the parsed values, and "parse_failure_rate of NAME".
    They are NaN if n is 0.

  Raises:
    InputError: There is no user or name, the numbers of users differ, `numbers`
      has other names, or an actual number cannot be parsed.
  """
  if len(predicted) != len(actual):
    raise InputError(
      "attributes: expected as many predicted as actual users, got "
      f"{len(predicted)} and {len(actual)}"
    )
  if not names or not set(numbers) <= set(names):
    raise InputError(
      "attributes: expected names, and numbers that are among the names; got "
      f"names {list(names)} and numbers {list(numbers)}"
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
  """Returns whether a value is the truth, perhaps with a comment after it."""
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
