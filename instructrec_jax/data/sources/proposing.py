"""Proposes the command for a folder of somebody's own tables.

Which column is the user, the item, the time and so on is guessed from the names
of the columns and from the first rows. The proposal shows values of each, for a
person to check. Nothing is read in this way without that check.
"""

import dataclasses
import itertools
import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from instructrec_jax.data.sources import sampling
from instructrec_jax.data.sources.sampling import Column, Sample

# Names of columns in logs and exports, without the words that only say that it
# is an id. The earlier of two names is the better one.
_NAMES = {
  "user": (
    *("user", "customer", "client", "buyer", "shopper", "member", "visitor"),
    *("account", "patron", "subscriber", "reader", "listener", "viewer"),
    *("player", "reviewer", "person", "who", "uid", "cust", "usr", "profile"),
    *("email", "session"),
  ),
  "item": (
    *("item", "product", "sku", "asin", "isbn", "article", "movie", "film"),
    *("book", "track", "song", "artist", "album", "game", "anime", "business"),
    *("recipe", "news", "video", "course", "listing", "variant", "upc", "ean"),
    *("prod", "iid", "pid", "what", "stock code", "stockcode", "id", "code"),
  ),
  "time": (
    *("timestamp", "time", "datetime", "date", "created", "bought", "ordered"),
    *("purchased", "event time", "ts", "when", "day", "watched", "viewed"),
    *("clicked", "rated", "invoice date", "occurred", "at", "on"),
  ),
  "title": (
    *("title", "name", "headline", "label", "description", "lineitem name"),
    *("designation", "libelle", "titel", "bezeichnung"),
  ),
  "rating": ("rating", "stars", "score", "overall", "grade", "rate"),
  "review": ("review", "review text", "text", "comment", "body", "opinion"),
  "summary": ("summary", "review title", "review summary", "headline"),
  "category": (
    *("category", "genre", "tag", "label", "department", "type", "topic"),
    *("collection", "kind", "class"),
  ),
  "brand": (
    *("brand", "manufacturer", "maker", "author", "artist", "vendor"),
    *("publisher", "studio", "developer", "store"),
  ),
  "price": ("price", "cost", "unit price", "amount"),
  "year": ("year", "release year", "published", "released"),
  "description": ("description", "about", "synopsis", "abstract", "plot"),
}
# What is known of an interaction, and of an item, beside what must be.
_OF_INTERACTION = ("rating", "review", "summary")
_OF_ITEM = ("category", "brand", "price", "year", "description")
# A column with such a word in its name is no id of a user or an item.
_NO_ID = {
  *("rating", "score", "stars", "review", "title", "price", "quantity", "qty"),
  *("count", "total", "amount", "age", "url", "image", "location", "category"),
  *("description", "order", "invoice", "rank", "genre", "genres", "tags"),
}
# What files and columns are called if nobody says how.
_DEFAULT = {
  "interactions": ("user_id", "item_id", "timestamp"),
  "items": ("item_id", "title"),
}
_REQUIRED = ("user", "item", "item", "title")
# Below this, a name and its values say nothing.
_LEAST = 0.5


@dataclasses.dataclass(frozen=True)
class Choice:
  """A column that is proposed.

  Attributes:
    option: the option that names it, such as "user_column".
    file: the name of its file.
    column: the column.
  """

  option: str
  file: str
  column: Column


@dataclasses.dataclass(frozen=True)
class Proposal:
  """What is proposed for a folder.

  Attributes:
    command: a command that can be pasted into a shell.
    choices: the columns it names.
  """

  command: str
  choices: Sequence[Choice]

  def lines(self) -> Iterator[str]:
    """Yields a line per column, with values of it."""
    rows = [
      (f"--{c.option}", f"{c.file}: {c.column.name}", c.column.shown)
      for c in self.choices
    ]
    wide = [max(len(row[k]) for row in rows) for k in range(2)]
    for option, column, shown in rows:
      yield f"  {option:<{wide[0]}}  {column:<{wide[1]}}  {shown}"


