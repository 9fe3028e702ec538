"""Training batches of models that answer queries: a query, a history, a target.

A query is a text of the records. An example is a row of its own, in the form of
cached tokens: its inputs are the newest items of the history and then the words
of the query, and its only target is the item. Item code c is token c + 1, as in
sequences.py, and the word of bucket b is token `num_items` + 2 + b.
"""

import dataclasses
import functools
import hashlib
from collections.abc import Mapping
from typing import Any

import gin
import numpy as np
import polars as pl

from instructrec_jax import schema
from instructrec_jax.batches import words
from instructrec_jax.batches.items import ItemCatalogue
from instructrec_jax.batches.order import Part
from instructrec_jax.batches.training_data import TrainingData
from instructrec_jax.data import ragged
from instructrec_jax.data.records import read
from instructrec_jax.errors import InputError, unknown
from instructrec_jax.model.items.config import ItemConfig

# The texts of a record that are its query, by the value of QUERY. The first
# that a record has is taken.
QUERIES: Mapping[str, tuple[str, ...]] = {
  "preference": ("preference",),
  "vague_intention": ("vague_intention",),
  "specific_intention": ("specific_intention",),
  "intention": ("specific_intention", "vague_intention"),
}


@dataclasses.dataclass(frozen=True)
class Queries:
  """The queries of records.

  Attributes:
    instance: int64 [n], the records, ascending.
    words: int32 [total], 1 + the bucket of each word, one query after the
      other.
    offsets: int64 [n + 1], where each query's begin. A record without a query
      has none.
    most: The most words of a query.
  """

  instance: np.ndarray
  words: np.ndarray
  offsets: np.ndarray
  most: int

  @classmethod
  def of(
    cls,
    columns: Mapping[str, np.ndarray],
    query: str | None,
    dataset: str,
    config: ItemConfig,
  ) -> "Queries":
    """Returns the queries of columns, as `read.read_split` returns them.

    Args:
      columns: The records.
      query: A key of `QUERIES`.
      dataset: The records' dataset, for messages.
      config: The sizes of the model.

    Raises:
      InputError: The query is unknown, or no record has it.
    """
    if query not in QUERIES:
      raise unknown("QUERY", str(query), QUERIES)
    here = [name for name in QUERIES[query] if name in columns]
    texts = pl.Series("query", [None] * len(columns["instance"]), pl.String)
    for name in reversed(here):
      given = pl.Series(columns[name], dtype=pl.Binary).cast(pl.String)
      texts = given.set(given == "", None).fill_null(texts)
    if texts.null_count() == len(texts):
      there = [name for name in schema.ANNOTATIONS if name in columns]
      raise InputError(
        f"QUERY = {query!r}: no record of dataset {dataset!r} has the text "
        f"{' or '.join(QUERIES[query])}; its records have {there or 'no texts'}"
        ". `instructrec annotate` and then `instructrec build` add them"
      )
    found = words.hashed(texts, config.word_buckets, config.max_words)
    return cls(columns["instance"], *found, config.max_words)

  @property
  def there(self) -> np.ndarray:
    """Whether each record has a query, bool [n]."""
    return np.diff(self.offsets) > 0

  def rows(self, instances: np.ndarray) -> np.ndarray:
    """Returns the words of some records, int32 [n, most], padded with 0."""
    at = np.searchsorted(self.instance, instances)
    _, values = ragged.gather(self.words, self.offsets, at)
    lengths = np.diff(self.offsets)[at]
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return words.padded(values, offsets, self.most)


