"""How often each family comes up, in a mixture and of one user."""

import collections
from collections.abc import Mapping
from typing import Any

import gin

from instructrec_jax.errors import InputError, unknown
from instructrec_jax.instructions import wordings
from instructrec_jax.instructions.families import FAMILIES


def paper_rates() -> dict[str, float]:
  """Returns each family's rate where all of the paper's templates are alike.

  A template that serves several families is shared out among them. Pairwise,
  of which the paper has no template, counts as one.
  """
  rates: dict[str, float] = collections.defaultdict(float)
  for row in wordings.ROWS:
    for family in row.families:
      rates[family] += 1 / len(row.families)
  return dict(rates)


@gin.configurable(module="instructrec_jax")
def family_rates(rates: Mapping[str, float] | None = None) -> dict[str, float]:
  """Returns the rate of each family; a mixture draws in proportion to them.

  Args:
    rates: of some families, which others go without; None for `paper_rates`.

  Raises:
    InputError: for an unknown family.
  """
  if rates is None:
    return paper_rates()
  for name in rates:
    if name not in FAMILIES:
      raise unknown("family in family_rates.rates:", name, FAMILIES)
  return dict.fromkeys(FAMILIES, 0.0) | dict(rates)


@gin.configurable(module="instructrec_jax")
def instances_per_user(
  limits: Mapping[str, int] | None = None,
) -> dict[str, int]:
  """Returns how many training instances of a family a user yields at the most.

  They are of the user's newest training targets, and those of them that have
  the texts which the family needs.

  Args:
    limits: of some families; others yield all, as all do with None.

  Raises:
    InputError: for an unknown family, or less than one.
  """
  limits = dict(limits or {})
  for name, limit in limits.items():
    if name not in FAMILIES:
      raise unknown("family in instances_per_user.limits:", name, FAMILIES)
    if limit < 1:
      raise InputError(
        f"instances_per_user.limits: {name} is {limit}: expected at least 1; "
        "family_rates leaves families out"
      )
  return limits


def rate(task: Any, family: str) -> float:
  """Returns a family's rate, for SeqIO, when a mixture is first used."""
  del task
  return family_rates()[family]
