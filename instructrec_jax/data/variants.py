"""Variants of a dataset's records: other splits and candidates, for one table.

Each is a folder of records of its own beside the plain ones, called
`instructrec_<dataset>_<variant>`, so that every row of InstructRec's tables
can be evaluated at any time.
"""

import dataclasses
from collections.abc import Mapping, Sequence

from instructrec_jax.errors import InputError, unknown

# Another word for no variant.
PLAIN = ""


@dataclasses.dataclass(frozen=True)
class Variant:
  """What records of one kind differ in.

  Attributes:
    by_item: whether items are split 80/10/10, each with the queries that look
      for it, instead of each user's sequence (InstructRec, section 4.1.2).
    candidates: kinds that can be chosen, the first unless one is; none for any.
    num_negatives: of a request, unless said; None for what is usual.
  """

  by_item: bool = False
  candidates: Sequence[str] = ()
  num_negatives: int | None = None


VARIANTS: Mapping[str, Variant] = {
  PLAIN: Variant(),
  # Product search.
  "search": Variant(by_item=True, candidates=("uniform", "popularity")),
  "hard": Variant(candidates=("hard",)),
  "of_100": Variant(num_negatives=99),
}


def named(variant: str) -> Variant:
  """Returns the variant of a name.

  Raises:
    InputError: if there is none; the message lists those there are.
  """
  if variant not in VARIANTS:
    raise unknown("variant of records", variant, filter(None, VARIANTS))
  return VARIANTS[variant]


def suffix(variant: str) -> str:
  """Returns what the variant adds to a dataset's name."""
  return f"_{variant}" if variant else ""


def dataset_of(name: str) -> str:
  """Returns the dataset that a name of records, perhaps a variant's, says."""
  for variant in filter(None, VARIANTS):
    if name.endswith(suffix(variant)):
      return name.removesuffix(suffix(variant))
  return name


# What the names of mixtures end in, beside those of variants.
_MIXTURES = (
  "all_forms",
  "history",
  "preference",
  "intention",
  "combined",
  "held_out",
  "reworded",
  "evaluation",
)


def check_free(dataset: str) -> str:
  """Returns `dataset`, a name to give, if nothing else is called so.

  Raises:
    InputError: it would be taken for something of another dataset.
  """
  for kept in (*filter(None, VARIANTS), *_MIXTURES):
    if dataset.endswith(suffix(kept)):
      raise InputError(
        f"dataset {dataset!r}: expected a name that does not end in "
        f"{suffix(kept)!r}, as something of "
        f"{dataset.removesuffix(suffix(kept))!r} would be called so"
      )
  return dataset
