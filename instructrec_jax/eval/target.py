"""The type of the targets that SeqIO passes to metrics."""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import numpy as np

# Item codes.
Items = Sequence[int] | np.ndarray


class Target(TypedDict):
  """A target: what an example asks, and the right answer.

  A task's postprocessor makes it. It is a dict, because SeqIO's loggers write
  targets as JSON. The keys that it needs depend on the task's metrics, also if
  the task is another project's.

  Attributes:
    instance: The record's running number.
    user: The user's code.
    target: For a ranking, the relevant item, or several.
    candidates: For a ranking, the items to rank.
    gains: For a ranking, the gain of each target. Each is 1 by default.
    size: For a ranking, the number of items ranked, if the candidates are only
      the best of them.
    attributes: Properties to group requests by, e.g. the template's name.
    form: If a request has several inputs, their task form, a key of
      `questions.FORMS`.
    asked: The columns of `candidates` that such an input asks about.
    truth: For a text, the right answer: a rating, attributes by name, a text,
      or item codes.
    candidate: For a list, the items that it may hold. Empty means any item.
    history: For a list, the items in the user's history.
    titles: For a list, the titles of the candidates.
  """

  instance: int
  user: int
  target: NotRequired[int | Items]
  candidates: NotRequired[Items]
  gains: NotRequired[Sequence[float]]
  size: NotRequired[int]
  attributes: NotRequired[Mapping[str, str | int]]
  form: NotRequired[str]
  asked: NotRequired[Items]
  truth: NotRequired[Any]
  candidate: NotRequired[list[int]]
  history: NotRequired[list[int]]
  titles: NotRequired[list[str]]


Targets = Sequence[Target]
