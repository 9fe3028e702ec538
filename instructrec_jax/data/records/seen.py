"""The items a user already has, which catalogue rankings leave out."""

import dataclasses
import os
from collections.abc import Sequence

import numpy as np

from instructrec_jax import paths
from instructrec_jax.data import ragged
from instructrec_jax.data.records import read
from instructrec_jax.data.records.requests import Requests
from instructrec_jax.errors import InputError


@dataclasses.dataclass(frozen=True)
class Seen:
  """The distinct items of each of n requests.

  Attributes:
    rows: int64 [pairs], the request of each item, ascending.
    items: int64 [pairs], the code of each item.
    n: number of requests.
  """

  rows: np.ndarray
  items: np.ndarray
  n: int

  @classmethod
  def of(
    cls,
    folder: str | os.PathLike,
    split: str,
    instances: np.ndarray,
    targets: Sequence[np.ndarray],
  ) -> "Seen":
    """Reads the user's training part and the history from the records.

    Args:
      folder: the folder of the records.
      split: "validation" or "test".
      instances: [n] running numbers of records of this split.
      targets: n arrays of item codes, which are left out of the result.

    Raises:
      InputError: a record does not exist.
    """
    requests = Requests.read(folder, split)
    at = np.searchsorted(requests.instance, instances)
    at = np.minimum(at, len(requests) - 1)
    absent = requests.instance[at] != instances
    if absent.any():
      raise InputError(
        f"{folder}: split {split!r} has no instance "
        f"{np.asarray(instances)[absent][0]}"
      )
    train = read.read_table(paths.anywhere(folder) / read.TRAIN_ITEMS)["items"]
    lengths = train.list.len().to_numpy().astype(np.int64)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    trained = train.filter(lengths > 0).explode().to_numpy().astype(np.int64)
    parts = (
      ragged.gather(trained, offsets, requests.user[at]),
      ragged.gather(requests.history, requests.history_offsets, at),
    )
    rows, items = (
      np.concatenate(column) for column in zip(*parts, strict=True)
    )
    wanted = np.repeat(np.arange(len(at)), [len(codes) for codes in targets])
    codes = np.concatenate(targets)
    stride = int(max(items.max(initial=0), codes.max(initial=0))) + 1
    keys = np.setdiff1d(rows * stride + items, wanted * stride + codes)
    return cls(*np.divmod(keys, stride), len(at))

  @classmethod
  def nothing(cls, n: int) -> "Seen":
    """Returns n requests without items."""
    none = np.zeros(0, np.int64)
    return cls(none, none, n)

  def counts(self) -> np.ndarray:
    """Returns the number of items of each request, int64 [n]."""
    return np.bincount(self.rows, minlength=self.n)

  def matrix(self) -> np.ndarray:
    """Returns the items, int32 [n, X], padded with -1."""
    widest = int(self.counts().max(initial=0))
    padded = np.full((self.n, widest), -1, np.int32)
    padded[self.rows, ragged.places(self.rows, self.n)] = self.items
    return padded
