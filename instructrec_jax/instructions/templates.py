"""InstructRec's templates, in our own words: a table of text with slots.

A family is a preference (P0 none, P1 the history, P2 a stated taste), an
intention (I0 none, I1 vague, I2 specific) and a task form (T0 pointwise, T1
pairwise, T2 matching, T3 reranking): InstructRec, section 3.1. The paper has no
template of T1: that family is an addition of ours.

Slots:
  {history}     titles of what the user has had so far, oldest first
  {candidates}  titles to choose from
                (both as a sentence: "Title one; Title two; Title three.")
  {item}        the title in question
  {other}       the title that it is compared with
  {target}      the title that was in fact next (outputs only)
  {answer}      yes or no: was {item} next? (outputs only)
"""

import dataclasses
import re
import string

from instructrec_jax.errors import InputError, unknown

INPUT_SLOTS = ("history", "candidates", "item", "other")
OUTPUT_SLOTS = ("target", "answer")


@dataclasses.dataclass(frozen=True)
class Template:
  """One wording of an instruction.

  Attributes:
    name: unique, `<family>/<number>`.
    family: `<preference>_<intention>_<task form>`, e.g. `p1_i0_t3`.
    inputs: text with input slots. {history} stands between blanks, so that its
      items can be dropped without changing how the rest is tokenized.
    output: text with exactly one output slot.

  Raises:
    InputError: if a slot is unknown, missing, or badly placed.
  """

  name: str
  family: str
  inputs: str
  output: str

  def __post_init__(self):
    for text, known in (
      (self.inputs, INPUT_SLOTS),
      (self.output, OUTPUT_SLOTS),
    ):
      for slot in slots(text):
        if slot not in known:
          raise unknown(f"slot in template {self.name!r}:", slot, known)
    if slots(self.inputs).count("history") != 1 or not re.search(
      r"(^|\s)\{history\}(\s|$)", self.inputs
    ):
      raise InputError(
        f"template {self.name!r}: expected {{history}} once, with a blank or "
        f"the text's end on either side, got {self.inputs!r}"
      )
    if len(slots(self.output)) != 1:
      raise InputError(
        f"template {self.name!r}: expected one of {OUTPUT_SLOTS} in the "
        f"output, got {self.output!r}"
      )


def slots(text: str) -> list[str]:
  """Returns the names of the slots of `text`, in order."""
  return [name for _, name, _, _ in string.Formatter().parse(text) if name]


def _family(family: str, output: str, *inputs: str) -> list[Template]:
  return [
    Template(f"{family}/{i}", family, text, output)
    for i, text in enumerate(inputs)
  ]


TEMPLATES: tuple[Template, ...] = (
  *_family(
    "p1_i0_t0",
    "{answer}",
    "A customer's purchases, from the oldest to the newest: {history} Would "
    "this customer pick {item} next? Answer yes or no.",
    "Here is what someone has chosen so far: {history} Judge whether they "
    "will go for {item} now. Reply with yes or no.",
    "Is {item} likely to be the next entry in this record? {history} Say yes "
    "or no.",
  ),
  *_family(
    "p1_i0_t1",
    "{target}",
    "A customer's purchases, from the oldest to the newest: {history} Which "
    "will they want next, {item} or {other}? Give its title.",
    "Someone has chosen the following so far: {history} Only one of these two "
    "suits this person: {item} or {other}. Say which.",
    "Compare {item} with {other} for a user whose picks until now are: "
    "{history} Name the one that comes next.",
  ),
  *_family(
    "p1_i0_t2",
    "{target}",
    "A customer's purchases, from the oldest to the newest: {history} Name "
    "the item they will want next.",
    "Someone has chosen the following so far: {history} Recommend the one "
    "product that should come next, by its title.",
    "What is the title of the next entry? A user's picks until now: {history}",
  ),
  *_family(
    "p1_i0_t3",
    "{target}",
    "A customer's purchases, from the oldest to the newest: {history} Choose "
    "what they will want next from these candidates: {candidates} Give its "
    "title.",
    "Someone has chosen the following so far: {history} The shop can show "
    "{candidates} Which one of them suits this person best?",
    "Candidates: {candidates} A user's picks until now: {history} Select the "
    "candidate that comes next.",
  ),
)

FAMILIES: tuple[str, ...] = tuple(dict.fromkeys(t.family for t in TEMPLATES))
# Those that the paper has templates of.
PAPER: tuple[str, ...] = tuple(f for f in FAMILIES if not f.endswith("_t1"))


def templates_of(family: str) -> tuple[Template, ...]:
  """Returns the templates of `family`.

  Raises:
    InputError: if there is no such family; the message lists those there are.
  """
  if family not in FAMILIES:
    raise unknown("instruction family", family, FAMILIES)
  return tuple(t for t in TEMPLATES if t.family == family)
