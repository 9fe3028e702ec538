"""Families, by their names."""

import pytest

from instructrec_jax.errors import InputError
from instructrec_jax.instructions import families


@pytest.mark.parametrize(
  ("name", "inputs", "form", "fields", "need"),
  [
    ("p1_i0_t2", ("p1",), "t2", (), None),
    ("p1p2_i2_t3", ("p1", "p2", "i2"), "t3",
     ("preference", "specific_intention"), "specific_intention"),
    ("p1_i1_t3", ("p1", "i1"), "t3", ("vague_intention",), "vague_intention"),
    ("p1_to_p2", ("p1",), "text", ("preference",), "preference"),
    ("item_to_i2", ("item",), "text", ("specific_intention",),
     "specific_intention"),
  ],
)  # fmt: skip
def test_a_name_says_what_is_told_and_asked(name, inputs, form, fields, need):
  family = families.family_of(name)
  assert (family.name, family.inputs, family.form) == (name, inputs, form)
  assert (family.fields, family.need) == (fields, need)


def test_only_families_with_i1_or_i2_read_intentions():
  assert families.FAMILIES
  for name, family in families.FAMILIES.items():
    reads = any(field.endswith("intention") for field in family.fields)
    assert reads == ("i1" in name or "i2" in name), name


def test_an_unknown_family_gets_near_names():
  with pytest.raises(InputError, match="Did you mean 'p1_i0_t"):
    families.family_of("p1_i0_t9")
