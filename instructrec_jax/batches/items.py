"""The items that a model of items knows, and where their data is."""

import dataclasses
import functools

import gin
import numpy as np
import polars as pl
from etils import epath

from instructrec_jax import artifacts, paths
from instructrec_jax.batches import words
from instructrec_jax.data import names, variants
from instructrec_jax.data.records import read
from instructrec_jax.errors import InputError
from instructrec_jax.vectors import stage as vectors


@dataclasses.dataclass(frozen=True)
class ItemCatalogue:
  """The items of a dataset. Nothing is read before it is asked for.

  Attributes:
    dataset: The dataset's short name.
    records: The folder of all records.
    rows: The number of items to make room for; None for those of the records.
    vectors_path: The folder or .npy file of text vectors; None for none.
  """

  dataset: str
  records: str
  rows: int | None = None
  vectors_path: str | None = None

  @property
  def folder(self) -> epath.Path:
    """The folder of the dataset's records."""
    folder = paths.anywhere(self.records) / names.records_name(self.dataset)
    return folder / names.RECORDS_VERSION

  @functools.cached_property
  def manifest(self) -> artifacts.Manifest:
    """The manifest of the records.

    Raises:
      InputError: There are none.
    """
    return artifacts.read_manifest(self.folder, "build")

  @property
  def num_items(self) -> int:
    """The number of items.

    Raises:
      InputError: There are no records, or they have more items than `rows`.
    """
    return self.rows or self.train_count.size

  @functools.cached_property
  def _table(self) -> pl.DataFrame:
    _ = self.manifest
    return read.read_table(self.folder / read.CATALOGUE)

  @functools.cached_property
  def train_count(self) -> np.ndarray:
    """How often each item is in the training part, int64 [items]."""
    count = self._table["train_count"].to_numpy().astype(np.int64)
    if self.rows is not None and len(count) > self.rows:
      raise InputError(
        f"NUM_ITEMS = {self.rows}, but dataset {self.dataset!r} has "
        f"{len(count):,} items: leave NUM_ITEMS out, or bind at least as many"
      )
    return count

  @functools.cached_property
  def text_vectors(self) -> np.ndarray | None:
    """The text vector of each item, float32 [items, W]; None for none.

    Raises:
      InputError: They are not those of these items.
    """
    if self.vectors_path is None:
      return None
    return vectors.load(
      self.vectors_path, self.dataset, self.train_count.size, self.digest
    )

  def item_words(self, buckets: int, most: int) -> np.ndarray:
    """Returns the words of each item's title, brand and labels, hashed.

    Args:
      buckets: The number of buckets.
      most: The most words of an item, see words.py.

    Returns:
      int32 [items, W], 1 + the bucket, padded with 0 at the end.
    """
    _ = self.manifest
    table = read.read_table(self.folder / read.CATALOGUE)
    labels = [
      pl.col(name).list.join(" ") if name == "categories" else pl.col(name)
      for name in ("title", "brand", "categories")
      if name in table.columns
    ]
    texts = table.select(
      text=pl.concat_str(labels, separator=" ", ignore_nulls=True)
    )["text"]
    values, offsets = words.hashed(texts, buckets, most)
    return words.padded(values, offsets, int(np.diff(offsets).max(initial=1)))

  @functools.cached_property
  def digest(self) -> str:
    """A digest of the items' ids, in the order of their codes."""
    return read.digest(self._table)

  def sequences(self) -> tuple[np.ndarray, np.ndarray]:
    """Returns the items of each user's training part, oldest first.

    Returns:
      int64 [total], item codes; and int64 [users + 1], where each user's begin.

    Raises:
      InputError: The records are of queries, or have no order in time.
    """
    variant = self.manifest["options"].get("variant", variants.PLAIN)
    if variants.named(variant).by_item:
      raise InputError(
        f"DATASET = {self.dataset!r} holds queries and no sequences of users: "
        f"bind {variants.dataset_of(self.dataset)!r}"
      )
    if not read.is_ordered(self.folder):
      raise InputError(
        f"DATASET = {self.dataset!r} has no times and no order in time, so no "
        "item is the next: a sequential model needs one or the other"
      )
    lists = read.read_table(self.folder / read.TRAIN_ITEMS)["items"]
    lengths = lists.list.len().to_numpy().astype(np.int64)
    items = lists.filter(lengths > 0).explode().to_numpy().astype(np.int64)
    return items, np.concatenate([[0], np.cumsum(lengths)])


@gin.configurable(module="instructrec_jax")
def item_catalogue(
  dataset: str = gin.REQUIRED,
  tfds_data_dir: str = "data/records",
  num_items: int | None = None,
  text_vectors: str | None = None,
) -> ItemCatalogue:
  """Returns the items of a dataset.

  Args:
    dataset: The dataset's short name.
    tfds_data_dir: The folder of all records.
    num_items: The number of items to make room for. By default those of the
      records, which must then exist.
    text_vectors: The folder that `instructrec vectors` wrote, or an .npy file
      of float32 [items, width].
  """
  return ItemCatalogue(dataset, tfds_data_dir, num_items, text_vectors)
