"""Variants of a dataset's records, with other splits or candidates.

Each variant has its own folder of records beside the plain ones, called
`instructrec_<dataset>_<variant>`. So every row of InstructRec's tables can be
evaluated at any time.
"""

import dataclasses
import re
from collections.abc import Mapping, Sequence

from instructrec_jax.errors import InputError, unknown

# The name for no variant.
PLAIN = ""


@dataclasses.dataclass(frozen=True)
class Variant:
  """The differences between a variant and the plain records.

  Attributes:
    by_item: whether items are split 80/10/10, each with its queries, instead of
      each user's sequence (InstructRec, section 4.1.2).
    candidates: the kinds that can be chosen, the default first; empty for any.
    num_negatives: the default number per request; None for the usual one.
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
    InputError: the variant is unknown; the message lists the known ones.
  """
  if variant not in VARIANTS:
    raise unknown("variant of records", variant, filter(None, VARIANTS))
  return VARIANTS[variant]


def suffix(variant: str) -> str:
  """Returns the suffix of a dataset's name for the variant."""
  return f"_{variant}" if variant else ""


def dataset_of(name: str) -> str:
  """Returns a name of records without the suffix of a variant."""
  for variant in filter(None, VARIANTS):
    if name.endswith(suffix(variant)):
      return name.removesuffix(suffix(variant))
  return name


# The endings of names of mixtures, in addition to those of variants.
_MIXTURES = (
  "all_forms",
  "history",
  "preference",
  "intention",
  "combined",
  "held_out",
  "reworded",
  "evaluation",
  "unsearched",
  "all_rows",
)


# The tasks of a dataset end in names such as p1_i0_t3 and p1_to_i1_item.
_FAMILY = re.compile(
  r"_(?:(?:p1p2|p\d|i\d|item)_)+(?:t\d|to(?:_(?:p\d|i\d|item))+)$"
)
# The mixture of all datasets is named as that of a dataset "all".
EVERY_DATASET = "all"


def check_free(dataset: str) -> str:
  """Returns `dataset` if it cannot be confused with another name.

  Raises:
    InputError: it is that of all datasets, or could be a variant, mixture or
      task of another dataset.
  """
  if dataset == EVERY_DATASET:
    raise InputError(
      f"dataset {dataset!r}: expected another name, because the mixture "
      f"'instructrec_{dataset}' is that of all datasets"
    )
  ends = [suffix(kept) for kept in (*filter(None, VARIANTS), *_MIXTURES)]
  ends = [end for end in ends if dataset.endswith(end)]
  family = _FAMILY.search(dataset)
  if family is not None and family.start():
    ends.append(family[0])
  if ends:
    raise InputError(
      f"dataset {dataset!r}: expected a name that does not end in "
      f"{ends[0]!r}, because a variant, mixture or task of dataset "
      f"{dataset.removesuffix(ends[0])!r} has this name"
    )
  return dataset
