"""Lists of titles that a model wrote, read as rankings of a catalogue's items.

What is understood: one title a line, numbered or with bullets or neither, or
titles with commas, semicolons or numbers between; in quotes or bold; with text
before and after the list, and after each title behind a dash, a colon, a
bracket or the like. A title may itself hold any of these: what is a title of
the catalogue as a whole is never cut.

Two items of one title cannot be told apart in text. Such a title stands for
both at one place, a tie, which metrics decide against us. What is no item to be
ranked takes no place, but is counted.
"""

import collections
import dataclasses
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np

from instructrec_jax.eval import resampling

# What every list is counted by; the rest are among the entries.
_PARTS = (
  "out_of_catalogue", "out_of_candidates", "duplicate", "history_repeat",
)  # fmt: skip

_DASHES = "-\u2013\u2014"
_BULLET = re.compile(
  rf"\s*(?:(?:[{_DASHES}*•]|#\d+[.:]?)\s+|\(?\d+\s*[.):]\s*)"
)
_NUMBER = re.compile(r"(?:(?<=\s)|^)(?:\(?(\d+)[.)]|#(\d+)[.:]?)\s+")
_SEPARATOR = re.compile(r"\s*[,;|]\s*(?:and\s+)?|\s+and\s+")
# Behind a title, what may come before text that is not of the title. A capital
# behind a colon more likely goes on with it, and "Halo: Reach" is not "Halo".
_END = re.compile(
  rf"\s*[(\[\"”»*]|\s+[{_DASHES}]\s|[:,;.!?]\s+(?=[a-z])|\s+(?=because\b)"
)
# A title in the middle of a sentence.
_QUOTED = re.compile(r'"([^"]+)"|“([^”]+)”|«([^»]+)»|\*\*([^*]+)\*\*')
_WRAPPING = " \t\"'“”\u2018\u2019«»`*_"


@dataclasses.dataclass(frozen=True)
class Listed:
  """A generated list, read.

  Attributes:
    places: item codes of each place, best first: more than one where several
      items have the title. No item comes twice.
    entries: how many entries the list had.
    out_of_catalogue: those whose title no item has.
    out_of_candidates: those of an item that was not to be ranked.
    duplicate: those that were listed before.
    history_repeat: those that the user has had already; they keep their place.
    missing: how many items fewer are ranked than were asked for.
    wanted: how many were asked for.
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
    """Returns what ranks candidates as the list does.

    Args:
      candidates: C item codes.

    Returns:
      float64 [C]: minus the place, from 1; -inf for what was not listed.
    """
    place = {
      item: place
      for place, items in enumerate(self.places, start=1)
      for item in items
    }
    places = [place.get(item, np.inf) for item in candidates]
    return -np.array(places, np.float64)


class Titles:
  """A catalogue's titles, to find items by."""

  def __init__(self, titles: Sequence[str], codes: Sequence[int] | None = None):
    """Indexes titles.

    Small differences of writing do not tell titles apart: case, blanks, the
    form of a character, quotes around it, a full stop at its end.

    Args:
      titles: of the items.
      codes: the items' codes; None for their places.
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
    """Reads a list.

    Args:
      text: as generated.
      wanted: how many items were asked for.
      candidates: codes of the items to be ranked; None for all.
      history: codes of the items that the user has had.

    Returns:
      The list.
    """
    counts = dict.fromkeys(_PARTS, 0)
    places, seen, entries = [], set(), 0
    for found in self._entries(text):
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

  def _entries(self, text: str) -> Iterator[tuple[int, ...]]:
    """Yields the items of each entry's title; none where no item has it."""
    lines = [line for line in text.splitlines() if line.strip()]
    marked = [line for line in lines if self._is_marked(line)]
    if len(lines) == 1 and len(parts := _numbered(lines[0])) > 1:
      lines = parts
    elif marked:
      # Beside a list with marks, other lines are text around it.
      for line in marked:
        yield self._find(line) or self._find(_BULLET.sub("", line, count=1))
      return
    elif len(lines) > 1 and lines[0].rstrip().endswith(":"):
      lines = lines[1:]
    elif len(lines) == 1:
      lines = [self._without_heading(lines[0])]
    entries = [entry for line in lines for entry in self._split(line)]
    if not any(entries):
      quoted = (m[m.lastindex or 0] for m in _QUOTED.finditer(text))
      entries = list(filter(None, map(self._exact, quoted))) or entries
    yield from entries

  def _is_marked(self, line: str) -> bool:
    mark = _BULLET.match(line)
    # A title may itself start with a number and a stop.
    return bool(mark) and not (
      mark[0].strip()[0].isdigit() and self._exact(line)
    )

  def _without_heading(self, line: str) -> str:
    """Cuts e.g. "I recommend: " off a list in one line."""
    rest = line.partition(":")[2]
    known = self._find(line) or self._exact(_SEPARATOR.split(line)[0])
    return line if known or not rest.strip() else rest

  def _split(self, line: str) -> Iterator[tuple[int, ...]]:
    """Yields the entries of a line; the longest titles come first."""
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
      at = last + 1
      if found or _plain(part):
        yield found or self._find(part)

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
  """Returns how far generated lists are what was asked for.

  Args:
    lists: of B requests.
    seed: of the bootstrap.

  Returns:
    The shares of the entries that are out_of_catalogue, out_of_candidates,
    duplicate, or a history_repeat, of all lists together; and of what was
    wanted, the share that is missing.

  Raises:
    InputError: there is no list.
  """
  columns = (*_PARTS, "entries", "missing", "wanted")
  counts = {
    name: np.array([getattr(listed, name) for listed in lists])
    for name in columns
  }

  def shares(means: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    # Of no entries none is wrong; they are missing.
    entries = np.maximum(means["entries"], 1e-300)
    return {
      **{name: means[name] / entries for name in _PARTS},
      "missing": means["missing"] / means["wanted"],
    }

  return resampling.estimates(counts, seed, shares)


def _numbered(line: str) -> list[str]:
  """Splits "1. One 2. Two"; numbers out of turn belong to titles."""
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
  """Returns what is left of a title when small differences are taken away."""
  folded = unicodedata.normalize("NFKC", title).casefold()
  bare = " ".join(folded.split()).strip(_WRAPPING)
  return bare.rstrip(".,;").rstrip(_WRAPPING) or bare
