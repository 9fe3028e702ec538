"""What an input asks and what would be right, as SeqIO hands it to metrics."""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import numpy as np

# Item codes.
Items = Sequence[int] | np.ndarray


class Target(TypedDict):
  """What a task's postprocessor makes of an example.

  It is a dict, since SeqIO's loggers write targets as JSON. A task over records
  of another project has a postprocessor that returns one; which keys it needs
  depends on the task's metrics.

  Attributes:
    instance: the record's running number.
    user: the user's code.
    target: of a ranking, the relevant item, or several.
    candidates: of a ranking, the items to rank.
    gains: of a ranking, what each of several targets is worth; 1 each without.
    size: of a ranking, how many items were ranked, where the candidates are
      only the best of them.
    attributes: what requests can be told apart by, e.g. the template's name.
    form: of one of several inputs of a request, the task form, a key of
      `questions.FORMS`.
    asked: the columns of `candidates` that such an input asks about.
    truth: of a text, what would be right: a rating, attributes by name, a text,
      or item codes.
    candidate: of a list, the items that it may hold; none for any.
    history: of a list, the items that the user has had.
    titles: of a list, the titles of the candidates.
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
