"""The types of settings, each with its words for messages and documentation.

A kind checks a value as gin gives it, and never changes it: T5X reads the same
files and would not convert a value either.
"""

import dataclasses
import math
import numbers
from collections.abc import Mapping
from typing import Any, Protocol

from instructrec_jax.errors import InputError

# The most characters of a value that a message shows.
_SHOWN = 80


class Kind(Protocol):
  """A type of a setting."""

  @property
  def words(self) -> str:
    """What a value must be, as "expected …" goes on."""

  def wrong(self, value: Any) -> str | None:
    """Returns what is wrong with a value, or None; "" adds no words."""


@dataclasses.dataclass(frozen=True)
class Whole:
  """A whole number."""

  least: int = 1
  most: int | None = None

  @property
  def words(self) -> str:
    """As `Kind.words`."""
    if self.most is not None:
      return f"a whole number from {self.least} to {self.most}"
    return f"a whole number of {self.least} or more"

  def wrong(self, value: Any) -> str | None:
    """As `Kind.wrong`."""
    if isinstance(value, float) and value.is_integer():
      return f"write {int(value)}"
    if not isinstance(value, numbers.Integral) or isinstance(value, bool):
      return ""
    whole = int(value)
    too_high = self.most is not None and whole > self.most
    return "" if whole < self.least or too_high else None


@dataclasses.dataclass(frozen=True)
class Number:
  """A finite number. Its bounds belong to it unless they are open."""

  least: float = 0.0
  most: float = math.inf
  above: bool = False
  below: bool = False

  @property
  def words(self) -> str:
    """As `Kind.words`."""
    low = f"more than {self.least:g}" if self.above else f"{self.least:g}"
    if self.most < math.inf:
      high = "below" if self.below else "at most"
      return f"a number of {low} or more, and {high} {self.most:g}"
    return f"a number {low}" if self.above else f"a number of {low} or more"

  def wrong(self, value: Any) -> str | None:
    """As `Kind.wrong`."""
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
      return ""
    x = float(value)
    low = x > self.least if self.above else x >= self.least
    high = x < self.most if self.below else x <= self.most
    return None if low and high and math.isfinite(x) else ""


@dataclasses.dataclass(frozen=True)
class Text:
  """A text that is not empty."""

  words: str = "a text in quotes"

  def wrong(self, value: Any) -> str | None:
    """As `Kind.wrong`."""
    return None if isinstance(value, str) and value else ""


@dataclasses.dataclass(frozen=True)
class Choice:
  """One of several values."""

  choices: tuple[Any, ...]

  @property
  def words(self) -> str:
    """As `Kind.words`."""
    *others, last = [_quoted(choice) for choice in self.choices]
    return f"{', '.join(others)} or {last}"

  def wrong(self, value: Any) -> str | None:
    """As `Kind.wrong`."""
    # True equals 1, but is not meant by it.
    same = (c for c in self.choices if type(c) is type(value) and c == value)
    return None if any(True for _ in same) else ""


YES_OR_NO = Choice((True, False))


@dataclasses.dataclass(frozen=True)
class OrNone:
  """None, or a value of another kind."""

  kind: Kind

  @property
  def words(self) -> str:
    """As `Kind.words`."""
    return f"{self.kind.words}, or None"

  def wrong(self, value: Any) -> str | None:
    """As `Kind.wrong`."""
    return None if value is None else self.kind.wrong(value)


@dataclasses.dataclass(frozen=True)
class Either:
  """A value of one of two kinds."""

  one: Kind
  other: Kind

  @property
  def words(self) -> str:
    """As `Kind.words`."""
    return f"{self.one.words}, or {self.other.words}"

  def wrong(self, value: Any) -> str | None:
    """As `Kind.wrong`."""
    wrong = self.one.wrong(value)
    return None if self.other.wrong(value) is None else wrong


@dataclasses.dataclass(frozen=True)
class ByName:
  """Values of one kind by name.

  Attributes:
    kind: The kind of each value.
    names: The names that must all be there, and no others; any by default.
    example: How it is written.
  """

  kind: Kind
  example: str
  names: tuple[str, ...] = ()

  @property
  def words(self) -> str:
    """As `Kind.words`."""
    return f"{self.kind.words} for each name, such as {self.example}"

  def wrong(self, value: Any) -> str | None:
    """As `Kind.wrong`."""
    if not isinstance(value, Mapping) or not value:
      return ""
    missing = [name for name in self.names if name not in value]
    if missing:
      return f"{missing[0]!r} is missing"
    for name, inner in value.items():
      if not isinstance(name, str) or (self.names and name not in self.names):
        return f"{name!r} is no name of it"
      wrong = self.kind.wrong(inner)
      if wrong is not None:
        return f"{name!r} is {inner!r}" + (f": {wrong}" if wrong else "")
    return None


@dataclasses.dataclass(frozen=True)
class Made:
  """What a configurable makes: `@adafactor()` in a gin file.

  Attributes:
    by: This project's configurables that make it. Others may too.
  """

  by: tuple[str, ...]

  @property
  def words(self) -> str:
    """As `Kind.words`."""
    return " or ".join(f"@{name}()" for name in self.by)

  def wrong(self, value: Any) -> str | None:
    """As `Kind.wrong`."""
    text = repr(value)
    if isinstance(value, str) or not text.startswith("@"):
      return ""
    if not text.endswith("()"):
      return f"write {text}()"
    made_by = text[1:-2].rpartition("/")[2]
    ours = value.configurable.wrapped.__module__.startswith("instructrec_jax.")
    names = [name.rpartition(".")[2] for name in self.by]
    return "" if ours and made_by.rpartition(".")[2] not in names else None


def check(name: str, kind: Kind, value: Any) -> None:
  """Raises InputError, in one line, if a value is not of a kind."""
  wrong = kind.wrong(value)
  if wrong is None:
    return
  shown = repr(value)
  if len(shown) > _SHOWN:
    shown = f"{shown[:_SHOWN]}…"
  more = f" ({wrong})" if wrong else ""
  raise InputError(f"{name} = {shown}: expected {kind.words}{more}")


def _quoted(value: Any) -> str:
  return f'"{value}"' if isinstance(value, str) else repr(value)
