"""Attributes of people, in the same words for all sources."""

from collections.abc import Iterable

import polars as pl

from instructrec_jax import schema
from instructrec_jax.data.formats.text import Field

_RANGES = {"age": (5, 110), "birth_year": (1910, 2020)}
_GENDERS = {"m": "male", "f": "female"}


def gender(column: str) -> pl.Expr:
  """Returns a gender in lower-case words; null if none is given."""
  word = pl.col(column).str.strip_chars().str.to_lowercase()
  return word.replace({**_GENDERS, "": None})


def fields(names: Iterable[str], key: str) -> dict[str, Field]:
  """Returns the fields of a table of users with all columns of a file.

  A column whose name the table itself has, such as `user`, gets `_in_file`
  after it.

  Args:
    names: the file's columns.
    key: the column of the user's id.
  """
  found = {"user_id": Field(key, required=True)}
  for name in names:
    if name and name != key:
      free = name
      while free in schema.USERS or free in found:
        free += "_in_file"
      found[free] = Field(name)
  return found


def in_range(users: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
  """Replaces impossible ages and birth years by null.

  Args:
    users: may have `age` and `birth_year`, as integers.

  Returns:
    The users, and the number of impossible values by reason.
  """
  noted = {}
  for name, (low, high) in _RANGES.items():
    if name in users.columns:
      fits = users[name].is_between(low, high)
      noted[f"{name} is not from {low} to {high}"] = int((~fits).sum())
      users = users.with_columns(pl.when(fits).then(name).alias(name))
  return users, {what: number for what, number in noted.items() if number}
