"""The stage `itdr`: makes the records of a pair's task from tables.

A record holds its texts in pieces: the slots of wordings, and lists of entries
whose oldest can be dropped. The wording is chosen when a record is read (see
render.py).
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from etils import epath

from instructrec_jax import artifacts, paths, schema
from instructrec_jax.data.names import RECORDS_VERSION, generator
from instructrec_jax.data.records import files
from instructrec_jax.errors import InputError
from instructrec_jax.itdr import choose, parts, taught
from instructrec_jax.itdr.features import features_of
from instructrec_jax.itdr.pairs import Pair
from instructrec_jax.itdr.tables import Tables
from instructrec_jax.teacher.annotation import texts
from instructrec_jax.teacher.annotation.choosing import Choice
from instructrec_jax.teacher.protocol import Kind

STAGE = "itdr"


def folder_of(data_dir: str | Path, pair: Pair) -> epath.Path:
  """Returns the folder of a pair's records."""
  records = paths.anywhere(data_dir) / "records"
  return records / pair.task / RECORDS_VERSION


def build(
  pair: Pair,
  data_dir: str | Path = "data",
  size: int | None = None,
  instead: Mapping[str, str] | None = None,
  choice: Choice | None = None,
  seed: int = 0,
  overwrite: bool = False,
) -> artifacts.Manifest:
  """Writes the records of a pair to data_dir/records/itdr_<pair>.

  Args:
    pair: a subtask and a dataset.
    data_dir: the folder of all datasets, with the pair's tables.
    size: the most instances, split 8 : 1 : 1 into train, validation and test;
      None for the paper's number. If there are fewer, all are taken.
    instead: the dataset whose tables replace those of another, by that name.
    choice: the teacher that writes the answers of interests and target_users;
      None for the extractive teacher.
    seed: draws the users or items, the candidates, and all orders.
    overwrite: replace records that were made with other options.

  Returns:
    The manifest.

  Raises:
    InputError: there are no tables, or it is NobodyLeftError: no user or
      item in them is eligible.
  """
  size = pair.size if size is None else size
  if size < len(choose.SHARES):
    raise InputError(f"size is {size}: expected at least {len(choose.SHARES)}")
  found = tables_of(pair, data_dir, instead or {})
  writer = None
  if pair.subtask in parts.TAUGHT:
    choice = choice or Choice("extractive", data_dir, {})
    writer = taught.Writer(choice, pair, seed)

  def write(folder: Path) -> dict[str, Any]:
    made = parts.make(pair, found, size, writer, seed)
    features = features_of(pair)
    shards = {}
    for split, rows in made.splits.items():
      if rows.is_empty():
        raise parts.NobodyLeftError(
          f"{pair.name}: no user or item is left for {split} after the split "
          f"8 : 1 : 1 of train, validation and test: {made.counts['of']}"
        )
      order = generator(seed, pair.task, split, "order").permutation(len(rows))
      shards[split] = files.write_shards(
        folder / f"{pair.task}-{split}",
        len(rows),
        functools.partial(_records, rows[order], features),
      )
    files.write_metadata(
      folder, pair.task, features, shards, f"ITDR's {pair.name} in pieces."
    )
    return {"features": list(features), **made.counts}

  return artifacts.run_stage(
    STAGE,
    folder_of(data_dir, pair),
    write,
    inputs={
      name: tables.manifest["fingerprint"] for name, tables in found.items()
    },
    options={
      "pair": pair.name,
      "size": size,
      "instead": dict(instead or {}),
      **({} if writer is None else dict(writer.made_of())),
    },
    seed=seed,
    libraries=("polars", "numpy", "tensorflow", "tensorflow-datasets"),
    overwrite=overwrite,
  )


def requests(
  pair: Pair,
  data_dir: str | Path,
  choice: Choice,
  size: int | None = None,
  instead: Mapping[str, str] | None = None,
  seed: int = 0,
) -> Iterator[tuple[Kind, Iterator[pl.DataFrame]]]:
  """Yields the first requests that `build` would send to a teacher.

  A user or item without a valid text is replaced by another one later.
  """
  if pair.subtask not in parts.TAUGHT:
    return
  found = tables_of(pair, data_dir, instead or {})
  writer = taught.Writer(choice, pair, seed)
  told = parts.told(pair, found, pair.size if size is None else size, seed)
  for frame in told:
    yield writer.kind, texts.batches(writer.kind, writer.requests(frame))


def tables_of(
  pair: Pair, data_dir: str | Path, instead: Mapping[str, str]
) -> dict[str, Tables]:
  """Returns the existing tables of a pair.

  Args:
    pair: a subtask and a dataset.
    data_dir: the folder of all datasets.
    instead: the dataset whose tables replace those of another, by that name.

  Returns:
    The tables, by the name in the pair.

  Raises:
    InputError: there are none, or none has the columns that the pair needs.
  """
  found, missing = {}, []
  for name in pair.tables:
    try:
      named = instead.get(name, name)
      tables = Tables(data_dir, named, pair.domain.scale)
      tables.check(pair)
      found[name] = tables
    except InputError as error:
      missing.append(error)
  two = any(one in found and other in found for one, other in pair.across)
  if not found or (pair.across and not two):
    raise InputError(f"{pair.name}: {missing[0]}")
  return found


def _records(
  rows: pl.DataFrame, features: Mapping[str, schema.Feature], some: slice
) -> Iterator[bytes]:
  """Yields the serialized records of some rows."""
  binary = {
    name: pl.List(pl.Binary) if feature.is_list else pl.Binary
    for name, feature in features.items()
    if feature.dtype == "string"
  }
  rows = rows[some].select(*features).cast(binary)
  columns: dict[str, Sequence] = {
    name: rows[name].to_list()
    if feature.is_list
    else [[value] for value in rows[name].to_list()]
    for name, feature in features.items()
  }
  return files.serialize(columns, features)
