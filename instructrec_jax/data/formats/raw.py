"""What a reader hands on: a dataset's rows before any cleaning."""

import dataclasses

import polars as pl

from instructrec_jax.data.formats.spool import Spool


@dataclasses.dataclass(frozen=True)
class Bad:
  """Rows that a reader had to leave out for one reason.

  Attributes:
    reason: why, e.g. "rating is not a number".
    rows: how many.
    first: file and line of the first one, e.g. "u.data:17".
  """

  reason: str
  rows: int
  first: str


@dataclasses.dataclass(frozen=True)
class Raw:
  """Raw tables. Ids are text or integers, the same type on both sides.

  Attributes:
    interactions: in file order: user, item, and any other column of
      schema.INTERACTIONS.
    items: in file order: item_id, title (null where there is none), and any
      other column of schema.ITEMS; ids may repeat.
    users: user_id and attributes; None where the source has none.
    bad: rows left out, by table: interactions, items, user_attributes.
    noted: rows in which something is absent or was put right, by table: how
      many, by what.
    spooled: further columns of a table, too long for memory; the table then
      has LINE, which says which row there is which one here. Where user_id is
      spooled for "users", it is that of an interaction's user by its LINE, and
      user in the interactions is a number that stands for it.
  """

  interactions: pl.DataFrame
  items: pl.DataFrame
  users: pl.DataFrame | None = None
  bad: dict[str, list[Bad]] = dataclasses.field(default_factory=dict)
  noted: dict[str, dict[str, int]] = dataclasses.field(default_factory=dict)
  spooled: dict[str, Spool] = dataclasses.field(default_factory=dict)