class QueryExamples:
  """The examples of records with a query, in the form of a `TokenCache`.

  Attributes:
    tokens: int32 [total], each example's history, query and target.
    starts: int64 [examples + 1], where each begins in `tokens`.
    lengths_Ex2: int64 [examples, 2], its inputs and its targets, which are one.
    max_lengths: The places of a row.
    renderings: 1, as an example is always the same.
    packs: Examples share no row.
    fingerprint: A digest that identifies the examples.
    records: The number of records.
  """

  renderings = 1
  packs = False

  def __init__(
    self,
    columns: Mapping[str, np.ndarray],
    queries: Queries,
    num_items: int,
    config: ItemConfig,
    made_of: Mapping[str, Any] | None = None,
  ):
    """Makes the examples.

    Args:
      columns: Of records, as `read.read_split` returns them.
      queries: Their queries.
      num_items: The number of items of the model.
      config: The sizes of the model.
      made_of: What the records are, as JSON.
    """
    self._made_of = {**(made_of or {}), "objective": "query"}
    self.records = len(columns["instance"])
    here = np.flatnonzero(queries.there)
    end_E = columns["history_offsets"][1:][here]
    count_E = np.diff(columns["history_offsets"])[here]
    history_E = np.minimum(count_E, config.max_history)
    query_E = np.diff(queries.offsets)[here]
    self.lengths_Ex2 = np.stack(
      [history_E + query_E, np.ones_like(query_E)], axis=1
    )
    self.starts = np.concatenate([[0], np.cumsum(self.lengths_Ex2.sum(axis=1))])
    self.tokens = np.empty(self.starts[-1], np.int32)
    begin_E = self.starts[:-1]
    for values, first_E, length_E, more_E, add in (
      (columns["history"], end_E - history_E, history_E, 0, 1),
      (
        queries.words, queries.offsets[:-1][here], query_E, history_E,
        num_items + 1,
      ),
      (columns["target"], here, np.ones_like(here), history_E + query_E, 1),
    ):  # fmt: skip
      self.tokens[_spread(begin_E + more_E, length_E)] = (
        values[_spread(first_E, length_E)] + add
      )
    self.max_lengths = config.max_history + config.max_words, 1
    digest = hashlib.sha256(self.tokens.tobytes())
    digest.update(self.starts.tobytes())
    self.fingerprint = digest.hexdigest()[:16]

  @property
  def epoch_rows(self) -> float:
    """The number of rows of an epoch."""
    return len(self.lengths_Ex2)

  def describe(self) -> TrainingData:
    """Describes the examples as the data of a run."""
    without = self.records - len(self.lengths_Ex2)
    note = (
      f"{without:,} of {self.records:,} training records have no query and are "
      "left out"
    )
    return TrainingData(
      made_of=self._made_of
      | {
        "task_feature_lengths": dict(
          zip(("inputs", "targets"), self.max_lengths, strict=True)
        )
      },
      vocabulary={},
      too_long={},
      epoch_rows=self.epoch_rows,
      notes=(note,) if without else (),
    )

  def parts(self) -> list[Part]:
    """Returns all examples as those of one task."""
    return [Part(0, len(self.lengths_Ex2), 1.0)]


def _spread(first_E: np.ndarray, length_E: np.ndarray) -> np.ndarray:
  """Returns first, first + 1, … of each example, one after the other."""
  before_E = np.cumsum(length_E) - length_E
  return np.arange(int(length_E.sum())) + np.repeat(
    first_E - before_E, length_E
  )


@gin.configurable(module="instructrec_jax")
def query_data(
  catalogue: ItemCatalogue = gin.REQUIRED,
  config: ItemConfig = gin.REQUIRED,
  query: str | None = None,
  train_on_validation: bool = False,
) -> QueryExamples:
  """Returns the examples of a dataset's queries.

  Args:
    catalogue: The items.
    config: The sizes of the model.
    query: The texts that are queries, a key of `QUERIES`.
    train_on_validation: Whether the records of validation are examples too.

  Raises:
    InputError: The records cannot be used, or have no such texts.
  """
  return _examples(catalogue, config, query, train_on_validation)


# A run's settings ask for the examples more than once.
@functools.lru_cache(maxsize=1)
def _examples(
  catalogue: ItemCatalogue,
  config: ItemConfig,
  query: str | None,
  train_on_validation: bool,
) -> QueryExamples:
  fingerprint = catalogue.manifest["fingerprint"]
  columns = read.read_split(catalogue.folder, "train")
  if train_on_validation:
    more = read.read_split(catalogue.folder, "validation")
    columns = _joined(columns, more)
  return QueryExamples(
    columns,
    Queries.of(columns, query, catalogue.dataset, config),
    catalogue.num_items,
    config,
    {
      "dataset": catalogue.dataset,
      "items": catalogue.digest,
      "records": {catalogue.dataset: fingerprint},
      "query": query,
      "words": [config.word_buckets, config.max_words],
      "train_on_validation": train_on_validation,
    },
  )


def _joined(
  one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
  """Returns the columns that an example needs, of two splits."""
  texts = [name for name in schema.ANNOTATIONS if name in one]
  names = ["instance", "target", "history", *texts]
  joined = {name: np.concatenate([one[name], other[name]]) for name in names}
  ends = other["history_offsets"][1:] + one["history_offsets"][-1]
  joined["history_offsets"] = np.concatenate([one["history_offsets"], ends])
  return joined


@gin.configurable(module="instructrec_jax")
def query_lengths(config: ItemConfig = gin.REQUIRED) -> dict[str, int]:
  """Returns the places of a row, as TASK_FEATURE_LENGTHS.

  Args:
    config: The sizes of the model.
  """
  return {"inputs": config.max_history + config.max_words, "targets": 1}
