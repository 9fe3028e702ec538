"""Attributes of a user, written as "age group: 18-24, gender: F"."""

import re
from collections.abc import Mapping, Sequence

import numpy as np

from instructrec_jax.errors import InputError
from instructrec_jax.eval import resampling


def parse(text: str, names: Sequence[str]) -> dict[str, str]:
  """Returns the attributes that a text gives.

  A value goes up to the next attribute's name, so it may hold commas.

  Args:
    text: as generated.
    names: of the attributes to look for, in any case of letters.

  Returns:
    Values by name, without blanks and separators around them; of a name that
    comes twice, the first. Names that are not there are left out.
  """
  # The longest first, so that "age group" is not taken for "age".
  known = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
  marks = list(re.finditer(rf"\b({known})\s*[:=]", text, re.IGNORECASE))
  by_lower = {name.lower(): name for name in names}
  found: dict[str, str] = {}
  ends = [*(mark.start() for mark in marks), len(text)][1:]
  for mark, end in zip(marks, ends, strict=True):
    value = text[mark.end() : end].strip(" \t\r\n,;.")
    found.setdefault(by_lower[mark[1].lower()], value)
  return found


def accuracy(
  predicted: Sequence[Mapping[str, str]],
  actual: Sequence[Mapping[str, str]],
  seed: int,
) -> dict[str, resampling.Estimate]:
  """Returns how often each attribute is right, case and blanks aside.

  Args:
    predicted: B users' attributes; one that is not there is wrong.
    actual: the same, all with the same names.
    seed: of the bootstrap.

  Returns:
    The accuracy by name.

  Raises:
    InputError: there is no user, not as many of both, or other names.
  """
  if len(predicted) != len(actual):
    raise InputError(
      f"attributes: {len(predicted)} users predicted, {len(actual)} actual"
    )
  names = list(actual[0]) if actual else []
  for user, attributes in enumerate(actual):
    if set(attributes) != set(names):
      raise InputError(
        f"attributes of user {user}: expected {names}, got {list(attributes)}"
      )
  if not names:
    raise InputError("there is no attribute to measure")

  def plain(value: str | None) -> str | None:
    return None if value is None else " ".join(value.casefold().split())

  return resampling.estimates(
    {
      name: np.array(
        [
          plain(p.get(name)) == plain(a[name])
          for p, a in zip(predicted, actual, strict=True)
        ],
        np.float64,
      )
      for name in names
    },
    seed,
  )
