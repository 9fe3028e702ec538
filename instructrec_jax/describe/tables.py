"""A dataset's statistics as tables."""

import dataclasses
import itertools
from collections.abc import Iterator, Mapping

from instructrec_jax.describe.numbers import FamilyNumbers, Numbers, Spread
from instructrec_jax.instructions.families import FIELDS
from instructrec_jax.report.tables import Cell, Table, markdown_lines

# InstructRec, sections 3.1, 3.2 and 4.1.
_PAPER = {
  "users": "50,546",
  "items": "16,859",
  "interactions": "410,907",
  "texts": "252,730",
  "preferences": "151,638",
  "intentions": "101,092",
  "text_words": "23.5",
  "templates": "39",
  "preference": "17",
  "intention": "9",
  "combined": "13",
  "template_words": "41.4",
}
_NONE = "-"
_PREFERENCE = FIELDS["p2"]
_INTENTIONS = (FIELDS["i1"], FIELDS["i2"])


@dataclasses.dataclass(frozen=True)
class Section:
  """A table with its heading and notes."""

  heading: str
  table: Table
  notes: tuple[str, ...] = ()


def sections(numbers: Numbers) -> list[Section]:
  """Returns all tables, in reading order."""
  return [
    _beside_paper(numbers),
    _records(numbers),
    _texts(numbers),
    _families(numbers),
    *([_tokens(numbers)] if numbers.vocabulary else []),
  ]


def title(numbers: Numbers) -> str:
  """Returns the title of the page."""
  return f"Instructions of {numbers.dataset}"


def markdown(numbers: Numbers) -> str:
  """Returns all tables as Markdown."""
  lines = [f"# {title(numbers)}", ""]
  for section in sections(numbers):
    lines += [f"## {section.heading}", "", *markdown_lines(section.table), ""]
    lines += [f"- {note}" for note in section.notes]
    lines += [""] if section.notes else []
  return "\n".join(lines)


def _table(
  header: list[str], rows: Iterator[list[str]], *more: list[str]
) -> Table:
  every = itertools.chain(rows, more)
  return Table(header, [[Cell(text) for text in row] for row in every])


def _count(number: int) -> str:
  return f"{number:,}"


def _mean(number: float | None) -> str:
  return _NONE if number is None else f"{number:.1f}"


def _share(number: float) -> str:
  return f"{number:.1%}"


def _spread(spread: Spread | None) -> list[str]:
  if spread is None:
    return [_NONE] * 3
  return [
    _mean(spread.mean), f"{spread.median:g}", _count(spread.largest)
  ]  # fmt: skip


def _reasons(of: Mapping[str, int]) -> str:
  return "; ".join(f"{why}: {_count(n)}" for why, n in of.items())


def _beside_paper(numbers: Numbers) -> Section:
  return Section(
    "Compared with the paper",
    _table(
      ["", "InstructRec (Video Games)", numbers.dataset],
      (
        [name, _NONE if in_paper is None else _PAPER[in_paper], ours]
        for name, in_paper, ours in _beside_rows(numbers)
      ),
    ),
    (
      "Texts of all splits are counted. The paper has two intentions per user "
      "and does not say which two.",
      "The words of a template are those of its training wordings. A slot, "
      "such as the whole history, counts as one word.",
      *numbers.notes,
    ),
  )


def _beside_rows(numbers: Numbers) -> Iterator[tuple[str, str | None, str]]:
  """Yields each row's name, its key in _PAPER or None, and our figure."""
  by_field = {text.field: text for text in numbers.texts}
  preferences = by_field[_PREFERENCE]
  intentions = [by_field[field] for field in _INTENTIONS]
  every = [preferences, *intentions]
  count = sum(text.count for text in every)
  words = sum(text.count * text.words for text in every if text.words)
  templates = numbers.templates
  for name in ("users", "items", "interactions"):
    yield name, name, _count(getattr(numbers, name))
  yield "texts (fine-grained instructions)", "texts", _count(count)
  yield "… preferences", "preferences", _count(preferences.count)
  of_intentions = sum(text.count for text in intentions)
  yield "… intentions", "intentions", _count(of_intentions)
  for text in intentions:
    yield f"… … {_plain(text.field)}", None, _count(text.count)
  mean_words = words / count if count else None
  yield "mean words of a text", "text_words", _mean(mean_words)
  yield "templates", "templates", _count(sum(templates.groups.values()))
  for group, n in templates.groups.items():
    yield f"… {group}", group, _count(n)
  yield "… of our own, pairwise", None, _count(templates.own)
  words_of_one = _mean(templates.words)
  yield "mean words of a template", "template_words", words_of_one
  yield "wordings of the templates", None, _count(templates.wordings)


