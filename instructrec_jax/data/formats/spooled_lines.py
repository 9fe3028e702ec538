"""Files of one object a line: short columns in memory, long ones in spools."""

import collections
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from instructrec_jax import errors
from instructrec_jax.data.formats import jsonl
from instructrec_jax.data.formats.raw import Bad, Raw
from instructrec_jax.data.formats.spool import LINE, Spool, empty
from instructrec_jax.data.formats.text import (
  FAULT,
  Faults,
  Field,
  checks,
  no_usable_row,
)
from instructrec_jax.errors import InputError

# As text, ids would fill the memory that their rows are to have. Of users there
# may be tens of millions, and a table of their names would fill it too: a user
# is known by a hash of 64 bits. That any two of 23 million users, the most that
# a category has, share one is about as likely as 1 in 70,000.
_IDS = {
  "user": pl.col("user").hash(seed=0),
  "item": pl.col("item").cast(pl.Categorical),
  "item_id": pl.col("item_id").cast(pl.Categorical),
}


@dataclasses.dataclass(frozen=True)
class Table:
  """How one kind of file becomes a table.

  Attributes:
    columns: the keys that are read, with their types.
    needs: those that every object of such a file has.
    fields: the short columns.
    long: the columns that are spooled.
    noted: what is counted of the rows read.
  """

  columns: Mapping[str, pl.DataType]
  needs: Sequence[str]
  fields: Mapping[str, Field]
  long: Mapping[str, pl.Expr]
  noted: Mapping[str, pl.Expr]


def read(
  source: str,
  kinds: Mapping[tuple[str, str], Table],
  files: Mapping[str, Path],
  scratch: Path,
  dialect: jsonl.Dialect = jsonl.JSON,
) -> Raw:
  """Reads the files of a source.

  Args:
    source: its name, as people write it.
    kinds: what a file may be, by source and role. A file's first object is of
      the first of these whose needs it meets.
    files: "interactions" and "items".
    scratch: a folder for texts until their rows are known.
    dialect: how a line is written.

  Raises:
    InputError: a file is damaged, of another kind, or has no usable row.
  """
  for role, path in files.items():
    _check_kind(source, kinds, role, path, dialect)
  loaded = {
    role: _load(kinds[source, role], role, path, scratch, dialect)
    for role, path in files.items()
  }
  return Raw(
    loaded["interactions"].rows,
    loaded["items"].rows,
    bad={role: each.bad for role, each in loaded.items()},
    noted={role: each.noted for role, each in loaded.items()},
    spooled={t: s for each in loaded.values() for t, s in each.spools.items()},
  )


def _check_kind(
  source: str,
  kinds: Mapping[tuple[str, str], Table],
  role: str,
  path: Path,
  dialect: jsonl.Dialect,
) -> None:
  """Raises unless the file is what the source has in this role."""
  keys = jsonl.first_object(path, dialect)
  kind = next((k for k, t in kinds.items() if keys.keys() >= {*t.needs}), None)
  if kind == (source, role):
    return
  if kind is None:
    key = next(n for n in kinds[source, role].needs if n not in keys)
    raise errors.unknown(f"key of the first object of {path}", key, keys)
  what = {"interactions": "reviews", "items": "metadata"}
  raise InputError(
    f"{path} holds {what[kind[1]]} of {kind[0]}, not {what[role]} of "
    f"{source}: "
    + (
      f"normalize it as {kind[0]}"
      if kind[0] != source
      else f"give it as {kind[1]}_file"
    )
  )


@dataclasses.dataclass(frozen=True)
class _Loaded:
  rows: pl.DataFrame
  spools: dict[str, Spool]
  bad: list[Bad]
  noted: dict[str, int]


def _load(
  table: Table, role: str, path: Path, scratch: Path, dialect: jsonl.Dialect
) -> _Loaded:
  """Reads one file: what is short into memory, what is long into spools."""
  schema = {LINE: pl.get_index_type(), **table.columns}
  values, fault, reasons = checks(table.fields, schema)
  ids = [_IDS[name].alias(name) for name in table.fields if name in _IDS]
  long = {role: [LINE, *table.long]}
  if "user" in table.fields:
    long["users"] = [LINE, pl.col("user").alias("user_id")]
  spools = {name: Spool(scratch / name) for name in long}
  short, faults = [], Faults(path)
  noted = collections.Counter()
  for piece in jsonl.pieces(path, table.columns, dialect):
    rows = piece.rows.select(
      LINE,
      *values,
      *(value.alias(name) for name, value in table.long.items()),
      *(
        test.fill_null(False).alias(what) for what, test in table.noted.items()
      ),
      fault.alias(FAULT),
    )
    faults.add(f"not a {dialect.noun}", piece.wrong)
    rows = faults.usable(rows, reasons)
    short.append(rows.select(LINE, *table.fields).with_columns(ids))
    for name, columns in long.items():
      spools[name].add(rows.select(columns))
    for name in table.long:
      noted[f"without {name}"] += empty(rows[name])
    for what in table.noted:
      noted[what] += rows[what].sum()
  rows = pl.concat(short) if short else pl.DataFrame()
  if rows.is_empty():
    raise no_usable_row(path, faults.bad)
  return _Loaded(
    rows, spools, faults.bad, {k: n for k, n in noted.items() if n}
  )
