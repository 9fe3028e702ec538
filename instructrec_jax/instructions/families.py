"""Instruction families: the inputs, the task form and the output of each.

A family that ranks is named `<preference>_<intention>_<task form>`: P0 is no
preference, P1 the history, P2 a stated preference, P1P2 both; I0 is no
intention, I1 a vague one, I2 a specific one; T0 is pointwise, T1 pairwise, T2
matching, T3 reranking (InstructRec, section 3.1). T1 is ours, because the paper
has no template for it. The other families are named by their inputs and
outputs, such as `p1_to_p2`. They reverse the task, ask for related parts, or
write the preference before the item (section 3.2.3).

Intentions (I1, I2) are made from the target, and only families with I1 or I2 in
their names read them.
"""

import dataclasses
from collections.abc import Mapping

from instructrec_jax.errors import unknown

# The record field of each text that a teacher or the catalogue provides.
FIELDS: Mapping[str, str] = {
  "p2": "preference",
  "i1": "vague_intention",
  "i2": "specific_intention",
}


@dataclasses.dataclass(frozen=True)
class Family:
  """The parts that an instruction consists of.

  Attributes:
    name: see above.
    inputs: the parts of the input, of "p1", "p2", "i1", "i2" and "item".
    form: the task form, a key of `questions.FORMS`; "text" if the family does
      not rank.
    outputs: the parts of the output in order, if the family does not rank.
  """

  name: str
  inputs: tuple[str, ...]
  form: str
  outputs: tuple[str, ...] = ()

  @property
  def fields(self) -> tuple[str, ...]:
    """The record fields that the family needs, in the order of `FIELDS`."""
    parts = {*self.inputs, *self.outputs}
    return tuple(field for part, field in FIELDS.items() if part in parts)

  @property
  def need(self) -> str | None:
    """The record field of {need}: the intention, or else the preference."""
    parts = {*self.inputs, *self.outputs}
    for part in ("i1", "i2", "p2"):
      if part in parts:
        return FIELDS[part]
    return None


def _ranking(name: str) -> Family:
  preference, intention, form = name.split("_")
  parts = {
    "p1": "p1" in preference,
    "p2": "p2" in preference,
    "i1": intention == "i1",
    "i2": intention == "i2",
  }
  return Family(name, tuple(part for part, has in parts.items() if has), form)


def _writing(name: str) -> Family:
  inputs, outputs = name.split("_to_")
  return Family(
    name, tuple(inputs.split("_")), "text", tuple(outputs.split("_"))
  )


FAMILIES: Mapping[str, Family] = {
  family.name: family
  for family in (
    *map(
      _ranking,
      (
        "p1_i0_t0",
        "p1_i0_t1",
        "p1_i0_t2",
        "p1_i0_t3",
        "p1p2_i0_t2",
        "p1p2_i0_t3",
        "p2_i0_t2",
        "p2_i0_t3",
        "p0_i1_t2",
        "p0_i1_t3",
        "p0_i2_t2",
        "p0_i2_t3",
        "p1_i1_t2",
        "p1_i1_t3",
        "p1_i2_t2",
        "p1_i2_t3",
        "p1p2_i1_t3",
        "p1p2_i2_t3",
      ),
    ),
    *map(
      _writing,
      (
        "p1_to_p2",
        "p1_to_p2_item",
        "item_to_i1",
        "item_to_i2",
        "p1_item_to_i1",
        "p1_item_to_i2",
        "p1_item_to_p2",
        "i1_item_to_p1",
        "i2_item_to_p1",
        "p1_to_i1_item",
        "p1_to_i2_item",
        "i1_to_p1_item",
        "i2_to_p1_item",
      ),
    ),
  )
}


def family_of(name: str) -> Family:
  """Returns the family called `name`.

  Raises:
    InputError: if there is no such family; the message lists the families.
  """
  if name not in FAMILIES:
    raise unknown("instruction family", name, FAMILIES)
  return FAMILIES[name]
