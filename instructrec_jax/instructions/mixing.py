"""How often each family is sampled, in a mixture and for each user."""

import collections
from collections.abc import Mapping
from typing import Any

import gin

from instructrec_jax.errors import InputError, unknown
from instructrec_jax.instructions import wordings
from instructrec_jax.instructions.families import FAMILIES


def paper_rates() -> dict[str, float]:
  """Returns the rates that sample each of the paper's templates equally often.

  A template that serves several families is split evenly among them. Our
  pairwise template, which is not in the paper, counts as one more.
  """
  rates: dict[str, float] = collections.defaultdict(float)
  for row in wordings.ROWS:
    for family in row.families:
      rates[family] += 1 / len(row.families)
  return dict(rates)


@gin.configurable(module="instructrec_jax")
def family_rates(rates: Mapping[str, float] | None = None) -> dict[str, float]:
  """Returns the rate of each family; a mixture samples in proportion to it.

  Args:
    rates: rate by family; other families get 0. None for `paper_rates`.

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
  """Returns the most training instances that each user yields, by family.

  The instances use the user's newest training targets that have the texts
  which the family needs.

  Args:
    limits: limit by family; other families have no limit.

  Raises:
    InputError: for an unknown family or a limit below 1.
  """
  limits = dict(limits or {})
  for name, limit in limits.items():
    if name not in FAMILIES:
      raise unknown("family in instances_per_user.limits:", name, FAMILIES)
    if limit < 1:
      raise InputError(
        f"instances_per_user.limits: {name} is {limit}: expected at least 1. "
        "Omit families with family_rates"
      )
  return limits


def rate(task: Any, family: str) -> float:
  """Returns a family's rate; SeqIO calls this when a mixture is first used."""
  del task
  return family_rates()[family]
