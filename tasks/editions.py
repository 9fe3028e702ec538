"""Editions: the records and wordings that families are rendered with.

An edition's tasks are named `instructrec_<dataset>_<edition>_<family>`; the
plain edition's tasks are named `instructrec_<dataset>_<family>`. Every row of
InstructRec's tables and every question of its studies thus has its own task.
"""

import dataclasses
from collections.abc import Callable, Mapping

from instructrec_jax.data import variants
from instructrec_jax.instructions.families import FAMILIES, Family
from instructrec_jax.instructions.questions import FORMS


@dataclasses.dataclass(frozen=True)
class Edition:
  """A choice of families, records and wordings.

  Attributes:
    has: whether the edition has a family.
    variant: the variant of the records, a key of `variants.VARIANTS`.
    held_out: whether the held-out wordings are used.
    instead: the record field that replaces another, by the replaced field.
    hides: the variant whose validation and test items are no targets in
      training; None if every item may be one.
  """

  has: Callable[[Family], bool]
  variant: str = variants.PLAIN
  held_out: bool = False
  instead: Mapping[str, str] = dataclasses.field(default_factory=dict)
  hides: str | None = None

  def fields(self, family: Family) -> Mapping[str, str]:
    """Returns the record field of each text that a family needs."""
    return {name: self.instead.get(name, name) for name in family.fields}


def _ranks(family: Family) -> bool:
  return FORMS[family.form].ranks


def _searches(family: Family) -> bool:
  """Returns whether a family uses only intentions and items."""
  return {*family.inputs, *family.outputs} <= {"i1", "i2", "item"}


def _combines(family: Family) -> bool:
  """Returns whether a family uses an intention, and more than items."""
  parts = {*family.inputs, *family.outputs}
  return bool(parts & {"i1", "i2"}) and not _searches(family)


def _has_vague_intention(family: Family) -> bool:
  return _ranks(family) and "i1" in family.inputs


EDITIONS: Mapping[str, Edition] = {
  "": Edition(lambda family: True),
  # Uses wordings that training never shows.
  "held_out": Edition(_ranks, held_out=True),
  # Rewords the vague intentions; it is the paper's "vague intention*".
  "reworded": Edition(
    _has_vague_intention, instead={"vague_intention": "vague_intention_2"}
  ),
  # No intention in training is one for a held-out item of product search.
  "unsearched": Edition(_combines, hides="search"),
  "search": Edition(_searches, variant="search"),
  "hard": Edition(_ranks, variant="hard"),
  "of_100": Edition(_ranks, variant="of_100"),
}
# The edition and family of each row of InstructRec's tables 3 to 5 that one
# model can answer: sequential recommendation, personalised search by stated
# preference, by vague and by specific intention, and product search.
EVALUATION = (
  ("", "p1_i0_t3"),
  ("", "p1p2_i0_t3"),
  ("", "p1_i1_t3"),
  ("", "p1_i2_t3"),
  ("search", "p0_i2_t3"),
)


# The name of the mixture of `with_search`, without the dataset's.
ALL_ROWS = "all_rows"


def with_search() -> tuple[tuple[str, str], ...]:
  """Returns the edition and family of each task of one model for all rows.

  The model may be evaluated on product search, since it trains on no text with
  an intention for an item of that search's validation or test part. It has a
  task for each of the paper's families: those of product search use the search
  records, other families with an intention leave out records whose target is a
  held-out item, and families without an intention use all records. Histories
  and targets of the latter may name a held-out item by its title.
  """
  return tuple(
    (_edition_with_search(family), family.name)
    for family in FAMILIES.values()
    if family.form != "t1"
  )


def _edition_with_search(family: Family) -> str:
  for name in ("unsearched", "search"):
    parts = {*family.inputs, *family.outputs}
    if parts & {"i1", "i2"} and EDITIONS[name].has(family):
      return name
  return ""


def task_name(mixture: str, edition: str, family: str) -> str:
  """Returns the name of an edition's task.

  Args:
    mixture: the dataset's, `instructrec_<dataset>`.
    edition: a key of EDITIONS.
    family: a key of `families.FAMILIES`.
  """
  return "_".join(part for part in (mixture, edition, family) if part)
