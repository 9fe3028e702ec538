"""The table of rows."""

import pytest

from instructrec_jax.instructions.families import FAMILIES
from instructrec_jax.reproduce import paper, rows, systems


@pytest.mark.parametrize("name", rows.ROWS)
def test_a_row_names_what_there_is(name):
  row = rows.ROWS[name]
  assert set(row.systems) <= set(systems.SYSTEMS)
  assert row.family in FAMILIES
  assert row.table in rows.TABLES
  assert paper.PAPER[name]
  assert row.sees_target == bool({"i1", "i2"} & {*FAMILIES[row.family].inputs})
