"""A template's row in the tables of wordings."""

from typing import NamedTuple


class Row(NamedTuple):
  """A template.

  Attributes:
    id: group and number, as in the paper's appendix.
    families: those that it serves.
    output: what is to be written.
    wordings: of the instruction, to train on.
    held_out: the one that no training shows.
  """

  id: str
  families: tuple[str, ...]
  output: str
  wordings: tuple[str, ...]
  held_out: str
