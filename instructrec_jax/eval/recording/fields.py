r"""Checks the fields of results, which anybody may have written or damaged.

A check takes the value of a field. It returns the value as this program uses
it, or raises a ValueError that says what was expected. Texts become plain here,
once and for all outputs: their control characters are shown as \x1b.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from instructrec_jax.errors import InputError
from instructrec_jax.eval import resampling
from instructrec_jax.files import texts

Check = Callable[[Any], Any]
# Catalogues are not larger. Figures have a bar or a place for each rank, so a
# size decides how much memory they take. Item codes may be larger: those of
# several domains hold the number of the domain.
MOST_ITEMS = 2**26
_INT64 = 2**63
_LONGEST_NAME = 4096
# Gains between these bounds can be added up and divided.
_GAINS = 1e-12, 1e12
# JSON has no such numbers; see results.write.
_WORDS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def checked(
  row: Mapping[str, Any], checks: Mapping[str, Check], where: object
) -> dict[str, Any]:
  """Returns the fields of a row, checked.

  Args:
    row: values by field. Fields without a check are left out.
    checks: the check of each field. A field may be absent.
    where: the place of the row, for messages.

  Raises:
    InputError: a field is not as its check expects.
  """
  found = {}
  for field, check in checks.items():
    if field in row:
      try:
        found[field] = check(row[field])
      except ValueError as error:
        raise InputError(
          f"{where}: {field}: expected {error}, got {row[field]!r:.80}"
        ) from None
  return found


def name(value: Any) -> str:
  """Checks a text on one line."""
  if not isinstance(value, str) or len(value) > _LONGEST_NAME:
    raise ValueError(f"a text of at most {_LONGEST_NAME:,} characters")
  return texts.plain(value)


def lines(value: Any) -> str:
  """Checks a text of several lines."""
  if not isinstance(value, str):
    raise ValueError("a text")
  return texts.plain_lines(value)


def names(value: Any) -> list[str]:
  """Checks a list of texts on one line, of any length."""
  if not isinstance(value, list) or not _all_of(value, str):
    raise ValueError("a list of texts")
  return [texts.plain(text) for text in value]


def integer(value: Any) -> int:
  """Checks an integer of 64 bits."""
  if type(value) is not int or not -_INT64 <= value < _INT64:
    raise ValueError("an integer")
  return value


def count(value: Any) -> int:
  """Checks an integer of 0 or more."""
  if integer(value) < 0:
    raise ValueError("an integer of 0 or more")
  return value


def size(value: Any) -> int:
  """Checks a number of items."""
  if type(value) is not int or not 0 < value <= MOST_ITEMS:
    raise ValueError(f"an integer from 1 to {MOST_ITEMS:,}")
  return value


def codes(value: Any) -> list[int]:
  """Checks a list of one or more item codes."""
  if not isinstance(value, list) or not value or not _all_of(value, int):
    raise ValueError("a list of one or more item codes")
  if not 0 <= min(value) <= max(value) < _INT64:
    raise ValueError(f"item codes from 0 to {_INT64 - 1:,}")
  return value


def code_or_codes(value: Any) -> int | list[int]:
  """Checks an item code, or a list of one or more."""
  if isinstance(value, list):
    return codes(value)
  [code] = codes([value])
  return code


def number(value: Any) -> float:
  """Checks a finite number."""
  if type(value) not in (int, float) or not _is_finite(value):
    raise ValueError("a finite number")
  return float(value)


def any_number(value: Any) -> float:
  """Checks a number that may be NaN or infinite."""
  if type(value) is float:
    return value
  try:
    return number(value)
  except ValueError:
    raise ValueError("a number") from None


def scores(value: Any) -> list[float]:
  """Checks a list of numbers, of which some may be words such as "nan"."""
  if not isinstance(value, list) or not all(map(_is_score, value)):
    raise ValueError(f"a list of numbers or of {sorted(_WORDS)}")
  if _all_of(value, float):
    return value
  return [_WORDS[x] if isinstance(x, str) else float(x) for x in value]


def gains(value: Any) -> list[float]:
  """Checks a list of the gains of relevant items."""
  low, high = _GAINS
  if (
    not isinstance(value, list)
    or not _all_of(value, int, float)
    or not all(low <= gain <= high for gain in value)
  ):
    raise ValueError(f"a list of numbers from {low} to {high}")
  return [float(gain) for gain in value]


def flag(value: Any) -> bool:
  """Checks true or false."""
  if not isinstance(value, bool):
    raise ValueError("true or false")
  return value


def property_of_request(value: Any) -> str | int | float | bool:
  """Checks a value that requests are grouped by."""
  if isinstance(value, str):
    return name(value)
  if isinstance(value, bool):
    return value
  return integer(value) if isinstance(value, int) else number(value)


def estimate(value: Any) -> resampling.Estimate:
  """Checks a figure with its interval."""
  return _estimate(value, number)


def estimate_or_nan(value: Any) -> resampling.Estimate:
  """Checks a figure with its interval, where null is NaN."""
  return _estimate(value, lambda x: math.nan if x is None else number(x))


def _estimate(value: Any, check: Check) -> resampling.Estimate:
  expected = "an object with the numbers value, low and high"
  if not isinstance(value, dict) or value.keys() != {"value", "low", "high"}:
    raise ValueError(expected)
  try:
    return resampling.Estimate(**{key: check(x) for key, x in value.items()})
  except ValueError:
    raise ValueError(expected) from None


def optional(check: Check) -> Check:
  """Returns a check that lets null pass."""
  return lambda value: None if value is None else check(value)


def by_name(check: Check) -> Check:
  """Returns a check of an object whose values pass another check."""

  def check_all(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
      raise ValueError("an object")
    found = {}
    for key, inner in value.items():
      try:
        found[name(key)] = check(inner)
      except ValueError as error:
        raise ValueError(f"{error} for {key!r:.80}") from None
    return found

  return check_all


def _all_of(values: Sequence[Any], *types: type) -> bool:
  return {*map(type, values)} <= {*types}


def _is_score(value: Any) -> bool:
  if isinstance(value, str):
    return value in _WORDS
  return type(value) is float or (type(value) is int and _is_finite(value))


def _is_finite(value: float) -> bool:
  try:
    return math.isfinite(value)
  except OverflowError:  # Of an integer beyond all floats.
    return False
