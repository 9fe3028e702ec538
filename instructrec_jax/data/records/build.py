"""Records: one a target, as a TFDS dataset on disk.

Beside them lie two tables that many records share: the items, and what each
user had in the training part. A record names its user, so that what would be
long and alike in each of the user's records is written once.

TensorFlow is imported by the functions that need it, so that reading these
tables, or the command line's help, does not wait for it.
"""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from instructrec_jax import artifacts, schema
from instructrec_jax.data import ragged, splits, targets, variants
from instructrec_jax.data.candidates import kinds as candidate_kinds
from instructrec_jax.data.names import (
  annotations_dir,
  generator,
  records_dir,
  records_name,
  tables_dir,
)
from instructrec_jax.data.records import files as record_files
from instructrec_jax.data.records.read import CATALOGUE, TRAIN_ITEMS
from instructrec_jax.errors import InputError

_NOTHING = np.empty(0, np.int64)

# From the folder, the titles, and the texts of a teacher, each once.
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

  The name of a variant follows after that of the dataset.
  `tfds.builder("instructrec_<dataset>", data_dir=data_dir/records)` reads them.
  Candidates of validation and test are found here, once, so that they are the
  same for every system. Each split lies in an order of its own drawn by seed,
  so that its first records, such as `test[:2000]`, are a uniform sample of it.

  Args:
    data_dir: the folder of all datasets.
    dataset: its short name; its tables must be there.
    seed: of the negatives, their places, and the order of records.
    num_negatives: negatives beside the target of an evaluation record; None
      for 9, or for as many as a file of one's own has.
    max_history: items of a history, the newest ones.
    overwrite: replace records that were made with other options.
    candidates: a key of `candidate_kinds.KINDS`: "uniform" draws negatives
      uniformly, "popularity" in proportion to how often each item was taken in
      training (see `candidates.draw`), "hard" takes those that a retriever
      ranks highest, and "file" takes whole lists as they are; None for what the
      variant has, or "uniform".
    candidates_file: of the retriever, or one's own; see `candidate_files`.
    among: the retriever's first items out of which the negatives are drawn;
      None for the very first.
    annotations: whether records get the texts that `instructrec annotate` has
      written, where it has.
    variant: a key of `variants.VARIANTS`: another split, or other candidates.
    extras: is called with the folder to fill, the titles and the records' own
      texts before the stage is finished; what it returns is counted in the
      manifest.
    extra_options: what `extras` depends on, for the manifest.

  Returns:
    The manifest.

  Raises:
    InputError: the tables are missing, or too small to split or draw from; or
      the choice of candidates, or their file, cannot be used.
  """
  kind = _kind(variant, candidates, num_negatives, candidates_file, among)
  if max_history < 1:
    raise InputError(f"max_history is {max_history}: expected at least 1")
  tables = tables_dir(data_dir, dataset)
  inputs = {"tables": _fingerprint(tables, "normalize"), **kind.inputs()}
  texts = annotations_dir(data_dir, dataset)
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
  """Returns what candidates are chosen, or what the variant has.

  Raises:
    InputError: the variant has others, or they cannot be used.
  """
  chosen = variants.named(variant)
  kinds = chosen.candidates or tuple(candidate_kinds.KINDS)
  name = kinds[0] if candidates is None else candidates
  if name in candidate_kinds.KINDS and name not in kinds:
    raise InputError(
      f"--variant {variant} takes candidates {' or '.join(kinds)}, not {name}"
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
  extras: Extras | None,
) -> dict[str, Any]:
  """Fills the folder of the records; returns the counts."""
  items = pl.read_parquet(tables / "items.parquet")
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
      f"no records for {' or '.join(empty)} out of {table.user.size} "
      f"interactions: a user needs {splits.MIN_INTERACTIONS} to be evaluated "
      "and one more to be trained on; product search needs 10 items"
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
    # Rows are user by user, and readers shuffle within a window only.
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
  """Returns arrays as arrays: lists of numbers take five times the memory."""
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
  """Returns the serialized records of some rows of a split."""
  some = {name: column[rows] for name, column in given.items()}
  return table.records(part[rows], some, features)


def _newer(user: np.ndarray) -> np.ndarray:
  """Returns how many targets of the same user follow each, int64 [n]."""
  place = ragged.places(user, int(user.max()) + 1)
  return np.bincount(user)[user] - place - 1
