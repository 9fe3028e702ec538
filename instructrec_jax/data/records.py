"""Records: one a target, as a TFDS dataset on disk.

Beside them lie two tables that many records share: the items, and what each
user had in the training part. A record names its user, so that what would be
long and alike in each of the user's records is written once.

TensorFlow is imported by the functions that need it, so that reading these
tables, or the command line's help, does not wait for it.
"""

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import tqdm

from instructrec_jax import artifacts, schema
from instructrec_jax.data import candidate_kinds, splits
from instructrec_jax.data.names import (
  RECORDS_VERSION,
  generator,
  records_dir,
  records_name,
  tables_dir,
)
from instructrec_jax.errors import InputError

CATALOGUE = "catalogue.parquet"
TRAIN_ITEMS = "train_items.parquet"
# Small enough that a shuffle over shards mixes, large enough to read quickly.
_RECORDS_PER_SHARD = 8192
_MAX_SHARDS = 256
# Where a request has fewer candidates than others; codes are never negative.
ABSENT = -1
_NOTHING = np.empty(0, np.int64)
# Where a tf.train.Feature holds values of each type.
_LISTS = {"int64": "int64_list", "float32": "float_list"}

Extras = Callable[[Path, pl.DataFrame], Mapping[str, Any]]


def build(
  data_dir: str | Path,
  dataset: str,
  seed: int = 0,
  num_negatives: int | None = None,
  max_history: int = 50,
  overwrite: bool = False,
  candidates: str = "uniform",
  candidates_file: str | Path | None = None,
  among: int | None = None,
  extras: Extras | None = None,
  extra_options: Mapping[str, Any] | None = None,
) -> artifacts.Manifest:
  """Writes a dataset's records to data_dir/records/instructrec_<dataset>.

  `tfds.builder("instructrec_<dataset>", data_dir=data_dir/records)` reads
  them. Candidates of validation and test are found here, once, so that they
  are the same for every system. Each split lies in an order of its own drawn by
  seed, so that its first records, such as `test[:2000]`, are a uniform sample
  of it.

  Args:
    data_dir: the folder of all datasets.
    dataset: its short name; its tables must be there.
    seed: of the negatives, their places, and the order of records.
    num_negatives: negatives beside the target of an evaluation record; None
      for 9, or for as many as a file of one's own has.
    max_history: items of a history, the newest ones.
    overwrite: replace records that were made with other options.
    candidates: "uniform" draws negatives uniformly, "popularity" in proportion
      to how often each item was taken in training (see `candidates.draw`),
      "hard" takes those that a retriever ranks highest, and "file" takes whole
      lists as they are.
    candidates_file: of the retriever, or one's own; see `candidate_files`.
    among: the retriever's first items out of which the negatives are drawn;
      None for the very first.
    extras: is called with the folder to fill and the catalogue before the
      stage is finished; what it returns is counted in the manifest.
    extra_options: what `extras` depends on, for the manifest.

  Returns:
    The manifest.

  Raises:
    InputError: the tables are missing, or too small to split or draw from; or
      the choice of candidates, or their file, cannot be used.
  """
  kind = candidate_kinds.Kind(candidates, num_negatives, candidates_file, among)
  if max_history < 1:
    raise InputError(f"max_history is {max_history}: expected at least 1")
  tables = tables_dir(data_dir, dataset)
  source = artifacts.read_manifest(tables, "normalize")

  def write(folder: Path) -> dict[str, Any]:
    interactions = _interactions(tables / "interactions.parquet")
    items = pl.read_parquet(tables / "items.parquet")
    catalogue = _catalogue(interactions, items)
    catalogue.write_parquet(folder / CATALOGUE)
    users = pl.read_parquet(
      tables / "users.parquet", columns=["user", "user_id"]
    )
    _train_items(interactions, users).write_parquet(folder / TRAIN_ITEMS)
    counts = _write_splits(
      folder,
      records_name(dataset),
      _Table(interactions, max_history),
      seed,
      functools.partial(_find, kind, catalogue, users["user_id"]),
    )
    counts["items"] = items.height
    if extras is not None:
      counts["extras"] = dict(extras(folder, catalogue))
    return counts

  return artifacts.run_stage(
    "build",
    records_dir(data_dir, dataset),
    write,
    inputs={"tables": source["fingerprint"], **kind.inputs()},
    options={
      "dataset": dataset,
      "max_history": max_history,
      **kind.options(),
      **(extra_options or {}),
    },
    seed=seed,
    libraries=("polars", "numpy", "tensorflow", "tensorflow-datasets"),
    overwrite=overwrite,
  )


