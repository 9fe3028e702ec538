"""The figures that describe a dataset's instructions."""

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
    """Returns those of values [n], None where there are none."""
    if not values.size:
      return None
    return cls(
      float(values.mean()), float(np.median(values)), int(values.max())
    )


@dataclasses.dataclass(frozen=True)
class Records:
  """The records of one split.

  Attributes:
    count: how many.
    history: items before the target.
    cut: share of records that hold only the newest of them.
    per_user: records of a user who has any.
  """

  count: int
  history: Spread
  cut: float
  per_user: Spread


@dataclasses.dataclass(frozen=True)
class Text:
  """A text that a teacher, or the catalogue, wrote of targets.

  Attributes:
    field: its name in records.
    records: those that have it, by split.
    words: mean over those; None where none has.
    looks_at_target: whether it is made from the target.
    rejected: texts that validators turned down, by reason.
    absent: targets without one, by reason, among those annotated.
  """

  field: str
  records: Mapping[str, int]
  words: float | None
  looks_at_target: bool
  rejected: Mapping[str, int]
  absent: Mapping[str, int]

  @property
  def count(self) -> int:
    """How many there are in all."""
    return sum(self.records.values())


@dataclasses.dataclass(frozen=True)
class Rendered:
  """A family's instructions as a model reads them, of a sample of records.

  Attributes:
    count: instructions rendered.
    words: mean of an instruction, of any length.
    inputs: tokens of what is told, of any length, EOS included.
    targets: tokens of what is to be written, likewise.
    shortened: share whose history gives way to fit the lengths.
    left_out: share that does not fit them even so.
  """

  count: int
  words: float
  inputs: Spread
  targets: Spread
  shortened: float
  left_out: float


@dataclasses.dataclass(frozen=True)
class FamilyNumbers:
  """A family.

  Attributes:
    name: of its task, less the dataset's.
    tells: what an instruction tells, see `families.Family`.
    asks: the task form, or what is to be written.
    from_target: those of `tells` that are made from the target.
    lacks: texts that the records have none of.
    instances: records that it can be made of, by split.
    templates: rows of the tables of wordings that serve it.
    wordings: to train on.
    held_out: wordings that no training shows.
    rendered: None where nothing was rendered.
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
    groups: templates by the paper's group.
    words: mean of a wording; a slot is one word.
    wordings: of these templates, to train on.
    own: templates that the paper has none of.
  """

  groups: Mapping[str, int]
  words: float
  wordings: int
  own: int


@dataclasses.dataclass(frozen=True)
class Numbers:
  """All figures.

  Attributes:
    dataset: short name.
    users, items, interactions: how many there are.
    records: by split.
    texts: of the targets.
    families: in the order of `families.FAMILIES`.
    templates: what they are worded by.
    lengths: tokens of inputs and targets that shares refer to.
    vocabulary: what tokens are counted in; None where nothing was rendered.
    notes: what has to be known of the figures.
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
