"""Parses written lists of titles as rankings of a catalogue's items.

A list has one title a line, with or without numbers, letters or bullets, or
titles separated by commas, semicolons, arrows, numbers or letters. It may also
be a JSON list of titles or objects, or a Markdown table. Titles may be quoted
or bold. Text may come before and after the list, and after a title behind a
dash, a colon or a bracket; so may "by" with a name, a price, or a year behind a
comma. Reasoning in <think> is no part of it. A title may contain any of these:
a whole title is never cut.

Where a text can be read in several forms, the one in which most titles are
known counts, and of these the first of JSON, table and lines. Without a comma
or bracket before it, a number belongs to the title: "Halo 2001" is not "Halo".

Text cannot tell items with the same title apart. Such a title puts all of them
at one place, a tie, which counts against the system. An entry that is not an
item to rank takes no place, but is counted.
"""

import collections
import dataclasses
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import numpy as np

from instructrec_jax.eval import resampling
from instructrec_jax.eval.answers import forms

# Faults of entries, which every list counts.
_PARTS = (
  "out_of_catalogue", "out_of_candidates", "duplicate", "history_repeat",
)  # fmt: skip

_DASHES = "-\u2013\u2014"
_BULLET = re.compile(
  rf"\s*(?:(?:[{_DASHES}*•]|#\d+[.:]?)\s+|\(?\d+\s*[.):]\s*)"
)
_NUMBER = re.compile(r"(?:(?<=\s)|^)(?:\(?(\d+)[.)]|#(\d+)[.:]?)\s+")
_SEPARATOR = re.compile(r"\s*[,;|]\s*(?:and\s+)?|\s+and\s+")
# What separates a title from a comment. A capital letter after a colon more
# likely continues the title: "Halo: Reach" is not "Halo".
_END = re.compile(
  rf"\s*[(\[\"”»*]|\s+[{_DASHES}]\s|[:,;.!?]\s+(?=[a-z])|\s+(?=because\b)"
  r"|\s+(?=by\s+[A-Z\d])|,?\s+(?=[$€£]\s?\d)|,\s+(?=(?:19|20)\d\d\b)"
  r"|\s*[:=]\s+(?=[\d.,/]+%?\s*$)"
)
# A year or a price between separators is an aside of the title before it.
_ASIDE = re.compile(r"\s*\(?(?:(?:19|20)\d\d|[$€£]\s?\d[\d.,]*)\)?\s*")
# A title in the middle of a sentence.
_QUOTED = re.compile(r'"([^"]+)"|“([^”]+)”|«([^»]+)»|\*\*([^*]+)\*\*')
_WRAPPING = " \t\"'“”\u2018\u2019«»`*_"


@dataclasses.dataclass(frozen=True)
class Listed:
  """A parsed list.

  Attributes:
    places: Item codes of each place, best first. A place has several if several
      items have the title. No item comes twice.
    entries: The number of entries of the list.
    out_of_catalogue: Entries whose title no item has.
    out_of_candidates: Entries that are not among the candidates.
    duplicate: Entries that were listed before.
    history_repeat: Entries in the user's history. They keep their place.
    missing: The number of items wanted, less the number ranked.
    wanted: The number of items asked for.
  """

  places: list[tuple[int, ...]]
  entries: int
  out_of_catalogue: int
  out_of_candidates: int
  duplicate: int
  history_repeat: int
  missing: int
  wanted: int

  def scores(self, candidates: Sequence[int]) -> np.ndarray:
    """Returns scores that rank candidates as the list does.

    Args:
      candidates: C item codes.

    Returns:
      float64 [C]: minus the place, from 1, or -inf if it was not listed.
    """
    place = {
      item: place
      for place, items in enumerate(self.places, start=1)
      for item in items
    }
    places = [place.get(item, np.inf) for item in candidates]
    return -np.array(places, np.float64)