def load_catalogue(data_dir: str | Path, dataset: str) -> pl.DataFrame:
  """Returns the items table with train_count; the row is the item's code."""
  folder = records_dir(data_dir, dataset)
  artifacts.read_manifest(folder, "build")
  return pl.read_parquet(folder / CATALOGUE)


def load_train_items(data_dir: str | Path, dataset: str) -> pl.Series:
  """Returns item codes, a list for each user code; see schema.TRAIN_ITEMS."""
  folder = records_dir(data_dir, dataset)
  artifacts.read_manifest(folder, "build")
  return pl.read_parquet(folder / TRAIN_ITEMS)["items"]


def load_split(
  data_dir: str | Path, dataset: str, split: str
) -> dict[str, np.ndarray]:
  """Reads one split back whole, ordered by instance.

  Args:
    data_dir: the folder of all datasets.
    dataset: its short name.
    split: one of splits.SPLITS.

  Returns:
    Features by name. Scalars: [n], int64 or float32. Candidates, where the
    split has them: [n, C], `ABSENT` after the last of a shorter list. Each
    other list: its values, [values], and `<name>_offsets` [n + 1], so that row
    r is values[offsets[r]: offsets[r + 1]].

  Raises:
    InputError: there is no such split, there are no records, or they were
      built by another version.
  """
  return read_split(records_dir(data_dir, dataset), split)


def read_split(folder: str | Path, split: str) -> dict[str, np.ndarray]:
  """Reads a split of the records in a folder; see `load_split`."""
  import tensorflow as tf

  folder = Path(folder)
  if split not in splits.SPLITS:
    raise InputError(
      f"split {split!r} is unknown: one of {', '.join(splits.SPLITS)}"
    )
  manifest = artifacts.read_manifest(folder, "build")
  features = _features(folder, manifest)
  parsers = {
    name: tf.io.RaggedFeature(feature.dtype, row_splits_dtype=tf.int64)
    if feature.is_list
    else tf.io.FixedLenFeature([], feature.dtype)
    for name, feature in features.items()
  }
  files = sorted(str(p) for p in folder.glob(f"*-{split}.tfrecord-*"))
  batches = tf.data.TFRecordDataset(files).batch(_RECORDS_PER_SHARD)
  parsed = list(batches.map(lambda b: tf.io.parse_example(b, parsers)))
  instance = np.concatenate([b["instance"].numpy() for b in parsed])
  order = np.argsort(instance)
  arrays = {}
  for name, feature in features.items():
    if not feature.is_list:
      whole = np.concatenate([b[name].numpy() for b in parsed])
      arrays[name] = whole[order]
      continue
    values, offsets = _rows_in_order(
      np.concatenate([b[name].values.numpy() for b in parsed]),
      np.concatenate([b[name].row_lengths().numpy() for b in parsed]),
      order,
    )
    if name == "candidates" and values.size:
      lengths = np.diff(offsets)
      here = np.arange(lengths.max()) < lengths[:, None]
      arrays[name] = np.full(here.shape, ABSENT, np.int64)
      arrays[name][here] = values
    else:
      arrays |= {name: values, f"{name}_offsets": offsets}
  return arrays


