"""Rates of families, and limits of users."""

import pytest

from instructrec_jax.errors import InputError
from instructrec_jax.instructions import mixing, wordings


def test_each_of_the_paper_s_templates_counts_alike():
  rates = mixing.family_rates()
  assert sum(rates.values()) == pytest.approx(len(wordings.ROWS))
  for row in wordings.ROWS:
    share = 1 / len(row.families)
    assert all(rates[family] >= share - 1e-9 for family in row.families)


def test_families_that_are_not_named_are_left_out():
  rates = mixing.family_rates({"p1_i0_t2": 3.0})
  assert {name: rate for name, rate in rates.items() if rate} == {
    "p1_i0_t2": 3.0
  }
  assert mixing.instances_per_user({"p1_i0_t2": 1}) == {"p1_i0_t2": 1}
  assert mixing.instances_per_user() == {}


@pytest.mark.parametrize(
  ("function", "given", "message"),
  [
    (mixing.family_rates, {"p1_i0_t9": 1}, "unknown family in family_rates"),
    (mixing.instances_per_user, {"p1_i0_t9": 1}, "Did you mean"),
    (mixing.instances_per_user, {"p1_i0_t2": 0}, "expected at least 1"),
  ],
)
def test_what_cannot_be_asked_for(function, given, message):
  with pytest.raises(InputError, match=message):
    function(given)
