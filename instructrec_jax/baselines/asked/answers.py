"""Reads a ranking from the answer of a language model.

Nothing here knows the target: what an answer says must not depend on whether it
is right.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

# A number is at most this long; more digits are no candidate.
_NUMBER = re.compile(r"(?<![\w.])\d{1,6}(?![\w.]*\w)")
_IN_BRACKETS = re.compile(r"\[\s*#?(\d{1,6})\s*\]")
# `[2] > [1]`, or the same without brackets.
_CHAIN = re.compile(r"\[?#?\d{1,6}\]?(?:\s*(?:>|→)\s*\[?#?\d{1,6}\]?)+")
# A line of numbers only, after an optional word such as "Ranking:".
_ROW = re.compile(
  r"(?:\W*+\w+(?: \w+){0,4}\s*+:)?\W*+(\d{1,6}(?:[\s,;\[\]#]++\d{1,6})+)"
  r"[\s\]).]*\Z"
)
_ALONE = re.compile(r"\W*(\d{1,6})\W*\Z")
# The place of a line in a list, and a number after it.
_PLACE = re.compile(r"[\s*_>-]*(?:#?\d{1,6}\s*[.):]|[-*•])[\s*_]+")
_NUMBER_FIRST = re.compile(r"[\W_]*+(?:no\.?|number|item)?\s*#?(\d{1,6})\b")
# A list within a list is no answer of ours, and must not be searched forever.
_OPENERS = re.compile(r"[\[{]")
_MOST_OPENERS = 200

# Reads columns of candidates, best first.
_Reader = Callable[[str, "_Titles"], Iterable[int]]


def read(said: str, titles: Sequence[str]) -> tuple[int, ...]:
  """Returns the ranking that an answer states.

  The first of these forms that names a candidate is read: a list in JSON,
  wherever it stands; `[2] > [1]`; numbers in one line; a candidate in each
  line, by its title or its number; numbers in brackets in a sentence. Repeated
  candidates count once, and numbers of no candidate are left out.

  Args:
    said: the answer, without reasoning.
    titles: the candidates' titles as they were shown, numbered from 1.

  Returns:
    Columns of candidates, best first; none if the answer is no ranking.
  """
  known = _Titles(titles)
  for reader in _READERS:
    found = tuple(
      dict.fromkeys(c for c in reader(said, known) if 0 <= c < len(titles))
    )
    if found:
      return found
  return ()


class _Titles:
  """The candidates' titles; those that are equal are found one by one."""

  def __init__(self, titles: Sequence[str]):
    self._columns: dict[str, list[int]] = {}
    for column, title in enumerate(titles):
      if name := _plain(title):
        self._columns.setdefault(name, []).append(column)
    # The longest first, as a title may begin another.
    self._longest = sorted(self._columns, key=len, reverse=True)

  def whole(self, text: str) -> list[int]:
    """Returns the candidates of which a text is the title."""
    return self._columns.get(_plain(text), [])

  def leading(self, text: str) -> list[int]:
    """Returns the candidates with whose title a text begins."""
    said = _plain(text)
    for name in self._longest:
      if said == name or said.startswith(name + " "):
        return self._columns[name]
    return []


def _plain(text: str) -> str:
  """Returns a text without case, signs and spaces that make no difference."""
  words = re.sub(r"[\W_]+", " ", text.casefold()).strip()
  return words or text.strip()


def _json(said: str, titles: _Titles) -> Iterator[int]:
  """Reads the last list of candidates in JSON."""
  decoder = json.JSONDecoder(strict=False)
  found, at = [], 0
  for _ in range(_MOST_OPENERS):
    match = _OPENERS.search(said, at)
    if match is None:
      break
    try:
      value, at = decoder.raw_decode(said, match.start())
      found.append(value)
    except (ValueError, RecursionError):
      at = match.start() + 1
  for value in reversed(found):
    # `[2]` in a sentence, or in a chain, is no list.
    if isinstance(value, list) and len(value) < 2:
      continue
    for some in _lists(value):
      columns = [c for one in some for c in _one(one, titles)]
      if columns:
        yield from columns
        return


def _lists(value: Any) -> Iterator[list]:
  """Yields a value if it is a list, or the lists that are its fields."""
  if isinstance(value, list):
    yield value
  elif isinstance(value, dict):
    yield from (one for one in value.values() if isinstance(one, list))
    texts = [one for one in value.values() if isinstance(one, str)]
    yield from (one for one in map(_split, texts) if one)


def _split(text: str) -> list[str]:
  """Returns the numbers of a text that consists of numbers."""
  row = _ROW.match(text) or _CHAIN.search(text)
  return re.findall(r"\d{1,6}", row[0]) if row else []


def _one(value: Any, titles: _Titles) -> list[int]:
  """Returns the candidate that an element of a list names."""
  if isinstance(value, dict):
    for inner in value.values():
      if found := _one(inner, titles):
        return found
    return []
  if isinstance(value, bool):
    return []
  if isinstance(value, float) and value.is_integer():
    value = int(value)
  if isinstance(value, int):
    return [value - 1]
  return _line(value, titles) if isinstance(value, str) else []


def _chain(said: str, titles: _Titles) -> Iterator[int]:
  """Reads the longest `[2] > [1]`; of equal ones, the last."""
  del titles
  chains = [re.findall(r"\d{1,6}", m[0]) for m in _CHAIN.finditer(said)]
  best = max(reversed(chains), key=len, default=[])
  yield from (int(number) - 1 for number in best)


def _lines(said: str, titles: _Titles) -> Iterator[int]:
  """Reads a candidate in each line, or in each part of `this > that`."""
  for line in said.splitlines():
    place = _PLACE.match(line)
    whole = titles.whole(line[place.end() :] if place else line)
    # A title may hold such a sign itself.
    for part in [line] if whole else re.split(r"\s>\s|\s→\s", line):
      yield from _line(part, titles)


def _row(said: str, titles: _Titles) -> Iterator[int]:
  """Reads numbers in one line."""
  for line in said.splitlines():
    if titles.leading(line) or _titled(line, titles):
      continue
    if row := _ROW.match(line):
      yield from (int(n) - 1 for n in _NUMBER.findall(row[1]))
      return


def _titled(line: str, titles: _Titles) -> bool:
  """Returns whether a line is a number and a title, which may be a number."""
  number = _NUMBER_FIRST.match(line)
  return bool(number and titles.whole(line[number.end() :].lstrip(" ].):")))


def _line(line: str, titles: _Titles) -> list[int]:
  """Returns the candidates that a line names by title or by number."""
  if found := titles.whole(line):
    return found
  place = _PLACE.match(line)
  rest = line[place.end() :] if place else line
  if found := titles.leading(rest):
    return found
  if bracket := _IN_BRACKETS.match(rest.lstrip(" \t*_")):
    return [int(bracket[1]) - 1]
  if alone := _ALONE.match(rest) or _ALONE.match(line):
    return [int(alone[1]) - 1]
  number = _NUMBER_FIRST.match(rest)
  # `3: Title`, or `1. 3 - Title`; other numbers begin a sentence.
  if number and titles.leading(rest[number.end() :]):
    return [int(number[1]) - 1]
  return []


def _brackets(said: str, titles: _Titles) -> Iterator[int]:
  """Reads numbers in brackets within sentences."""
  del titles
  yield from (int(m[1]) - 1 for m in _IN_BRACKETS.finditer(said))


_READERS: tuple[_Reader, ...] = (_json, _chain, _row, _lines, _brackets)
