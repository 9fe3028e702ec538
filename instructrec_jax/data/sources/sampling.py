"""Looks at the first rows of tables of any form, to tell what they hold."""

import csv
import dataclasses
import functools
import io
import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from instructrec_jax import parquet
from instructrec_jax.data.formats import blocks, parts
from instructrec_jax.data.formats.text import decode
from instructrec_jax.errors import InputError

_ROWS = 2_000
# Values that are shown of a column, and characters of each.
_SHOWN, _WIDTH = 3, 40
_DELIMITERS = (",", "\t", ";", "|")
# What the ending of a file says of its delimiter.
_BY_SUFFIX = {".csv": ",", ".tsv": "\t"}
_TEXT = (*_BY_SUFFIX, ".txt", ".dat")
_LINES = (".jsonl", ".ndjson", ".json")
_DATE = re.compile(
  r"^(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4})"
  r"(?:[T ]\d{1,2}:\d\d.*)?$"
)
_NUMBER = re.compile(r"^-?[0-9]+(?:\.[0-9]+)?$")
_MONEY = re.compile(
  r"^\s*(?:[A-Z]{3}|[$€£¥])?\s*\d[\d.,]*\s*(?:[$€£¥]|[A-Z]{3})?$"
)
# The years 1985 to 2065, in seconds, and what a number of each unit is of them.
_SECONDS = (473_385_600, 3_000_000_000)
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


@dataclasses.dataclass(frozen=True, eq=False)
class Column:
  """Values of a column in the first rows of a file; empty ones are left out.

  Attributes:
    name: its name.
    values: the values, as text.
    rows: the number of rows that were looked at.
    named: whether the file says its name.
  """

  name: str
  values: Sequence[str]
  rows: int
  named: bool = True

  @property
  def shown(self) -> str:
    """The first different values, for a person to look at."""
    first = list(dict.fromkeys(self.values))[:_SHOWN]
    return ", ".join(
      repr(value if len(value) <= _WIDTH else value[:_WIDTH] + "…")
      for value in first
    )

  @property
  def words(self) -> list[str]:
    """The words of the name, in small letters."""
    return words_of(self.name)

  @functools.cached_property
  def _numbers(self) -> list[float]:
    found = []
    for value in self.values:
      try:
        found.append(float(value))
      except ValueError:
        continue
    return found

  def _share(self, pattern: str | re.Pattern[str]) -> float:
    fits = sum(bool(re.search(pattern, value)) for value in self.values)
    return fits / max(1, len(self.values))

  @property
  def filled(self) -> float:
    """The share of rows that have a value."""
    return len(self.values) / max(1, self.rows)

  @functools.cached_property
  def distinct(self) -> float:
    """The share of values that are different."""
    return len(set(self.values)) / max(1, len(self.values))

  @property
  def numbers(self) -> float:
    """The share of values that are numbers."""
    return len(self._numbers) / max(1, len(self.values))

  @functools.cached_property
  def money(self) -> float:
    """The share of values that are amounts, such as `$12.99`."""
    return self._share(_MONEY)

  @functools.cached_property
  def letters(self) -> float:
    """The share of values that have letters."""
    return self._share(r"[^\W\d_]")

  @functools.cached_property
  def blanks(self) -> float:
    """The share of values of several words."""
    return self._share(r"\S\s+\S")

  @functools.cached_property
  def is_code(self) -> bool:
    """Whether the values are codes, such as `B07X` and `p-17`, or links."""
    return self._share(r"^(?=\S*\d)[\w.-]{2,}$|^https?://") > 0.8

  @property
  def most(self) -> float:
    """The largest number; 0 if there is none."""
    return max(self._numbers, default=0)

  @functools.cached_property
  def unit(self) -> str | None:
    """The unit of times that are numbers; None if they are not."""
    if not self._numbers or self.numbers < 0.9:
      return None
    low, high = _SECONDS
    for unit, per_second in _PER_SECOND.items():
      fits = sum(low <= number / per_second <= high for number in self._numbers)
      if fits > 0.9 * len(self.values):
        return unit
    return None

  @functools.cached_property
  def is_time(self) -> bool:
    """Whether the values are times: dates, or numbers of a likely size."""
    return self._share(_DATE) > 0.9 or self.unit is not None

  def shares(self, other: "Column") -> float:
    """Returns the share of distinct values that the other has too."""
    mine = set(self.values)
    return len(mine & set(other.values)) / max(1, len(mine))


