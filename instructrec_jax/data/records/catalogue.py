"""The place of a dataset's records, and the items and users in them."""

import functools
from collections.abc import Mapping

import numpy as np
import polars as pl
import seqio
import tensorflow as tf
import tensorflow_datasets as tfds
from etils import epath

from instructrec_jax import artifacts
from instructrec_jax.data import names, variants
from instructrec_jax.data.candidates.kinds import NUM_NEGATIVES
from instructrec_jax.data.records import trained
from instructrec_jax.data.records.read import (
  CATALOGUE,
  TRAIN_ITEMS,
  is_ordered,
  read_split,
  read_table,
)
from instructrec_jax.errors import InputError


def tfds_name(records: str, variant: str = variants.PLAIN) -> str:
  """Returns the name and version of records in TFDS.

  Args:
    records: their name, which may have a version and gets a variant's suffix.
    variant: a key of `variants.VARIANTS`.
  """
  name, _, version = records.partition(":")
  version = version or names.RECORDS_VERSION
  return f"{name}{variants.suffix(variant)}:{version}"


class Catalogue:
  """The items and users in the records of one dataset.

  Nothing is read before it is needed, so that tasks can be registered without
  the records.

  Attributes:
    dataset: its short name, with a variant's suffix.
    records: the name of the records in TFDS.
    data_dir: the folder for TFDS to search; None for the run's --tfds_data_dir.
  """

  def __init__(
    self,
    dataset: str,
    name: str | None = None,
    data_dir: str | None = None,
    variant: str = variants.PLAIN,
  ):
    """Stores the place of the records.

    Args:
      dataset: short name, e.g. "games".
      name: the name of the records in TFDS; by default the name that
        `instructrec build` gives them.
      data_dir: the folder of TFDS's datasets; by default the run's
        --tfds_data_dir.
      variant: of the records, a key of `variants.VARIANTS`.
    """
    self._build = f"instructrec build {dataset}" + (
      f" --variant {variant}" if variant else ""
    )
    self.dataset = dataset + variants.suffix(variant)
    self.records = name or tfds_name(names.records_name(dataset), variant)
    self.data_dir = data_dir
    self._loader = self._new_loader()

  def forget(self) -> None:
    """Forgets what was read, as the next reading may be of another folder."""
    for name, attribute in vars(type(self)).items():
      if isinstance(attribute, functools.cached_property):
        vars(self).pop(name, None)
    self._loader = self._new_loader()

  def _new_loader(self) -> seqio.utils.LazyTfdsLoader:
    """Returns a loader; it remembers the folder that it is first asked for."""
    return seqio.utils.LazyTfdsLoader(self.records, data_dir=self.data_dir)

  @functools.cached_property
  def features(self) -> frozenset[str]:
    """The names of the records' features."""
    _ = self.folder  # For a clear error if there are no records.
    return frozenset(self._loader.info.features)

  @property
  def folder(self) -> epath.Path:
    """The folder of the records.

    Raises:
      InputError: the dataset has not been built there.
    """
    try:
      return epath.Path(self._loader.builder.data_path)
    except tfds.core.DatasetNotFoundError as error:
      where = self._loader.data_dir or "TFDS's default folder"
      raise InputError(
        f"no records of dataset {self.dataset!r} in {where} (looked for "
        f"{self._loader.name}). Build them with `{self._build}`, or name their "
        "folder with --tfds_data_dir."
      ) from error

  @functools.cached_property
  def ordered(self) -> bool:
    """Whether a user's items are in an order that is not only drawn."""
    return is_ordered(self.folder)

  @functools.cached_property
  def items(self) -> pl.DataFrame:
    """The items table; row number is item code (see schema.ITEMS)."""
    return self._read(CATALOGUE)

  @functools.cached_property
  def titles(self) -> tf.Tensor:
    """Titles by item code: string [items]."""
    with tf.init_scope():  # Not a tensor of the graph being traced.
      return tf.constant(self.items["title"].to_list())

  @functools.cached_property
  def log_popularity(self) -> tf.Tensor:
    """log(1 + training interactions) by item code: float32 [items]."""
    with tf.init_scope():  # As above.
      return tf.math.log1p(
        tf.constant(self.items["train_count"].to_numpy(), tf.float32)
      )

  @functools.cached_property
  def num_negatives(self) -> int:
    """Negatives of a training instance: as many as a request has, 9 at most.

    More would not fit the usual lengths of inputs. If users had so many items
    that fewer are left, it is the number that is left to each of them.
    """
    made = artifacts.find_manifest(self.folder)
    options = made["options"] if made else {}
    most = self._excluded.list.len().max() or 0
    left = self.items.height - int(most)  # The target is among these items.
    asked = options.get("num_negatives", NUM_NEGATIVES)
    return max(0, min(NUM_NEGATIVES, asked, left))

  @functools.cached_property
  def excluded(self) -> tf.RaggedTensor:
    """Items that are no negatives, by user code: int32 [users, None].

    They are the items of a user's training part, and others of their titles.

    They are not int64, because each tf.data function that uses them holds a
    copy: 128 MB per task for the 32 million interactions of the largest
    MovieLens.
    """
    lists = self._excluded
    # An empty list becomes a null in some versions of Polars.
    codes = lists.filter(lists.list.len() > 0).explode()
    with tf.init_scope():  # As above.
      return tf.RaggedTensor.from_row_lengths(
        tf.constant(codes.to_numpy(), tf.int32),
        tf.constant(lists.list.len().to_numpy(), tf.int64),
        validate=False,
      )

  @functools.cached_property
  def held_out_items(self) -> np.ndarray:
    """Which items are targets in validation or test: bool [items]."""
    found = np.zeros(self.items.height, bool)
    for split in ("validation", "test"):
      found[read_split(self.folder, split)["target"]] = True
    return found

  @functools.cached_property
  def _excluded(self) -> pl.Series:
    lists = self._read(TRAIN_ITEMS)["items"]
    if trained.train_on_validation():
      with tf.init_scope():  # Not of the graph being traced.
        records = read_split(self.folder, "validation")
      lists = _with_targets(lists, records)
    return _with_editions(lists, self.items["title"])

  def _read(self, file_name: str) -> pl.DataFrame:
    path = self.folder / file_name
    if not path.exists():
      raise InputError(
        f"no {file_name} in {self.folder}, beside the records of dataset "
        f"{self.dataset!r}. Build them again: `{self._build} --overwrite`."
      )
    return read_table(path)


