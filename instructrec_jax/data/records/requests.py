"""The requests of a split, for baselines and reports."""

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from instructrec_jax.data import ragged
from instructrec_jax.data.names import records_dir
from instructrec_jax.data.records import read


@dataclasses.dataclass(frozen=True)
class Requests:
  """Records of one split, ordered by instance.

  Attributes:
    instance: int64 [n], running numbers.
    user: int64 [n], user codes.
    target: int64 [n], item codes.
    candidates: int64 [n, C], item codes, with `read.ABSENT` after the last of a
      shorter list.
    history: int64 [items], the item codes of all histories, oldest first, one
      history after the other.
    history_offsets: int64 [n + 1], the start of each history, and the end of
      the last.
    history_length: int64 [n], the number of items before the target, including
      those that were cut from the history.
    relevant: the codes of relevant items, in the form of `history`; None if
      only the target is relevant.
    relevant_offsets: the offsets of `relevant`.
    ordered: whether histories have an order that is not only drawn.
  """

  instance: np.ndarray
  user: np.ndarray
  target: np.ndarray
  candidates: np.ndarray
  history: np.ndarray
  history_offsets: np.ndarray
  history_length: np.ndarray
  relevant: np.ndarray | None = None
  relevant_offsets: np.ndarray | None = None
  ordered: bool = True

  @classmethod
  def load(cls, data_dir: str | Path, dataset: str, split: str) -> "Requests":
    """Reads a split of a dataset's records.

    Raises:
      InputError: see `read.load_split`.
    """
    return cls.read(records_dir(data_dir, dataset), split)

  @classmethod
  def read(cls, folder: str | os.PathLike[str], split: str) -> "Requests":
    """Reads a split of the records in a folder.

    Raises:
      InputError: see `read.load_split`.
    """
    return cls.of(read.read_split(folder, split), read.is_ordered(folder))

  @classmethod
  def of(
    cls, columns: Mapping[str, np.ndarray], ordered: bool = True
  ) -> "Requests":
    """Returns the requests of columns, as `read.load_split` returns them."""
    names = [field.name for field in dataclasses.fields(cls)]
    return cls(
      **{name: columns[name] for name in names if name in columns},
      ordered=ordered,
    )

  def __len__(self) -> int:
    return len(self.instance)

  @property
  def histories(self) -> list[np.ndarray]:
    """The history of each request, item codes, oldest first."""
    return np.split(self.history, self.history_offsets[1:-1])

  @property
  def relevant_items(self) -> list[np.ndarray]:
    """The relevant items of each request; by default only the target."""
    if self.relevant is None or self.relevant_offsets is None:
      return list(self.target[:, None])
    return np.split(self.relevant, self.relevant_offsets[1:-1])

  def take(self, mask: np.ndarray) -> "Requests":
    """Returns some of the requests.

    Args:
      mask: bool [n].
    """
    rows = np.flatnonzero(mask)
    columns = {
      field.name: getattr(self, field.name)
      for field in dataclasses.fields(self)
    }
    for name in ("history", "relevant"):
      offsets = columns[f"{name}_offsets"]
      if offsets is not None:
        _, columns[name] = ragged.gather(columns[name], offsets, rows)
        lengths = np.diff(offsets)[rows]
        columns[f"{name}_offsets"] = np.concatenate([[0], np.cumsum(lengths)])
    for name in ("instance", "user", "target", "candidates", "history_length"):
      columns[name] = columns[name][rows]
    return Requests(**columns)

  def between(self, start: int, end: int) -> "Requests":
    """Returns the requests from number `start` to just before `end`."""
    history, history_offsets = _between(
      self.history, self.history_offsets, start, end
    )
    relevant, relevant_offsets = self.relevant, self.relevant_offsets
    if relevant is not None and relevant_offsets is not None:
      relevant, relevant_offsets = _between(
        relevant, relevant_offsets, start, end
      )
    return Requests(
      self.instance[start:end],
      self.user[start:end],
      self.target[start:end],
      self.candidates[start:end],
      history,
      history_offsets,
      self.history_length[start:end],
      relevant,
      relevant_offsets,
      self.ordered,
    )


def _between(
  values: np.ndarray, offsets: np.ndarray, start: int, end: int
) -> tuple[np.ndarray, np.ndarray]:
  """Returns the values and offsets of the lists from `start` to `end`."""
  offsets = offsets[start : end + 1]
  return values[offsets[0] : offsets[-1]], offsets - offsets[0]
