"""Builds records, one per target, as a TFDS dataset on disk.

Two tables that records share are written beside them: the items, and each
user's items in the training part. A record names its user, so these long lists
are not repeated in each of the user's records.

TensorFlow is imported by the functions that need it, so that reading these
tables and the command line's help do not wait for it.
"""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from instructrec_jax import artifacts, parquet, paths, schema
from instructrec_jax.data import ragged, splits, targets, variants
from instructrec_jax.data.candidates import kinds as candidate_kinds
from instructrec_jax.data.names import (
  annotations_dir,
  check_seed,
  generator,
  records_dir,
  records_name,
  tables_dir,
)
from instructrec_jax.data.ordering import Order
from instructrec_jax.data.records import files as record_files
from instructrec_jax.data.records.read import CATALOGUE, TRAIN_ITEMS
from instructrec_jax.errors import InputError

_NOTHING = np.empty(0, np.int64)

# Takes the folder, the titles, and the distinct texts of a teacher.
Extras = Callable[[Path, list[str], list[str]], Mapping[str, Any]]


def build(
  data_dir: str | Path,
  dataset: str,
  seed: int = 0,
  num_negatives: int | None = None,
  max_history: int = 50,
  overwrite: bool = False,
  candidates: str | None = None,
  candidates_file: str | Path | None = None,
  among: int | None = None,
  annotations: bool = True,
  variant: str = variants.PLAIN,
  extras: Extras | None = None,
  extra_options: Mapping[str, Any] | None = None,
) -> artifacts.Manifest:
  """Writes a dataset's records to data_dir/records/instructrec_<dataset>.

  The name of a variant follows the name of the dataset.
  `tfds.builder("instructrec_<dataset>", data_dir=data_dir/records)` reads them.
  Candidates of validation and test are found here, once, so that they are the
  same for every system. The order of each split is drawn by the seed, so its
  first records, such as `test[:2000]`, are a uniform sample of the split.

  Args:
    data_dir: the folder of all datasets.
    dataset: the dataset's short name; its tables must exist.
    seed: the seed of the negatives, their places, and the order of records.
    num_negatives: negatives in addition to the target of an evaluation record;
      None for 9, or for the number in the user's own file.
    max_history: the number of newest items in a history.
    overwrite: replace records that were made with other options.
    candidates: a key of `candidate_kinds.KINDS`. "uniform" draws negatives
      uniformly, "popularity" in proportion to an item's count in training (see
      `candidates.draw`), "hard" uses the negatives that a retriever ranks
      highest, and "file" uses whole lists unchanged. None for the variant's
      kind, or "uniform".
    candidates_file: the retriever's or user's file; see `candidates.files`.
    among: negatives are drawn from this number of the retriever's first items;
      None uses the very first items.
    annotations: whether records get the texts of `instructrec annotate`, if
      there are any.
    variant: a key of `variants.VARIANTS`: another split, or other candidates.
    extras: called with the folder to fill, the titles and the records' texts
      before the stage is finished; it returns counts for the manifest.
    extra_options: the options on which `extras` depends, for the manifest.

  Returns:
    The manifest.

  Raises:
    InputError: the tables are missing, or too small to split or draw from; or
      the choice of candidates or their file cannot be used.
  """
  variants.check_free(dataset)
  check_seed(seed)
  kind = _kind(variant, candidates, num_negatives, candidates_file, among)
  if max_history < 1:
    raise InputError(f"max_history is {max_history}: expected at least 1")
  tables = tables_dir(data_dir, dataset)
  inputs = {"tables": _fingerprint(tables, "normalize"), **kind.inputs()}
  texts = annotations_dir(data_dir, dataset)
  order = artifacts.read_manifest(tables)["counts"].get("order")
  if annotations and (texts / artifacts.MANIFEST).exists():
    inputs["annotations"] = _fingerprint(texts, "annotate")
  else:
    texts = None
  write = functools.partial(
    _write,
    dataset=dataset,
    variant=variant,
    tables=tables,
    texts=texts,
    kind=kind,
    max_history=max_history,
    seed=seed,
    order=order,
    extras=extras,
  )
  return artifacts.run_stage(
    "build",
    records_dir(data_dir, dataset, variant),
    write,
    inputs=inputs,
    options={
      "dataset": dataset,
      "max_history": max_history,
      **({"variant": variant} if variant else {}),
      **kind.options(),
      **(extra_options or {}),
    },
    seed=seed,
    libraries=("polars", "numpy", "tensorflow", "tensorflow-datasets"),
    overwrite=overwrite,
  )


def _fingerprint(folder: Path, stage: str) -> str:
  return artifacts.read_manifest(folder, stage)["fingerprint"]


def _kind(
  variant: str,
  candidates: str | None,
  num_negatives: int | None,
  file: str | Path | None,
  among: int | None,
) -> candidate_kinds.Kind:
  """Returns the chosen kind of candidates, or the variant's default.

  Raises:
    InputError: the variant does not allow the kind, or it cannot be used.
  """
  chosen = variants.named(variant)
  file = None if file is None else paths.expanded(file)
  kinds = chosen.candidates or tuple(candidate_kinds.KINDS)
  name = kinds[0] if candidates is None else candidates
  if name in candidate_kinds.KINDS and name not in kinds:
    raise InputError(
      f"--variant {variant} needs candidates {' or '.join(kinds)}, not {name}"
    )
  if num_negatives is None and "num_negatives" in candidate_kinds.taken(name):
    num_negatives = chosen.num_negatives
  return candidate_kinds.Kind(name, num_negatives, file, among)


