"""The statistics that describe a dataset's instructions."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Spread:
  """Mean, median and largest of some numbers."""

  mean: float
  median: float
  largest: int

  @classmethod
  def of(cls, values: np.ndarray) -> "Spread | None":
    """Returns the statistics of values [n], or None if n is 0."""
    if not values.size:
      return None
    return cls(
      float(values.mean()), float(np.median(values)), int(values.max())
    )


@dataclasses.dataclass(frozen=True)
class Records:
  """The records of one split.

  Attributes:
    count: number of records.
    history: number of items before the target.
    cut: share of records that hold only the newest items of their history.
    per_user: records per user, over the users who have any.
  """

  count: int
  history: Spread
  cut: float
  per_user: Spread


@dataclasses.dataclass(frozen=True)
class Text:
  """A kind of text that describes targets, from a teacher or the catalogue.

  Attributes:
    field: the text's name in records.
    records: number of records that have the text, by split.
    words: mean words of the text; None if no record has it.
    looks_at_target: whether the text is made from the target.
    rejected: number of texts that failed validation, by reason.
    absent: number of annotated targets without the text, by reason.
  """

  field: str
  records: Mapping[str, int]
  words: float | None
  looks_at_target: bool
  rejected: Mapping[str, int]
  absent: Mapping[str, int]

  @property
  def count(self) -> int:
    """The number of records of all splits that have the text."""
    return sum(self.records.values())


@dataclasses.dataclass(frozen=True)
class Rendered:
  """A family's instructions, rendered from a sample of records.

  Attributes:
    count: number of rendered instructions.
    words: mean words of an instruction without a length limit.
    inputs: tokens of the inputs without a length limit, EOS included.
    targets: tokens of the targets without a length limit, EOS included.
    shortened: share whose history is shortened to fit the lengths.
    left_out: share that does not fit even with the shortest history.
  """

  count: int
  words: float
  inputs: Spread
  targets: Spread
  shortened: float
  left_out: float


@dataclasses.dataclass(frozen=True)
class FamilyNumbers:
  """A family's statistics.

  Attributes:
    name: the task's name without the dataset's prefix.
    tells: the parts of the input, see `families.Family`.
    asks: the task form, or the parts of the output.
    from_target: the parts in `tells` that are made from the target.
    lacks: the texts that the family needs and no record has.
    instances: number of records that have the family's texts, by split.
    templates: number of rows of the wording tables that serve the family.
    wordings: number of wordings to train on.
    held_out: number of wordings that training never shows.
    rendered: None if nothing was rendered.
  """

  name: str
  tells: tuple[str, ...]
  asks: str
  from_target: tuple[str, ...]
  lacks: tuple[str, ...]
  instances: Mapping[str, int]
  templates: int
  wordings: int
  held_out: int
  rendered: Rendered | None


@dataclasses.dataclass(frozen=True)
class Templates:
  """The table of wordings.

  Attributes:
    groups: number of templates in each of the paper's groups.
    words: mean words of a wording; a slot counts as one word.
    wordings: number of these templates' wordings to train on.
    own: number of templates that are not in the paper.
  """

  groups: Mapping[str, int]
  words: float
  wordings: int
  own: int


@dataclasses.dataclass(frozen=True)
class Numbers:
  """All statistics of a dataset.

  Attributes:
    dataset: short name.
    users, items, interactions: how many the dataset has.
    records: the records of each split.
    texts: the texts that describe targets.
    families: in the order of `families.FAMILIES`.
    templates: the table of wordings.
    lengths: the most tokens of inputs and targets, for the shares.
    vocabulary: counts the tokens; None if nothing was rendered.
    notes: remarks on the statistics.
  """

  dataset: str
  users: int
  items: int
  interactions: int
  records: Mapping[str, Records]
  texts: tuple[Text, ...]
  families: tuple[FamilyNumbers, ...]
  templates: Templates
  lengths: Mapping[str, int]
  vocabulary: Mapping[str, Any] | None
  notes: tuple[str, ...]
