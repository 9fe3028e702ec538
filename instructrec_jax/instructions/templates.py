"""Templates with slots: each wording of the tables for each of its families."""

import dataclasses
import re
import string
from collections.abc import Iterable

from instructrec_jax.errors import InputError, unknown
from instructrec_jax.instructions import wordings
from instructrec_jax.instructions.families import FIELDS, Family, family_of
from instructrec_jax.instructions.rows import Row

_TEXTS = tuple(FIELDS.values())
INPUT_SLOTS = ("history", "candidates", "item", "other", *_TEXTS)
OUTPUT_SLOTS = ("target", "answer", "history", *_TEXTS)
_CLAUSE = re.compile(r"\[([^\]]*)\]")
# Slots whose text is no sentence: before a new sentence, and at the text's end.
_TITLES = r"(\{(?:history|candidates|item|other|specific_intention)\})"
_LAST = re.compile(_TITLES + r'(?="? [^a-z])')
_OVER = re.compile(_TITLES + r'(?="?$)')
# Words that need an order in time, and those for data without one.
_ORDER = re.compile(r"<([^|>]*)\|([^|>]*)>")


@dataclasses.dataclass(frozen=True)
class Template:
  """One wording of an instruction of one family.

  Attributes:
    name: unique, `<family>/<row>.<number>` or `<family>/<row>.held_out`.
    family: a key of `families.FAMILIES`.
    inputs: text with input slots. {history} or {history}. is a word by itself,
      so that dropping its items does not change the other tokens.
    output: text with output slots; {history} is a word by itself here too.
    held_out: whether training never shows it.
    unordered: the text with input slots for data without an order in time, in
      which nothing is the next or the newest; None if it is the same.

  Raises:
    InputError: if a slot is unknown, missing, or badly placed.
  """

  name: str
  family: str
  inputs: str
  output: str
  held_out: bool = False
  unordered: str | None = None

  def worded(self, ordered: bool) -> "Template":
    """Returns the template for data with or without an order in time."""
    if ordered or self.unordered is None:
      return self
    return dataclasses.replace(self, inputs=self.unordered, unordered=None)

  def __post_init__(self):
    if self.unordered is not None:
      self.worded(ordered=False)  # Checks it as well.
    for text, known in (
      (self.inputs, INPUT_SLOTS),
      (self.output, OUTPUT_SLOTS),
    ):
      for slot in slots(text):
        if slot not in known:
          raise unknown(f"slot in template {self.name!r}:", slot, known)
      if "{history}" in text and (
        slots(text).count("history") != 1
        or not re.search(r"(^|\s)\{history\}\.?(\s|$)", text)
      ):
        raise InputError(
          f"template {self.name!r}: expected {{history}} or {{history}}. once, "
          f"between spaces or at an end of the text, got {text!r}"
        )
    if not slots(self.output):
      raise InputError(
        f"template {self.name!r}: expected one of {OUTPUT_SLOTS} in the "
        f"output, got {self.output!r}"
      )
    expected = _slots_of(family_of(self.family))
    given = set(slots(self.inputs))
    if expected != given:
      raise InputError(
        f"template {self.name!r}: family {self.family} expects slots "
        f"{sorted(expected)}, but the text has {sorted(given)}: "
        f"{self.inputs!r}"
      )


def slots(text: str) -> list[str]:
  """Returns the names of the slots of `text`, in order."""
  return [name for _, name, _, _ in string.Formatter().parse(text) if name]


def _slots_of(family: Family) -> set[str]:
  """Returns the slots that every instruction of a family has."""
  shown = {"t0": {"item"}, "t1": {"item", "other"}, "t3": {"candidates"}}
  named = {"p1": "history", "item": "item", **FIELDS}
  told = {named[part] for part in family.inputs}
  return told | shown.get(family.form, set())


def expand(row: Row) -> Iterable[Template]:
  """Yields a template for each wording and each family of a row.

  Raises:
    InputError: if a wording does not have the slots of a family.
  """
  texts = {str(number): text for number, text in enumerate(row.wordings)}
  for name in row.families:
    family = family_of(name)
    for number, text in (*texts.items(), ("held_out", row.held_out)):
      inputs, unordered = (
        _OVER.sub(r"\1.", _worded(_ORDER.sub(said, text), family))
        for said in (r"\1", r"\2")
      )
      yield Template(
        f"{name}/{row.id}.{number}",
        name,
        inputs,
        _worded(row.output, family),
        held_out=number == "held_out",
        unordered=unordered if unordered != inputs else None,
      )


def _worded(text: str, family: Family) -> str:
  """Returns a wording's text for one family.

  Brackets and {need} are resolved, and titles and labels that end a sentence
  get a full stop.
  """
  said = "{" + str(family.need) + "}"
  plain = _CLAUSE.sub("", text).replace("{need}", said)
  wanted = _slots_of(family)

  def clause(match: re.Match) -> str:
    new = set(slots(match[1])) - set(slots(plain))
    return match[1] if new and new <= wanted else ""

  words = _CLAUSE.sub(clause, text).replace("{need}", said).split()
  # The dropped clause may have begun the sentence.
  first = words[0][0].upper() + words[0][1:]
  return _LAST.sub(r"\1.", " ".join([first, *words[1:]]))


TEMPLATES: tuple[Template, ...] = tuple(
  template for row in wordings.ROWS for template in expand(row)
)


def templates_of(
  family: str,
  templates: Iterable[Template] = TEMPLATES,
  held_out: bool = False,
) -> tuple[Template, ...]:
  """Returns the templates of `family`.

  Args:
    family: a key of `families.FAMILIES`.
    templates: the templates to choose from.
    held_out: whether to return held-out templates instead of training ones.

  Raises:
    InputError: if there is no such family; the message lists the families.
  """
  family_of(family)
  return tuple(
    t for t in templates if t.family == family and t.held_out == held_out
  )