def _write(
  folder: Path,
  *,
  dataset: str,
  variant: str,
  tables: Path,
  texts: Path | None,
  kind: candidate_kinds.Kind,
  max_history: int,
  seed: int,
  order: Order | None,
  extras: Extras | None,
) -> dict[str, Any]:
  """Fills the folder of the records; returns the counts."""
  items = parquet.read(tables / "items.parquet")
  interactions = targets.interactions_of(tables / "interactions.parquet")
  catalogue = targets.catalogue_of(interactions, items)
  catalogue.write_parquet(folder / CATALOGUE)
  if variants.named(variant).by_item:
    rng = generator(seed, dataset, "build", "items")
    split = targets.by_item(interactions, items, texts, dataset, rng)
  else:
    split = targets.by_user(interactions, tables, texts)
  split.train_items.write_parquet(folder / TRAIN_ITEMS)
  counts = _write_splits(
    folder,
    records_name(dataset, variant),
    record_files.Table(split.rows, max_history),
    split.parts,
    seed,
    functools.partial(_find, kind, catalogue, split.user_ids),
  )
  counts |= {**split.counts, "items": items.height}
  if order is not None:  # Tables of earlier versions do not say.
    counts["order"] = order
  repeated = int(items["title"].is_duplicated().sum())
  if repeated:
    counts["items_with_the_title_of_another"] = repeated
  if extras is not None:
    told = catalogue["title"].to_list(), targets.texts_of(split.rows)
    counts["extras"] = dict(extras(folder, *told))
  return counts


def _find(
  kind: candidate_kinds.Kind,
  catalogue: pl.DataFrame,
  user_ids: pl.Series,
  table: record_files.Table,
  rng: np.random.Generator,
  split: str,
  target: np.ndarray,
) -> candidate_kinds.Candidates:
  """Returns the candidates of the targets in these rows of the table."""
  if split == "train":
    return candidate_kinds.Candidates([_NOTHING] * target.size)
  return kind.find(
    candidate_kinds.Requests(
      rng,
      split,
      table.user[target],
      table.item[target].astype(np.int64),
      (table.user, table.item),
      catalogue,
      user_ids,
    )
  )


def _write_splits(
  folder: Path,
  name: str,
  table: record_files.Table,
  parts: Mapping[str, splits.Instances],
  seed: int,
  find: Callable[..., candidate_kinds.Candidates],
) -> dict[str, Any]:
  """Writes the shards and TFDS's metadata; returns the counts."""
  empty = [split for split, part in parts.items() if not len(part)]
  if empty:
    raise InputError(
      f"{table.user.size} interactions give no records for "
      f"{' or '.join(empty)}. A user needs {splits.MIN_INTERACTIONS} to be "
      "evaluated and one more for training; product search needs 10 items"
    )
  found = {
    split: find(table, generator(seed, name, split), split, part.target)
    for split, part in parts.items()
  }
  features = table.features(
    relevant=any(c.relevant is not None for c in found.values())
  )
  shards, first_instance = {}, 0
  for split, part in parts.items():
    given = {
      "instance": first_instance + np.arange(len(part)),
      "newer_targets": _newer(table.user[part.target]),
      "candidates": found[split].lists,
    }
    first_instance += len(part)
    if "relevant" in features:
      given["relevant"] = found[split].relevant or [_NOTHING] * len(part)
    # Rows are sorted by user, and readers shuffle only within a window.
    order = generator(seed, name, split, "order").permutation(len(part))
    records = functools.partial(
      _some,
      table=table,
      part=part[order],
      given=_ordered(given, order),
      features=features,
    )
    shards[split] = record_files.write_shards(
      folder / f"{name}-{split}", len(part), records
    )
  record_files.write_metadata(
    folder,
    name,
    features,
    shards,
    "Histories, targets and candidates for instructions.",
  )
  return {
    "features": list(features),
    "records": {split: len(part) for split, part in parts.items()},
    **{f"candidates_of_{s}": c.counts for s, c in found.items() if c.counts},
  }


def _ordered(columns: Mapping[str, Any], order: np.ndarray) -> dict[str, Any]:
  """Reorders columns; arrays stay arrays, as lists take 5 times the memory."""
  return {
    name: column[order]
    if isinstance(column, np.ndarray)
    else [column[row] for row in order]
    for name, column in columns.items()
  }


def _some(
  rows: slice,
  table: record_files.Table,
  part: splits.Instances,
  given: Mapping[str, Sequence],
  features: Mapping[str, schema.Feature],
) -> Iterator[bytes]:
  """Returns the serialized records of a slice of a split."""
  some = {name: column[rows] for name, column in given.items()}
  return table.records(part[rows], some, features)


def _newer(user: np.ndarray) -> np.ndarray:
  """Returns the number of the user's later targets for each, int64 [n]."""
  place = ragged.places(user, int(user.max()) + 1)
  return np.bincount(user)[user] - place - 1