def _features(
  folder: Path, manifest: artifacts.Manifest
) -> dict[str, schema.Feature]:
  """Returns what the records have.

  Raises:
    InputError: it is not what records of this version have.
  """
  there = manifest["counts"].get("features", [])
  wrong = [name for name in there if name not in schema.RECORD] + [
    name
    for name, feature in schema.RECORD.items()
    if not feature.optional and name not in there
  ]
  if wrong:
    needed = [n for n, f in schema.RECORD.items() if not f.optional]
    raise InputError(
      f"{folder} holds records of another version: expected the features "
      f"{needed}, got {there}. Build them anew with `instructrec build "
      f"{manifest['options']['dataset']} --overwrite`"
    )
  return {name: schema.RECORD[name] for name in there}


def _rows_in_order(
  values: np.ndarray, lengths: np.ndarray, order: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Reorders ragged rows; returns their values and offsets."""
  starts = np.cumsum(lengths) - lengths
  lengths, starts = lengths[order], starts[order]
  offsets = np.concatenate([[0], np.cumsum(lengths)])
  within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
  return values[np.repeat(starts, lengths) + within], offsets


def _interactions(path: Path) -> pl.DataFrame:
  """Reads what records hold: reviews, which are long, are not of it."""
  rows = pl.scan_parquet(path)
  names = rows.collect_schema().names()
  return rows.select(
    name for name in names if name == "item" or name in schema.RECORD
  ).collect()


def _catalogue(interactions: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
  train = splits.train_rows(interactions["user"].to_numpy())
  met = interactions["item"].to_numpy()[train]
  times = np.bincount(met, minlength=items.height).astype(np.uint32)
  return items.with_columns(train_count=pl.Series(times))


def _train_items(
  interactions: pl.DataFrame, users: pl.DataFrame
) -> pl.DataFrame:
  train = splits.train_rows(interactions["user"].to_numpy())
  items = (
    interactions.filter(pl.Series(train))
    .group_by("user", maintain_order=True)
    .agg(items="item")
  )
  every = users.join(items, on="user", how="left", maintain_order="left")
  return every.select(pl.col("items").fill_null([]))


def _find(
  kind: candidate_kinds.Kind,
  catalogue: pl.DataFrame,
  user_ids: pl.Series,
  table: "_Table",
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
  table: "_Table",
  seed: int,
  find: Callable[..., candidate_kinds.Candidates],
) -> dict[str, Any]:
  """Writes the shards and TFDS's metadata; returns the counts."""
  parts = splits.leave_one_out(table.user)
  empty = [split for split, part in parts.items() if not len(part)]
  if empty:
    raise InputError(
      f"no records for {' or '.join(empty)} out of {table.user.size} "
      f"interactions: a user needs {splits.MIN_INTERACTIONS} to be evaluated "
      "and one more to be trained on"
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
    instance = first_instance + np.arange(len(part))
    first_instance += len(part)
    # Rows are user by user, and readers shuffle within a window only.
    order = generator(seed, name, split, "order").permutation(len(part))
    given = {"instance": instance, "candidates": found[split].lists}
    if "relevant" in features:
      given["relevant"] = found[split].relevant or [_NOTHING] * len(part)
    given = {k: [column[row] for row in order] for k, column in given.items()}
    path = folder / f"{name}-{split}"
    shards[split] = _write_shards(path, table, part[order], given, features)
  _write_metadata(folder, name, features, shards)
  lengths = np.bincount(table.user)
  return {
    "features": features,
    "records": {split: len(part) for split, part in parts.items()},
    "users": lengths.size,
    "users_not_evaluated": int((lengths < splits.MIN_INTERACTIONS).sum()),
    **{f"candidates_of_{s}": c.counts for s, c in found.items() if c.counts},
  }


class _Table:
  """The interactions, as records take them."""

  def __init__(self, interactions: pl.DataFrame, max_history: int):
    self._columns = {
      c: interactions[c].to_numpy() for c in interactions.columns
    }
    self.user, self.item = self._columns["user"], self._columns["item"]
    self._max_history = max_history

  def features(self, relevant: bool) -> list[str]:
    """Returns the names of the records' features.

    Args:
      relevant: whether something says which candidates are relevant.
    """
    return [
      name
      for name, feature in schema.RECORD.items()
      if not feature.optional
      or name in self._columns
      or (relevant and name == "relevant")
    ]

  def records(
    self,
    part: splits.Instances,
    given: Mapping[str, Sequence],
    features: Sequence[str],
  ) -> Iterator[bytes]:
    """Yields serialized records.

    Args:
      part: n targets.
      given: features of theirs that the table does not say: numbers [n], or n
        lists of them.
      features: the names of all.
    """
    target = part.target
    length = target - part.first
    newest = target - np.minimum(length, self._max_history)
    columns = {
      "user": self.user[target],
      "history_length": length,
      "target": self.item[target],
    } | given
    for name in features:
      if schema.RECORD[name].optional and name in self._columns:
        columns[name] = self._columns[name][target]
    # Python's own numbers, which protobuf takes faster than numpy's.
    values = {
      name: (row.tolist() for row in column)
      if schema.RECORD[name].is_list
      else zip(np.asarray(column).tolist())
      for name, column in columns.items()
    }
    values["history"] = (
      self.item[start:end].tolist()
      for start, end in zip(newest.tolist(), target.tolist(), strict=True)
    )
    return _serialize(values)


def _serialize(columns: Mapping[str, Iterable[Sequence]]) -> Iterator[bytes]:
  """Yields a tf.train.Example for each row of values."""
  import tensorflow as tf

  # One message, filled again for each row, saves half of the time.
  example = tf.train.Example()
  feature = example.features.feature
  fields = [
    getattr(feature[name], _LISTS[schema.RECORD[name].dtype]).value
    for name in columns
  ]
  for row in zip(*columns.values(), strict=True):
    for field, values in zip(fields, row, strict=True):
      field[:] = values
    # Else a map's order, and with it the bytes, differ from run to run.
    yield example.SerializeToString(deterministic=True)


def _write_shards(
  path: Path,
  table: _Table,
  part: splits.Instances,
  given: Mapping[str, Sequence],
  features: Sequence[str],
) -> list[tuple[int, int]]:
  """Writes records to path.tfrecord-*; returns (records, bytes) by shard."""
  import tensorflow as tf

  count = min(_MAX_SHARDS, -(-len(part) // _RECORDS_PER_SHARD))
  bounds = [len(part) * shard // count for shard in range(count + 1)]
  written = []
  # No bar where nobody watches.
  with tqdm.tqdm(total=len(part), desc=path.name, disable=None) as bar:
    for shard, (start, end) in enumerate(itertools.pairwise(bounds)):
      rows, size = slice(start, end), 0
      name = f"{path}.tfrecord-{shard:05d}-of-{count:05d}"
      with tf.io.TFRecordWriter(name) as writer:
        some = {name: column[rows] for name, column in given.items()}
        for record in table.records(part[rows], some, features):
          writer.write(record)
          size += len(record)
      written.append((end - start, size))
      bar.update(end - start)
  return written


def _write_metadata(
  folder: Path,
  name: str,
  names: list[str],
  shards: Mapping[str, list[tuple[int, int]]],
) -> None:
  import tensorflow_datasets as tfds

  template = tfds.core.ShardedFileTemplate(
    data_dir=folder,
    dataset_name=name,
    filetype_suffix="tfrecord",
  )
  features = {}
  for feature_name in names:
    feature = schema.RECORD[feature_name]
    features[feature_name] = tfds.features.Tensor(
      shape=(None,) if feature.is_list else (),
      dtype=np.dtype(feature.dtype),
      doc=feature.meaning,
    )
  tfds.folder_dataset.write_metadata(
    data_dir=folder,
    features=tfds.features.FeaturesDict(features),
    split_infos=[
      tfds.core.SplitInfo(
        name=split,
        shard_lengths=[records for records, _ in sizes],
        num_bytes=sum(size for _, size in sizes),
        filename_template=template.replace(split=split),
      )
      for split, sizes in shards.items()
    ],
    version=RECORDS_VERSION,
    filename_template=template,
    check_data=False,
    description="Histories, targets and candidates for instructions.",
  )
