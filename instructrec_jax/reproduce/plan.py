"""Which rows and systems a dataset allows, and why not the others."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from instructrec_jax import artifacts
from instructrec_jax.data import names
from instructrec_jax.errors import InputError, unknown
from instructrec_jax.instructions.families import family_of
from instructrec_jax.reproduce.rows import EVERY_TABLE, ROWS, TABLES, Row
from instructrec_jax.reproduce.systems import SYSTEMS
from instructrec_jax.vectors import stage as vectors


@dataclasses.dataclass(frozen=True)
class Part:
  """A system in a row of a table.

  Attributes:
    row: A key of `ROWS`.
    system: A key of `SYSTEMS`.
    dataset: The dataset of the requests.
    reason: Why it is skipped; None if it is made.
  """

  row: str
  system: str
  dataset: str
  reason: str | None


@dataclasses.dataclass(frozen=True)
class Data:
  """What is there to make the tables from.

  Attributes:
    data_dir: The folder of all datasets.
    dataset: The dataset to train on.
    other: A second dataset, for the row "transfer"; None without one.
  """

  data_dir: Path
  dataset: str
  other: str | None = None

  def of(self, row: Row) -> str | None:
    """Returns the dataset of a row's requests."""
    return self.other if row.other_data else self.dataset

  def manifest(self, dataset: str, variant: str = "") -> artifacts.Manifest:
    """Returns the manifest of records.

    Raises:
      InputError: They are not built.
    """
    folder = names.records_dir(self.data_dir, dataset, variant)
    return artifacts.read_manifest(folder, "build")

  def has(self, dataset: str, variant: str) -> bool:
    """Returns whether records are built."""
    folder = names.records_dir(self.data_dir, dataset, variant)
    return (folder / artifacts.MANIFEST).exists()


def parts(
  data: Data, tables: Sequence[str], systems: Sequence[str] | None
) -> list[Part]:
  """Returns each system of each row of some tables.

  Args:
    data: What is there.
    tables: Some of `TABLES`.
    systems: Some of `SYSTEMS`; None for all.

  Raises:
    InputError: A name is unknown, a dataset is not built, or nothing is left.
  """
  for table in tables:
    if table not in TABLES:
      raise unknown("table", table, TABLES)
  for system in systems or ():
    if system not in SYSTEMS:
      raise unknown("system", system, SYSTEMS)
  if data.other == data.dataset:
    raise InputError(
      f"--transfer_to {data.other}: expected another dataset than the one to "
      "train on"
    )
  for dataset in filter(None, (data.dataset, data.other)):
    data.manifest(dataset)
  found = [
    Part(name, system, data.of(row) or "", _reason(data, row, system))
    for name, row in ROWS.items()
    if EVERY_TABLE in tables or row.table in tables
    for system in row.systems
    if systems is None or system in systems
  ]
  if not any(part.reason is None for part in found):
    reasons = dict.fromkeys(part.reason for part in found)
    told = "; ".join(filter(None, reasons))
    raise InputError(
      f"{data.dataset}: nothing of {', '.join(tables)} can be made"
      + (f": {told}" if told else " with these systems")
    )
  return found


def _reason(data: Data, row: Row, system: str) -> str | None:
  """Returns why a system of a row is skipped, or None."""
  dataset = data.of(row)
  if dataset is None:
    return "there is no second dataset: name one with --transfer_to"
  counts = data.manifest(dataset)["counts"]
  absent = [
    field
    for field in family_of(row.family).fields
    if field not in counts["features"]
  ]
  if absent:
    return (
      f"the records have no {' and no '.join(absent)}: `instructrec annotate` "
      "writes it, where there are reviews or labels"
    )
  if SYSTEMS[system].reads_vectors:
    folder = vectors.default_folder(data.data_dir, dataset)
    if not folder.exists():
      return (
        "there are no text vectors of items: `instructrec vectors "
        f"{dataset}` makes them"
      )
  return None


def skipped(found: Sequence[Part]) -> Mapping[str, list[str]]:
  """Returns what is skipped, as row: system, by reason."""
  by_reason: dict[str, list[str]] = {}
  rows = dict.fromkeys(part.row for part in found)
  for row in rows:
    here = [part for part in found if part.row == row]
    reasons = dict.fromkeys(p.reason for p in here if p.reason is not None)
    for reason in reasons:
      without = [p.system for p in here if p.reason == reason]
      whole = len(without) == len(here)
      told = row if whole else f"{row} ({', '.join(without)})"
      by_reason.setdefault(reason, []).append(told)
  return by_reason


def text(found: Sequence[Part]) -> str:
  """Returns what is made and what is skipped, in lines."""
  lines = []
  for row in dict.fromkeys(part.row for part in found):
    made = [p for p in found if p.row == row and p.reason is None]
    if made:
      systems = ", ".join(part.system for part in made)
      lines.append(f"{row}, {made[0].dataset}: {systems}")
  for reason, what in skipped(found).items():
    lines.append(f"skipped, {', '.join(what)}: {reason}")
  return "\n".join(lines)
