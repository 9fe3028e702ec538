"""Counts rows read, kept and dropped, by table and reason."""

import collections
from typing import Any

import numpy as np

from instructrec_jax.data.formats.raw import Raw


class Tally:
  """Counts rows read, kept and dropped, by table and reason."""

  def __init__(self, raw: Raw):
    """Starts with the rows that had a fault for the reader."""
    self._read = collections.Counter()
    self._kept = collections.Counter()
    self._dropped = collections.defaultdict(dict)
    self._first, self._first_noted = {}, {}
    self._noted = collections.defaultdict(dict)
    for table, counts in raw.noted.items():
      for what, rows in counts.items():
        self.note(table, what, rows)
    for table, bad in raw.bad.items():
      for b in bad:
        place = f"{table}: {b.reason}"
        if b.kept:
          self.note(table, b.reason, b.rows)
          self._first_noted.setdefault(place, b.first)
        else:
          self.read(table, b.rows)
          self.drop(table, b.reason, b.rows)
          self._first.setdefault(place, b.first)

  def read(self, table: str, rows: int) -> None:
    """Counts rows read."""
    self._read[table] += rows

  def keep(self, table: str, rows: int) -> None:
    """Sets the number of rows of a table that are kept."""
    self._kept[table] = rows

  def drop(self, table: str, reason: str, rows: int | np.integer) -> None:
    """Counts rows left out; 0 rows leave no entry."""
    if rows:
      dropped = self._dropped[table]
      dropped[reason] = dropped.get(reason, 0) + int(rows)  # For JSON.

  def note(self, table: str, what: str, rows: int | np.integer) -> None:
    """Counts rows that are kept, but with a change; 0 rows leave no entry."""
    if rows:
      noted = self._noted[table]
      noted[what] = noted.get(what, 0) + int(rows)

  def counts(self) -> dict[str, Any]:
    """Returns the counts; see `cleaning.clean`."""
    counts: dict[str, Any] = {
      name: {
        "read": read,
        "dropped": self._dropped[name],
        "kept": self._kept[name],
        **({"noted": self._noted[name]} if self._noted.get(name) else {}),
      }
      for name, read in self._read.items()
    }
    counts["first_bad"] = self._first
    if self._first_noted:
      counts["first_noted"] = self._first_noted
    return counts

  def __str__(self) -> str:
    return "; ".join(
      f"{table}: " + ", ".join(f"{n} {reason}" for reason, n in why.items())
      for table, why in self._dropped.items()
      if why
    )
