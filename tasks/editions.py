"""Editions: over which records, and in which words, families are told.

An edition's tasks are called `instructrec_<dataset>_<edition>_<family>`, those
of the plain one `instructrec_<dataset>_<family>`, so that every row of
InstructRec's tables, and every question of its studies, has a task of its own.
"""

import dataclasses
from collections.abc import Callable, Mapping

from instructrec_jax.data import variants
from instructrec_jax.instructions.families import Family
from instructrec_jax.instructions.questions import FORMS


@dataclasses.dataclass(frozen=True)
class Edition:
  """One way of telling families.

  Attributes:
    has: whether a family is in it.
    variant: of the records, a key of `variants.VARIANTS`.
    held_out: whether the wordings are those that no training shows.
    instead: which text of a record stands for another.
  """

  has: Callable[[Family], bool]
  variant: str = variants.PLAIN
  held_out: bool = False
  instead: Mapping[str, str] = dataclasses.field(default_factory=dict)

  def fields(self, family: Family) -> Mapping[str, str]:
    """Returns the record's field of each text that a family needs."""
    return {name: self.instead.get(name, name) for name in family.fields}


def _ranks(family: Family) -> bool:
  return FORMS[family.form].ranks


def _searches(family: Family) -> bool:
  """Returns whether a query and an item are all that a family speaks of."""
  return {*family.inputs, *family.outputs} <= {"i1", "i2", "item"}


def _has_vague_intention(family: Family) -> bool:
  return _ranks(family) and "i1" in family.inputs


EDITIONS: Mapping[str, Edition] = {
  "": Edition(lambda family: True),
  # Wordings unseen in training.
  "held_out": Edition(_ranks, held_out=True),
  # Vague intentions in other words, the paper's "vague intention*".
  "reworded": Edition(
    _has_vague_intention, instead={"vague_intention": "vague_intention_2"}
  ),
  "search": Edition(_searches, variant="search"),
  "hard": Edition(_ranks, variant="hard"),
  "of_100": Edition(_ranks, variant="of_100"),
}
# Edition and family of each row of InstructRec's tables 3 to 5 that one model
# can be asked for: sequential recommendation, personalised search by stated
# taste, by vague and by specific intention, and product search.
EVALUATION = (
  ("", "p1_i0_t3"),
  ("", "p1p2_i0_t3"),
  ("", "p1_i1_t3"),
  ("", "p1_i2_t3"),
  ("search", "p0_i2_t3"),
)


def task_name(mixture: str, edition: str, family: str) -> str:
  """Returns the name of an edition's task.

  Args:
    mixture: the dataset's, `instructrec_<dataset>`.
    edition: a key of EDITIONS.
    family: a key of `families.FAMILIES`.
  """
  return "_".join(part for part in (mixture, edition, family) if part)
