"""What a reader hands on: a dataset's rows before any cleaning."""

import dataclasses

import polars as pl


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
  """

  interactions: pl.DataFrame
  items: pl.DataFrame
  users: pl.DataFrame | None = None
  bad: dict[str, list[Bad]] = dataclasses.field(default_factory=dict)
