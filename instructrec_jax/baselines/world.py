"""What a baseline may know besides the requests."""

import dataclasses
import functools
import os

import numpy as np
import polars as pl

from instructrec_jax.data import names
from instructrec_jax.data.records import read
from instructrec_jax.data.records.requests import Requests
from instructrec_jax.errors import InputError, unknown
from instructrec_jax.vectors import encoders, stage

# The texts of a record that can be a query. By default the first that is not
# empty is a request's.
QUERIES = ("specific_intention", "vague_intention", "preference")


@dataclasses.dataclass(frozen=True)
class World:
  """The data of a dataset beside the requests. It is read when asked for.

  Attributes:
    data_dir: The folder of all datasets.
    dataset: The dataset's short name.
    split: The split of the requests.
    query: One of `QUERIES`, or None for the first that a request has.
    vectors_path: The folder of `instructrec vectors`, or an .npy file; None for
      the dataset's own folder, or hashed titles if there is none.
    planted: The folder of a simulated domain, for the optimum.
  """

  data_dir: str | os.PathLike
  dataset: str
  split: str
  query: str | None = None
  vectors_path: str | None = None
  planted: str | os.PathLike | None = None

  @functools.cached_property
  def items(self) -> pl.DataFrame:
    """The items table with train_count. A row is the item's code."""
    return read.load_catalogue(self.data_dir, self.dataset)

  @functools.cached_property
  def train_count(self) -> np.ndarray:
    """How often each item is in the training part, float64 [items]."""
    return self.items["train_count"].to_numpy().astype(np.float64)

  @property
  def has_read_vectors(self) -> bool:
    """Whether the text vectors have been asked for."""
    return "_vectors" in vars(self)

  @property
  def vectors_name(self) -> str:
    """What the text vectors were made by."""
    return self._vectors[0]

  @functools.cached_property
  def vectors(self) -> np.ndarray:
    """The text vectors of items, float32 [items, width], of length 1 or 0.

    Raises:
      InputError: They are not those of these items.
    """
    vectors = self._vectors[1]
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length > 0, length, 1)

  @functools.cached_property
  def _vectors(self) -> tuple[str, np.ndarray]:
    source = self.vectors_path
    if source is None:
      own = stage.default_folder(self.data_dir, self.dataset)
      if not own.exists():
        titles = self.items["title"].to_list()
        return encoders.HASHING, encoders.hashed_words(titles)
      source = str(own)
    found = stage.load(
      source, self.dataset, self.items.height, read.digest(self.items)
    )
    return stage.name(source), found

  @functools.cached_property
  def labels(self) -> list[list[str]]:
    """The brand and the categories of each item.

    Raises:
      InputError: No item has any.
    """
    there = [n for n in ("brand", "categories") if n in self.items.columns]
    if not there:
      raise InputError(
        f"dataset {self.dataset!r} has neither brands nor categories of items"
      )
    columns = [
      pl.col(name).cast(pl.List(pl.String))
      if self.items[name].dtype == pl.List(pl.String)
      else pl.when(pl.col(name).is_not_null()).then(
        pl.concat_list(pl.col(name))
      )
      for name in there
    ]
    lists = self.items.select(
      pl.concat_list([column.fill_null([]) for column in columns])
    )
    return lists.to_series().to_list()

  def check_order(self, requests: Requests) -> None:
    """Raises InputError if histories have no order."""
    if not requests.ordered:
      raise InputError(
        f"dataset {self.dataset!r} has no times and no order in time, so no "
        "item is a user's last"
      )

  def queries(self, requests: Requests) -> list[str]:
    """Returns the query of each request, empty if it has none.

    Raises:
      InputError: No record has one.
    """
    instance, texts = self._texts
    at = np.searchsorted(instance, requests.instance)
    return [texts[row].decode() for row in at.tolist()]

  def with_query(self, requests: Requests) -> Requests:
    """Returns the requests that have a query.

    Raises:
      InputError: None has.
    """
    kept = requests.take(np.array([q != "" for q in self.queries(requests)]))
    if not len(kept):
      raise InputError(
        f"none of these {len(requests):,} requests of {self.dataset!r} has a "
        f"{self.query}"
      )
    return kept

  @functools.cached_property
  def _texts(self) -> tuple[np.ndarray, np.ndarray]:
    """The instances of the split, and the query of each, as bytes."""
    if self.query is not None and self.query not in QUERIES:
      raise unknown("text of a query", self.query, QUERIES)
    folder = names.records_dir(self.data_dir, self.dataset)
    columns = read.read_split(folder, self.split)
    wanted = QUERIES if self.query is None else (self.query,)
    found = np.full(len(columns["instance"]), b"", object)
    for name in wanted:
      if name in columns:
        found = np.where(found == b"", columns[name], found)
    if not any(found):
      raise InputError(
        f"the records of {self.dataset!r} have no {' or '.join(wanted)}, so "
        "there are no queries: `instructrec annotate` writes them"
      )
    return columns["instance"], found