def _plain(field: str) -> str:
  return field.replace("_", " ")


def _records(numbers: Numbers) -> Section:
  header = ["split", "records"]
  for what in ("a user", "history"):
    header += [f"{what}: mean", "median", "most"]
  return Section(
    "Records",
    _table(
      [*header, "history cut"],
      (
        [
          split,
          _count(part.count),
          *_spread(part.per_user),
          *_spread(part.history),
          _share(part.cut),
        ]
        for split, part in numbers.records.items()
      ),
    ),
    (
      "A record is a target with the items that the user had before. Its "
      "history is cut if the record holds only the newest of them.",
    ),
  )


def _texts(numbers: Numbers) -> Section:
  return Section(
    "Texts",
    _table(
      [
        "text",
        "made from the target",
        *numbers.records,
        "mean words",
        "rejected",
        "absent",
      ],
      (
        [
          _plain(text.field),
          "yes" if text.looks_at_target else "no",
          *map(_count, text.records.values()),
          _mean(text.words),
          _count(sum(text.rejected.values())),
          _count(sum(text.absent.values())),
        ]
        for text in numbers.texts
      ),
    ),
    tuple(
      f"{_plain(text.field)}, {what}: {_reasons(of)}."
      for text in numbers.texts
      for what, of in (("rejected", text.rejected), ("absent", text.absent))
      if of
    ),
  )


def _families(numbers: Numbers) -> Section:
  lacking: dict[tuple[str, ...], list[str]] = {}
  for family in numbers.families:
    if family.lacks:
      lacking.setdefault(family.lacks, []).append(family.name)
  before = ["family", "tells", "of the target", "asks for"]
  after = ["templates", "wordings", "held out"]
  totals = [
    _count(sum(family.instances[split] for family in numbers.families))
    for split in numbers.records
  ]
  return Section(
    "Families",
    _table(
      [*before, *numbers.records, *after],
      map(_family, numbers.families),
      ["all", *[""] * 3, *totals, *[""] * 3],
    ),
    (
      "p1 is the history, p2 the preference, i1 the vague intention and i2 the "
      "specific intention. t0 asks yes or no, t1 which of two items, t2 for "
      "any title, t3 for one of the titles shown.",
      "A family has an instance for each record with the texts that it needs. "
      "A template can serve several families.",
      *(
        f"Absent because the records have no "
        f"{' and no '.join(map(_plain, fields))}: {', '.join(names)}. "
        "`instructrec annotate` writes it."
        for fields, names in lacking.items()
      ),
    ),
  )


def _family(family: FamilyNumbers) -> list[str]:
  return [
    family.name,
    " + ".join(family.tells) or _NONE,
    " + ".join(family.from_target) or _NONE,
    family.asks,
    *_instances(family),
    _count(family.templates),
    _count(family.wordings),
    _count(family.held_out),
  ]


def _instances(family: FamilyNumbers) -> list[str]:
  if family.lacks:
    return ["absent"] * len(family.instances)
  return [_count(n) for n in family.instances.values()]


def _tokens(numbers: Numbers) -> Section:
  header = ["family", "n", "words"]
  for what in ("inputs", "targets"):
    header += [f"{what}: mean", "median", "most"]
  return Section(
    "Words and tokens of an instruction",
    _table(
      [*header, "shortened", "left out"],
      (
        [
          family.name,
          _count(family.rendered.count),
          _mean(family.rendered.words),
          *_spread(family.rendered.inputs),
          *_spread(family.rendered.targets),
          _share(family.rendered.shortened),
          _share(family.rendered.left_out),
        ]
        for family in numbers.families
        if family.rendered
      ),
    ),
    (
      "The n records are a random sample of the training records. Tokens are "
      f"counted in the vocabulary {numbers.vocabulary['setting']!r}, uncut.",
      f"The limits are {numbers.lengths['inputs']} tokens of inputs and "
      f"{numbers.lengths['targets']} of targets. Shortened instructions drop "
      "their oldest items to fit; those left out do not fit even then.",
    ),
  )
