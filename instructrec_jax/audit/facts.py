"""What a rule may look at: requests, their items, and their texts.

Dimension letters: B requests, C candidates, I items.
"""

import dataclasses
import functools
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl

from instructrec_jax import paths, schema
from instructrec_jax.data import ragged
from instructrec_jax.data.names import records_dir
from instructrec_jax.data.records import read
from instructrec_jax.data.records.requests import Requests

# Texts are compared by their words, in small letters.
_WORD = r"[\p{L}\p{N}]+"
# Ids that are a number, or end in one, have the order of the numbers.
_NUMBERED = r"^(\D*)(\d{1,18})$"


@dataclasses.dataclass(frozen=True)
class Words:
  """The distinct words of texts, as codes.

  Attributes:
    codes: int64 [words], the words of one text after those of the other.
    offsets: int64 [texts + 1], the start of each text's words, and the end.
  """

  codes: np.ndarray
  offsets: np.ndarray

  def of(self, texts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns places in `texts`, ascending, and words: [words of all] each."""
    return ragged.gather(self.codes, self.offsets, texts)

  @property
  def counts(self) -> np.ndarray:
    """The number of words of each text, int64 [texts]."""
    return np.diff(self.offsets)


@dataclasses.dataclass(frozen=True)
class Facts:
  """The requests of a split, the items, and the texts of the instructions.

  Attributes:
    requests: B requests.
    catalogue: the items table with train_count; the row is the item's code.
    texts: B texts by the name of the records' feature; "" where there is none.
  """

  requests: Requests
  catalogue: pl.DataFrame
  texts: Mapping[str, pl.Series] = dataclasses.field(default_factory=dict)

  @classmethod
  def load(
    cls,
    data_dir: str | Path,
    dataset: str,
    variant: str,
    split: str,
    first: int | None = None,
  ) -> "Facts":
    """Reads a dataset's records.

    Args:
      data_dir: the folder of all datasets.
      dataset: the dataset's short name.
      variant: a key of `variants.VARIANTS`.
      split: "validation" or "test".
      first: reads the first records only. Records are in an order drawn by
        seed, so these are a uniform sample. None reads all.

    Raises:
      InputError: see `read.read_split`.
    """
    folder = records_dir(data_dir, dataset, variant)
    columns = read.read_split(folder, split, first)
    texts = {
      name: pl.Series(name, columns[name].tolist()).cast(pl.String)
      for name, feature in schema.RECORD.items()
      if feature.dtype == "string" and name in columns
    }
    catalogue = read.read_table(paths.anywhere(folder) / read.CATALOGUE)
    return cls(Requests.of(columns), catalogue, texts)

  @functools.cached_property
  def mask(self) -> np.ndarray:
    """True where there is a candidate, bool [B, C]."""
    return self.requests.candidates != read.ABSENT

  @functools.cached_property
  def items(self) -> np.ndarray:
    """The candidates' codes, 0 where there is none, int64 [B, C]."""
    return np.where(self.mask, self.requests.candidates, 0)

  @functools.cached_property
  def relevant(self) -> np.ndarray:
    """True where the candidate is a target, bool [B, C]."""
    wanted = self.requests.relevant_items
    rows = np.repeat(np.arange(len(wanted)), [len(codes) for codes in wanted])
    keys = np.unique(rows * self.catalogue.height + np.concatenate(wanted))
    return self.mask & is_in(self._keys(self.items), keys)

  @functools.cached_property
  def last(self) -> np.ndarray:
    """The newest item of each history, -1 where it is empty, int64 [B]."""
    last = np.full(len(self.requests), -1)
    there = np.diff(self.requests.history_offsets) > 0
    ends = self.requests.history_offsets[1:][there] - 1
    last[there] = self.requests.history[ends]
    return last

  @functools.cached_property
  def history_rows(self) -> np.ndarray:
    """The request of each item of all histories, int64 [items]."""
    lengths = np.diff(self.requests.history_offsets)
    return np.repeat(np.arange(lengths.size), lengths)

  @functools.cached_property
  def id_places(self) -> np.ndarray:
    """The place of each item in the order of ids, int64 [I]."""
    ids = self.catalogue["item_id"]
    number = ids.str.extract(_NUMBERED, 2).cast(pl.Int64)
    keys = {"id": ids}
    if not number.null_count():
      keys = {"text": ids.str.extract(_NUMBERED, 1), "number": number}
    return _places(pl.DataFrame(keys))

  @functools.cached_property
  def titles(self) -> np.ndarray:
    """A number for each item, equal for equal titles, int64 [I]."""
    titles = self.catalogue["title"].str.to_lowercase()
    return titles.rank("dense").to_numpy().astype(np.int64)

  @functools.cached_property
  def vocabulary(self) -> pl.DataFrame:
    """`word`, its `code` and `count`, the number of titles with it."""
    words = _words(self.catalogue["title"]).explode().drop_nulls()
    counted = words.value_counts(name="count").sort(words.name)
    return counted.rename({words.name: "word"}).with_row_index("code")

  @functools.cached_property
  def title_words(self) -> Words:
    """The words of each item's title."""
    return self.words(self.catalogue["title"])

  def words(self, texts: pl.Series) -> Words:
    """Returns the words of texts that stand in titles."""
    spread = pl.DataFrame({"word": _words(texts)}).with_row_index("text")
    found = (
      spread.explode("word")
      .join(self.vocabulary, "word", maintain_order="left")
      .select("text", "code")
      .to_numpy()
      .astype(np.int64)
    )
    counts = np.bincount(found[:, 0], minlength=len(texts))
    return Words(found[:, 1], np.concatenate([[0], np.cumsum(counts)]))

  def share_of_title(self, rows: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Returns the share of each candidate's title words that are given.

    Args:
      rows: [given], the request of each given word.
      words: [given], the codes of the words.

    Returns:
      float64 [B, C], 0 for a title without words.
    """
    stride = self.vocabulary.height + 1
    given = np.unique(rows * stride + words)
    cells, codes = self.title_words.of(self.items.ravel())
    found = is_in(cells // self.items.shape[1] * stride + codes, given)
    counts = np.bincount(cells, found, minlength=self.items.size)
    of = np.maximum(self.title_words.counts[self.items.ravel()], 1)
    return (counts / of).reshape(self.items.shape)

  def _keys(self, codes: np.ndarray) -> np.ndarray:
    return np.arange(len(codes))[:, None] * self.catalogue.height + codes


def is_in(values: np.ndarray, ascending: np.ndarray) -> np.ndarray:
  """Returns which values are among others, which are sorted: bool."""
  if not ascending.size:
    return np.zeros(values.shape, bool)
  places = np.searchsorted(ascending, values)
  return ascending[np.minimum(places, ascending.size - 1)] == values


def _words(texts: pl.Series) -> pl.Series:
  found = texts.str.to_lowercase().str.extract_all(_WORD)
  return found.list.unique(maintain_order=True)


def _places(keys: pl.DataFrame) -> np.ndarray:
  """Returns the place of each row in the order of all columns, int64 [rows]."""
  order = keys.select(pl.arg_sort_by(keys.columns)).to_series().to_numpy()
  places = np.empty(order.size, np.int64)
  places[order] = np.arange(order.size)
  return places