class Titles:
  """Finds items of a catalogue by their titles."""

  def __init__(self, titles: Sequence[str], codes: Sequence[int] | None = None):
    """Indexes titles.

    Titles match regardless of case, white space, Unicode compatibility forms,
    surrounding quotes and final full stops.

    Args:
      titles: The items' titles.
      codes: The items' codes. By default their positions.
    """
    items = collections.defaultdict(list)
    codes = range(len(titles)) if codes is None else codes
    for item, title in zip(codes, titles, strict=True):
      items[_plain(title)].append(item)
    self._items = {title: tuple(codes) for title, codes in items.items()}

  def read(
    self,
    text: str,
    wanted: int,
    candidates: Collection[int] | None = None,
    history: Collection[int] = (),
  ) -> Listed:
    """Parses a list.

    Args:
      text: The generated text.
      wanted: The number of items asked for.
      candidates: Codes of the items to rank. By default all.
      history: Codes of the items in the user's history.
    """
    counts = dict.fromkeys(_PARTS, 0)
    places, seen, entries = [], set(), 0
    for found in self._entries(forms.spoken(text)):
      entries += 1
      if not found:
        counts["out_of_catalogue"] += 1
        continue
      ranked = found
      if candidates is not None:
        ranked = tuple(item for item in found if item in candidates)
      if not ranked:
        counts["out_of_candidates"] += 1
        continue
      if seen.intersection(ranked):
        counts["duplicate"] += 1
        continue
      counts["history_repeat"] += any(item in history for item in ranked)
      seen.update(ranked)
      places.append(ranked)
    missing = max(wanted - len(places), 0)
    return Listed(places, entries, **counts, missing=missing, wanted=wanted)

  def _entries(self, text: str) -> list[tuple[int, ...]]:
    """Returns the items of each entry's title, perhaps none.

    The text is read in the form in which most titles are known.
    """
    readings = [
      list(reading(text))
      for reading in (
        self._in_json,
        self._in_a_table,
        self._in_lines,
        self._in_led_lines,
        self._in_brackets,
        self._between_marks,
      )
    ]
    best = max(readings, key=lambda entries: len(set(filter(None, entries))))
    if any(best):
      return best
    quoted = (m[m.lastindex or 0] for m in _QUOTED.finditer(text))
    return list(filter(None, map(self._exact, quoted))) or list(
      self._in_lines(text)
    )

  def _in_json(self, text: str) -> Iterator[tuple[int, ...]]:
    for title in forms.json_titles(text):
      yield self._first([title, *forms.led(title)])

  def _in_a_table(self, text: str) -> Iterator[tuple[int, ...]]:
    for row in forms.table_rows(text):
      yield next(filter(None, self._split(row)), ())

  def _in_led_lines(self, text: str) -> Iterator[tuple[int, ...]]:
    for line in text.splitlines():
      if rests := forms.led(line.strip()):
        yield self._first(rests)

  def _in_brackets(self, text: str) -> Iterator[tuple[int, ...]]:
    return self._in_lines(forms.bracketed(text))

  def _between_marks(self, text: str) -> Iterator[tuple[int, ...]]:
    for part in forms.between_arrows(text) or forms.lettered(text):
      yield self._first([part, *forms.led(part)])

  def _in_lines(self, text: str) -> Iterator[tuple[int, ...]]:
    lines = [line for line in text.splitlines() if line.strip()]
    marked = [line for line in lines if self._is_marked(line)]
    if len(lines) == 1 and len(parts := _numbered(lines[0])) > 1:
      lines = parts
    elif marked:
      # If some lines have bullets or numbers, the others are comments.
      for line in marked:
        yield self._find(line) or self._find(_BULLET.sub("", line, count=1))
      return
    elif len(lines) > 1 and lines[0].rstrip().endswith(":"):
      lines = lines[1:]
    elif len(lines) == 1:
      lines = [self._without_heading(lines[0])]
    for line in lines:
      yield from self._split(line)

  def _is_marked(self, line: str) -> bool:
    mark = _BULLET.match(line)
    # A title may start with a number and a full stop.
    return bool(mark) and not (
      mark[0].strip()[0].isdigit() and self._exact(line)
    )

  def _without_heading(self, line: str) -> str:
    """Cuts e.g. "I recommend: " off a list in one line."""
    rest = line.partition(":")[2]
    known = self._find(line) or self._exact(_SEPARATOR.split(line)[0])
    return line if known or not rest.strip() else rest

  def _split(self, line: str) -> Iterator[tuple[int, ...]]:
    """Yields the entries of a line. Longer titles take precedence."""
    if whole := self._exact(line):
      yield whole
      return
    cuts = list(_SEPARATOR.finditer(line))
    starts = [0, *(cut.end() for cut in cuts)]
    ends = [*(cut.start() for cut in cuts), len(line)]
    at = 0
    while at < len(starts):
      spans = range(len(ends) - 1, at - 1, -1)
      exact = ((e, self._exact(line[starts[at] : ends[e]])) for e in spans)
      last, found = next(
        ((e, items) for e, items in exact if items), (at, None)
      )
      part = line[starts[at] : ends[last]]
      at, begun = last + 1, at > 0
      found = found or self._find(part)
      if found or (_plain(part) and not (begun and _ASIDE.fullmatch(part))):
        yield found

  def _first(self, texts: Iterable[str]) -> tuple[int, ...]:
    """Returns the items of the first text that starts with a title."""
    return next(filter(None, map(self._find, texts)), ())

  def _exact(self, text: str) -> tuple[int, ...]:
    return self._items.get(_plain(text), ())

  def _find(self, text: str) -> tuple[int, ...]:
    """Returns the items of the longest title that `text` starts with."""
    ends = [match.start() for match in _END.finditer(text)]
    for end in [len(text), *reversed(ends)]:
      if found := self._exact(text[:end]):
        return found
    return ()


def validity(
  lists: Sequence[Listed], seed: int
) -> dict[str, resampling.Estimate]:
  """Returns the shares of faults in generated lists.

  Args:
    lists: One for each of B requests.
    seed: Seed of the bootstrap.

  Returns:
    Over all lists: the shares of the entries that are out_of_catalogue,
    out_of_candidates, duplicate, or history_repeat; and the share of the wanted
    items that is missing.

  Raises:
    InputError: There is no list.
  """
  columns = (*_PARTS, "entries", "missing", "wanted")
  counts = {
    name: np.array([getattr(listed, name) for listed in lists])
    for name in columns
  }

  def shares(means: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    # Without entries every share is 0.
    entries = np.maximum(means["entries"], 1e-300)
    return {
      **{name: means[name] / entries for name in _PARTS},
      "missing": means["missing"] / means["wanted"],
    }

  return resampling.estimates(counts, seed, shares)


def _numbered(line: str) -> list[str]:
  """Splits "1. One 2. Two". A number out of sequence belongs to a title."""
  marks = []
  for match in _NUMBER.finditer(line):
    if int(match[1] or match[2]) == len(marks) + 1:
      marks.append(match)
  ends = [*(mark.start() for mark in marks), len(line)][1:]
  return [
    line[mark.end() : end].strip(" ,;")
    for mark, end in zip(marks, ends, strict=True)
  ]


def _plain(title: str) -> str:
  """Normalizes a title for matching."""
  folded = unicodedata.normalize("NFKC", title).casefold()
  bare = " ".join(folded.split()).strip(_WRAPPING)
  return bare.rstrip(".,;").rstrip(_WRAPPING) or bare