def if_needed(
  source: str, folder: Path, options: Mapping[str, Any]
) -> Proposal | None:
  """Returns a proposal if a table's columns are not named and not the default.

  Args:
    source: the name of the source.
    folder: the folder of the raw files.
    options: of the command; None for what was not given.
  """
  given = [name for name, value in options.items() if value is not None]
  named = any(name.endswith(("_column", "_columns", "_file")) for name in given)
  if source != "table" or named or "columns" in given:
    return None
  there = {
    sample.name.split(".")[0]: {column.name for column in sample.columns}
    for sample in sampling.samples(folder)
  }
  if all(there.get(n, set()) >= {*columns} for n, columns in _DEFAULT.items()):
    return None
  return propose(folder)


def propose(folder: Path) -> Proposal | None:
  """Returns the proposal for the tables of a folder; None if there is none."""
  samples = sampling.samples(folder)
  pairs = itertools.product(samples, samples)
  found = [(both, *_columns(*both)) for both in pairs]
  found = [each for each in found if each[1]]
  if not found:
    return None
  (events, items), choices, _ = max(found, key=lambda each: each[2])
  return Proposal(_command(folder, events, items, choices), choices)


def _columns(events: Sample, items: Sample) -> tuple[list[Choice], float]:
  """Returns the columns of two files, and how well they fit.

  The list is empty if a column that must be there is not.
  """
  best: tuple[list[Choice], float] = [], -math.inf
  for title, item in itertools.product(
    _ranked("title", items.columns)[:2], _ranked("item", events.columns)[:4]
  ):
    users = _ranked("user", [*_others(events, [item, title])])
    if not users:
      continue
    for key, linked in _keys(item, title, events, items):
      required = [
        Choice("user_column", events.name, users[0]),
        Choice("item_column", events.name, item),
        Choice("item_id_column", items.name, key),
        Choice("title_column", items.name, title),
      ]
      total = linked + sum(
        _score(role, choice.column)
        for role, choice in zip(_REQUIRED, required, strict=True)
      )
      # A user comes several times in a log.
      total -= users[0].distinct + (events is items)
      times = _ranked("time", [*_others(events, [users[0], item, title])])[:1]
      total += sum(_score("time", time) for time in times)
      if total > best[1]:
        timed = [Choice("time_column", events.name, time) for time in times]
        best = [*required[:2], *timed, *required[2:]], total
  choices, total = best
  return [*choices, *_optional(events, items, choices)], total


def _keys(
  item: Column, title: Column, events: Sample, items: Sample
) -> Iterator[tuple[Column, float]]:
  """Yields what may be the id in the file of items, and how well it fits."""
  if events is items:
    # A log may have the names of items and no ids.
    yield item, item.distinct
    return
  for key in _others(items, [title]):
    shared = item.shares(key)
    # The first rows of two large files may have no item in common.
    if key.words == item.words:
      shared = max(shared, 0.1)
    # A catalogue has each item once. A name may say nothing, as `0` does.
    if shared and key.distinct > (0.5 if _score("item", key) else 0.95):
      yield key, 2 * shared + key.distinct


def _optional(
  events: Sample, items: Sample, choices: Sequence[Choice]
) -> Iterator[Choice]:
  """Yields the columns that may be named, each once."""
  if not choices:
    return
  taken = [choice.column for choice in choices]
  for wanted, sample in ((_OF_INTERACTION, events), (_OF_ITEM, items)):
    for name in wanted:
      found = _ranked(name, [*_others(sample, taken)])
      if found:
        taken.append(found[0])
        yield Choice(f"{name}_column", sample.name, found[0])


def _others(sample: Sample, taken: Sequence[Column]) -> Iterator[Column]:
  for column in sample.columns:
    if not any(column is each for each in taken):
      yield column


def _ranked(role: str, columns: Sequence[Column]) -> list[Column]:
  """Returns the columns that may have a role, the likeliest first."""
  scored = [(_score(role, column), column) for column in columns]
  fits = [(score, c) for score, c in scored if score >= _LEAST]
  return [c for _, c in sorted(fits, key=lambda each: -each[0])]


