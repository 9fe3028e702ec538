"""Splits interactions: leave-one-out, by item, or as the source does."""

import dataclasses

import numpy as np
import polars as pl

SPLITS = ("train", "validation", "test")
# One item for the history, one for validation and one for test.
MIN_INTERACTIONS = 3
# Records are stored in random order, so a split's first ones are a sample. Each
# has the split and the number of records.
SAMPLES = {f"{split}_2k": (split, 2000) for split in SPLITS if split != "train"}


def sample(split: str) -> tuple[str, int | None]:
  """Returns the whole split of a name, and how many of its first records."""
  return SAMPLES.get(split, (split, None))


@dataclasses.dataclass(frozen=True)
class Instances:
  """Targets of one split, as rows of the interactions table.

  Both are int64 [n]. An instance's history is the rows from `first` to just
  before `target`, so it contains neither the target nor anything after it.

  Attributes:
    target: row of the target.
    first: the user's first row.
  """

  target: np.ndarray
  first: np.ndarray

  def __len__(self) -> int:
    return self.target.size

  def __getitem__(self, rows: slice | np.ndarray) -> "Instances":
    return Instances(self.target[rows], self.first[rows])


def by_user(interactions: pl.DataFrame) -> dict[str, Instances]:
  """Splits every user's sequence, by `split` if there is such a column.

  With the column, an interaction is a target of its part of the source's split,
  unless it is the user's first, which has no history.

  Args:
    interactions: user and, if the source has a split, split; see
      schema.INTERACTIONS.

  Returns:
    The instances of each split, in row order.
  """
  user = interactions["user"].to_numpy()
  if "split" not in interactions.columns:
    return leave_one_out(user)
  split = interactions["split"].to_numpy()
  first, length = _runs(user)
  first_of_row = np.repeat(first, length)
  has_history = np.arange(user.size) > first_of_row
  rows = {
    name: np.flatnonzero(has_history & (split == number))
    for number, name in enumerate(SPLITS)
  }
  return {name: Instances(row, first_of_row[row]) for name, row in rows.items()}


def leave_one_out(user: np.ndarray) -> dict[str, Instances]:
  """Splits every user's sequence: last to test, second last to validation.

  The rest is the training part, in which every position but the first is a
  target. A user with fewer than MIN_INTERACTIONS is not evaluated; the whole
  sequence is training part.

  Args:
    user: [rows] codes of users, sorted; a user's rows are oldest first.

  Returns:
    The instances of each split, in row order.
  """
  first, length = _runs(user)
  held_out = np.where(length >= MIN_INTERACTIONS, 2, 0)
  train_end = first + length - held_out
  rows = np.arange(user.size)
  first_of_row = np.repeat(first, length)
  end_of_row = np.repeat(train_end, length)
  is_train = (rows > first_of_row) & (rows < end_of_row)
  evaluated = held_out > 0
  first_eval, end_eval = first[evaluated], train_end[evaluated]
  return {
    "train": Instances(rows[is_train], first_of_row[is_train]),
    "validation": Instances(end_eval, first_eval),
    "test": Instances(end_eval + 1, first_eval),
  }


def by_item(item: np.ndarray, rng: np.random.Generator) -> dict[str, Instances]:
  """Splits items 80/10/10, each with all queries for it.

  This is InstructRec's split of product search (section 4.1.2): the items of
  validation and test are never targets in training. A row is a query and has no
  history.

  Args:
    item: [rows] code of the item of each query.
    rng: draws the items of each split.

  Returns:
    The instances of each split, in row order.
  """
  items = rng.permutation(np.unique(item))
  tenth = items.size // 10
  ends = items.size - np.array([2, 1]) * tenth
  parts = dict(zip(SPLITS, np.split(items, ends), strict=True))
  rows = {
    split: np.flatnonzero(np.isin(item, part)) for split, part in parts.items()
  }
  return {split: Instances(row, row) for split, row in rows.items()}


def train_rows(interactions: pl.DataFrame) -> np.ndarray:
  """Returns which rows are in the training part, bool [rows]; see `by_user`."""
  if "split" in interactions.columns:
    return interactions["split"].to_numpy() == 0
  user = interactions["user"].to_numpy()
  first, length = _runs(user)
  held_out = np.where(length >= MIN_INTERACTIONS, 2, 0)
  return np.arange(user.size) < np.repeat(first + length - held_out, length)


def _runs(user: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Returns each user's first row and number of rows, in row order."""
  _, first, length = np.unique(user, return_index=True, return_counts=True)
  return first.astype(np.int64), length.astype(np.int64)
