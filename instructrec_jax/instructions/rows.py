"""A row of the wording tables."""

from typing import NamedTuple


class Row(NamedTuple):
  """A template.

  Attributes:
    id: group and number, as in the paper's appendix.
    families: the families that it serves.
    output: the text of the output.
    wordings: the instruction's wordings to train on.
    held_out: the wording that training never shows.
  """

  id: str
  families: tuple[str, ...]
  output: str
  wordings: tuple[str, ...]
  held_out: str