def _score(role: str, column: Column) -> float:
  """Returns how well a column fits a role, from 0 to about 2."""
  if not column.values or not _FITS[role](column):
    return 0.0
  words = column.words
  bare = [w for w in words if w not in ("id", "key", "no", "number", "at")]
  for place, name in enumerate(_NAMES[role]):
    better = 1 - place / 100
    if name == " ".join(words) or (bare and name == " ".join(bare)):
      return 1 + better
    if set(name.split()) <= {*words, *(w.removesuffix("s") for w in words)}:
      return 0.5 + better / 2
  # Values tell a time or a title without a name. They tell an id only if there
  # are no names at all.
  by_value = {"time": 0.6, "title": 0.5}
  if not column.named and not column.blanks:
    by_value |= {"user": 0.5, "item": 0.5}
  return by_value.get(role, 0.0)


def _may_be_id(column: Column) -> bool:
  has_other = _NO_ID & {*column.words}
  return not column.is_time and column.filled > 0.5 and not has_other


def _is_number(column: Column) -> bool:
  return column.numbers > 0.9


_FITS = {
  "user": lambda c: _may_be_id(c),
  "item": lambda c: _may_be_id(c),
  "time": lambda c: c.is_time,
  "title": lambda c: c.letters > 0.7 and not c.is_time and not c.is_code,
  "rating": lambda c: _is_number(c) and c.most <= 100 and not c.is_time,
  "review": lambda c: c.blanks > 0.5 and c.letters > 0.8,
  "summary": lambda c: c.blanks > 0.3 and c.letters > 0.8,
  "category": lambda c: c.letters > 0.5 and c.distinct < 0.9,
  "brand": lambda c: c.letters > 0.5,
  "price": lambda c: c.numbers > 0.5 or c.money > 0.5,
  "year": lambda c: _is_number(c) and 1000 < c.most < 2200,
  "description": lambda c: c.blanks > 0.5,
}


def _command(
  folder: Path, events: Sample, items: Sample, choices: Sequence[Choice]
) -> str:
  """Returns the command; defaults are left out."""
  dataset = sampling.words_of(folder.resolve().name or "mine")
  words = [
    *("instructrec", "normalize", "table", "--raw", str(folder)),
    *("--dataset", "_".join(dataset) or "mine"),
    *("--interactions_file", events.name, "--items_file", items.name),
  ]
  named = {choice.option: choice.column for choice in choices}
  for option, column in named.items():
    words += [f"--{option}", column.name]
  if "time_column" not in named:
    words += ["--time_column", "none"]
  else:
    words += _unit(named["time_column"])
  for option, sample in (("columns", events), ("items_columns", items)):
    if not all(column.named for column in sample.columns):
      words += [f"--{option}", ",".join(c.name for c in sample.columns)]
  words += [*_delimiter(events, items), *_separator(named)]
  return shlex.join(words)


def _unit(column: Column) -> list[str]:
  return ["--time_unit", column.unit] if column.unit not in (None, "s") else []


def _delimiter(*samples: Sample) -> list[str]:
  """Returns the option where the ending of a file tells another delimiter."""
  odd = {s.delimiter for s in samples if s.delimiter != s.expected}
  if len(odd) != 1:
    return []
  (delimiter,) = odd
  return ["--delimiter", "tab" if delimiter == "\t" else str(delimiter)]


def _separator(named: Mapping[str, Column]) -> list[str]:
  """Returns the separator of labels, if it is not the default."""
  column = named.get("category_column")
  if column is None or all(v.startswith("[") for v in column.values):
    return []
  several = {
    mark: sum(mark in value for value in column.values)
    for mark in ("|", ";", " > ", ",")
  }
  best = max(several, key=lambda mark: several[mark])
  if not several[best] or best == "|":
    return []
  return ["--category_separator", best.strip()]