@dataclasses.dataclass(frozen=True, eq=False)
class Sample:
  """The first rows of a file.

  Attributes:
    name: the file's name in its folder, or that of the folder of its parts.
    columns: its columns.
    delimiter: what stands between its columns; None if nothing does.
    expected: what its ending says of that.
  """

  name: str
  columns: Sequence[Column]
  delimiter: str | None = None
  expected: str | None = None


def words_of(name: str) -> list[str]:
  """Returns the words of a name such as `userId`, `user_id` or `User-ID`."""
  apart = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
  return [w.lower() for w in re.split(r"[\W_]+", apart) if w]


def samples(folder: Path) -> list[Sample]:
  """Returns the first rows of each table in a folder, in order of name."""
  if not folder.is_dir():
    return []
  found = []
  for path in sorted(folder.iterdir()):
    if path.name.startswith("."):
      continue
    try:
      sample = _sample(path, path.name)
    except (InputError, OSError, ValueError, RecursionError):
      continue
    if sample is not None and sample.columns:
      found.append(sample)
  return found


def _sample(path: Path, name: str) -> Sample | None:
  """Returns the first rows of a file; None if it is not a table."""
  if path.is_dir():
    # The first part of a table in parts.
    first = parts.of(path)[:1]
    return _sample(first[0], name) if first else None
  suffix = parts.ending(path)
  if suffix == ".parquet":
    with parquet.reading(path):
      frame = parquet.scan(path).head(_ROWS).collect()
    return Sample(name, _columns(frame.columns, frame.rows()))
  if suffix in _LINES:
    return Sample(name, _of_lines(path))
  if suffix in _TEXT:
    return _of_text(path, name, _BY_SUFFIX.get(suffix))
  return None


def _columns(
  names: Sequence[str], rows: Sequence[Sequence[Any]], named: bool = True
) -> list[Column]:
  values = zip(*rows, strict=True) if rows else ([] for _ in names)
  return [
    Column(
      name, [str(v) for v in column if v not in (None, "")], len(rows), named
    )
    for name, column in zip(names, values, strict=True)
  ]


def _of_lines(path: Path) -> list[Column]:
  """Returns the columns of a file of one JSON object per line."""
  lines = blocks.first(path).split(b"\n")[:_ROWS]
  objects: list[Mapping[str, Any]] = []
  for line in lines:
    try:
      value = json.loads(line)
    except (ValueError, RecursionError):
      continue
    if isinstance(value, dict):
      objects.append(value)
  names = dict.fromkeys(name for each in objects for name in each)
  return _columns([*names], [[o.get(n) for n in names] for o in objects])


def _of_text(path: Path, name: str, expected: str | None) -> Sample | None:
  text = io.StringIO(decode(blocks.first(path)), newline=None)
  lines = [*itertools.islice(text, _ROWS + 1)]  # U+2028 ends no line.
  best: tuple[int, Sample] | None = None
  for delimiter in dict.fromkeys((expected or ",", *_DELIMITERS)):
    names, rows = _split(lines, delimiter)
    if best is None or len(names) > best[0]:
      named = not any(map(_is_value, names))
      if not named:
        rows = [names, *rows]
        names = [f"column_{place}" for place in range(1, len(names) + 1)]
      columns = _columns(names, rows, named)
      sample = Sample(name, columns, delimiter, expected)
      best = len(names), sample
  return None if best is None or best[0] < 2 else best[1]


def _is_value(name: str) -> bool:
  """Returns whether a name is a number or a date: the file has no header."""
  return bool(_NUMBER.match(name) or _DATE.match(name))


def _split(
  lines: Sequence[str], delimiter: str
) -> tuple[list[str], list[list[str]]]:
  """Returns the names of the columns, and the rows that have all of them."""
  quoting = csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL
  records = _records(csv.reader(lines, delimiter=delimiter, quoting=quoting))
  names = next(records, [])
  rows = [row for row in records if len(row) == len(names)]
  if 2 * len(rows) < len(lines) - 1:
    return [], []
  return names, rows


def _records(reader: Iterator[list[str]]) -> Iterator[list[str]]:
  try:
    yield from reader
  except csv.Error:
    return
