"""The result of a reader: a dataset's rows before any cleaning."""

import dataclasses
from typing import Literal

import polars as pl

from instructrec_jax.data.formats.spool import Spool

# What orders the rows of a user that have no times; see `Raw.order`.
Order = Literal["none", "sequence"]


@dataclasses.dataclass(frozen=True)
class Bad:
  """Rows with one fault: left out, or kept without the value that is wrong.

  Attributes:
    reason: the fault, e.g. "rating is not a number".
    rows: the number of rows.
    first: file and line of the first row, e.g. "u.data:17". If rows are kept,
      the value stands before it.
    kept: whether the rows are kept.
  """

  reason: str
  rows: int
  first: str
  kept: bool = False


@dataclasses.dataclass(frozen=True)
class Raw:
  """Raw tables. Ids are text or integers, of the same type in all tables.

  Attributes:
    interactions: user, item, and any other columns of schema.INTERACTIONS, in
      file order. Its timestamp may also be uint32 seconds, which take half the
      memory.
    items: item_id, title (null if there is none), and any other columns of
      schema.ITEMS, in file order; ids may repeat.
    users: user_id and attributes; None if the source has none.
    bad: rows with a fault, by table: interactions, items, user_attributes.
    noted: counts of rows in which something is missing or was corrected, by
      table and note.
    spooled: columns of a table that are too long for memory, by table. LINE in
      the table and in the spool connects their rows. If "users" is spooled, it
      has the user_id for each LINE of the interactions, whose user column is
      then a number in place of the user_id.
    order: what orders a user's rows if there is no timestamp. "sequence": the
      rows of the file or, if there is a column "event", its numbers, which are
      equal for rows whose order is not known. "none": nothing does.
  """

  interactions: pl.DataFrame
  items: pl.DataFrame
  users: pl.DataFrame | None = None
  bad: dict[str, list[Bad]] = dataclasses.field(default_factory=dict)
  noted: dict[str, dict[str, int]] = dataclasses.field(default_factory=dict)
  spooled: dict[str, Spool] = dataclasses.field(default_factory=dict)
  order: Order = "none"