def _with_targets(
  lists: pl.Series, records: Mapping[str, np.ndarray]
) -> pl.Series:
  """Adds the target of each record to the list of its user.

  Args:
    lists: lists of item codes, by user code.
    records: user and target, see `read_split`.
  """
  targets = (
    pl.DataFrame({"list": records["user"], "target": records["target"]})
    .group_by("list")
    .agg(more=pl.col("target"))
    .with_columns(pl.col("more").cast(lists.dtype))
    .with_columns(pl.col("list").cast(pl.UInt32))
  )
  return (
    pl.DataFrame({"items": lists})
    .with_row_index("list")
    .join(targets, on="list", how="left", maintain_order="left")
    .select(pl.col("items").list.concat(pl.col("more").fill_null([])))
    .to_series()
  )


def _with_editions(lists: pl.Series, titles: pl.Series) -> pl.Series:
  """Adds to lists of item codes, after them, other items of the same titles.

  Args:
    lists: lists of item codes.
    titles: the title of each item.
  """
  items = pl.DataFrame({"title": titles}).with_row_index("item")
  items = items.filter(pl.col("title").is_duplicated())
  if items.is_empty():
    return lists
  numbered = pl.DataFrame({"items": lists}).with_row_index("list")
  editions = (
    numbered.explode("items")
    .join(items, left_on="items", right_on="item")
    .join(items, on="title")
    .group_by("list")
    .agg(more=pl.col("item").unique())
  )
  return (
    numbered.join(editions, on="list", how="left", maintain_order="left")
    .select(
      pl.col("items").list.set_union(
        pl.col("more").fill_null([]).cast(lists.dtype)
      )
    )
    .to_series()
  )
