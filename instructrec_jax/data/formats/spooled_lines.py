"""Reads files of one object per line; long columns go into spools."""

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

# Ids as text would fill the memory. So would a table of the names of tens of
# millions of users, so a 64-bit hash represents a user. With 23 million users,
# the most in any category, the probability that any two share a hash is about
# 1 in 70,000.
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
    needs: the keys that every object of such a file has.
    fields: the short columns.
    long: the columns that are spooled.
    noted: which rows to count, by the note under which they are counted.
    dialect: the notation of a line.
  """

  columns: Mapping[str, pl.DataType]
  needs: Sequence[str]
  fields: Mapping[str, Field]
  long: Mapping[str, pl.Expr]
  noted: Mapping[str, pl.Expr]
  dialect: jsonl.Dialect = jsonl.JSON


def read(
  source: str,
  kinds: Mapping[tuple[str, str], Table],
  files: Mapping[str, Path],
  scratch: Path,
) -> Raw:
  """Reads the files of a source.

  Args:
    source: the name of the source.
    kinds: the kinds of file, by source and role. A file is of the first kind
      whose `needs` its first object has.
    files: "interactions" and "items".
    scratch: a folder for texts until their rows are known.

  Raises:
    InputError: a file is damaged, of another kind, or has no usable row.
  """
  for role, path in files.items():
    _check_kind(source, kinds, role, path)
  loaded = {
    role: _load(kinds[source, role], role, path, scratch)
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
) -> None:
  """Raises InputError if the file is not of this source and role."""
  keys = jsonl.first_object(path, kinds[source, role].dialect)
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


def _load(table: Table, role: str, path: Path, scratch: Path) -> _Loaded:
  """Reads one file: short columns into memory, long ones into spools."""
  schema = {LINE: pl.get_index_type(), **table.columns}
  values, fault, reasons = checks(table.fields, schema)
  ids = [_IDS[name].alias(name) for name in table.fields if name in _IDS]
  long = {role: [LINE, *table.long]}
  if "user" in table.fields:
    long["users"] = [LINE, pl.col("user").alias("user_id")]
  spools = {name: Spool(scratch / name) for name in long}
  short, faults = [], Faults(path)
  noted = collections.Counter()
  for piece in jsonl.pieces(path, table.columns, table.dialect):
    rows = piece.rows.select(
      LINE,
      *values,
      *(value.alias(name) for name, value in table.long.items()),
      *(
        test.fill_null(False).alias(what) for what, test in table.noted.items()
      ),
      fault.alias(FAULT),
    )
    faults.add(f"not a {table.dialect.noun}", piece.wrong)
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
