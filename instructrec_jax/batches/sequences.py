"""Training batches of a model of items: sequences of users, packed into rows.

A user's sequence is one example. Short ones share a row. The order of examples,
their packing, and the position to resume from are those of cached tokens; see
from_tokens.py. A token is an item: 0 is padding, and item code c is c + 1.
"""

import functools
import hashlib
from collections.abc import Mapping
from typing import Any

import gin
import numpy as np

from instructrec_jax.batches import from_tokens
from instructrec_jax.batches.items import ItemCatalogue
from instructrec_jax.batches.order import Part
from instructrec_jax.batches.queries import QueryExamples
from instructrec_jax.batches.training_data import TrainingData
from instructrec_jax.data.records.requests import Requests
from instructrec_jax.errors import InputError
from instructrec_jax.model import sharding
from instructrec_jax.settings import kinds


class Sequences:
  """The examples of a dataset's users, in the form of a `TokenCache`.

  Attributes:
    tokens: int32 [total], every example's inputs, then its targets.
    starts: int64 [examples + 1], where each begins in `tokens`.
    lengths_Ex2: int64 [examples, 2], its inputs and its targets, as many.
    max_lengths: The places of a row, twice.
    renderings: 1, as a sequence is always the same.
    packs: Whether several examples share a row.
    fingerprint: A digest that identifies the examples.
    users: The number of users.
    too_short: How many have too few items to learn from.
    cut: How many have more items than a row has places. The oldest are left
      out.
  """

  renderings = 1
  packs = True

  def __init__(
    self,
    items: np.ndarray,
    offsets: np.ndarray,
    objective: str,
    length: int,
    made_of: Mapping[str, Any] | None = None,
  ):
    """Makes the examples.

    Args:
      items: int64 [total], the items of all users, oldest first.
      offsets: int64 [users + 1], where each user's begin.
      objective: "next": the targets are the inputs moved on by one. "masked":
        both are the whole sequence.
      length: The places of a row.
      made_of: What the items were made from, as JSON.

    Raises:
      InputError: No user has enough items.
    """
    self._made_of = {**(made_of or {}), "objective": objective}
    moved = int(objective == "next")
    count_U = np.diff(offsets)
    self.users = len(count_U)
    here = np.flatnonzero(count_U > moved)
    self.too_short = self.users - len(here)
    if not len(here):
      raise InputError(
        f"none of {self.users:,} users has {moved + 1} or more items in the "
        "training part: a sequential model needs such"
      )
    self.cut = int((count_U > length + moved).sum())
    length_E = np.minimum(count_U[here] - moved, length)
    end_E = offsets[1:][here]
    inputs = _between(items, end_E - moved - length_E, length_E)
    targets = _between(items, end_E - length_E, length_E)
    self.starts = np.concatenate([[0], np.cumsum(2 * length_E)])
    self.tokens = np.empty(self.starts[-1], np.int32)
    place = np.arange(len(inputs)) - np.repeat(
      np.cumsum(length_E) - length_E, length_E
    )
    at = np.repeat(self.starts[:-1], length_E) + place
    self.tokens[at] = inputs + 1
    self.tokens[at + np.repeat(length_E, length_E)] = targets + 1
    self.lengths_Ex2 = np.stack([length_E, length_E], axis=1)
    self.max_lengths = length, length
    digest = hashlib.sha256(self.tokens.tobytes())
    digest.update(self.starts.tobytes())
    self.fingerprint = digest.hexdigest()[:16]

  @functools.cached_property
  def epoch_rows(self) -> float:
    """The number of rows of an epoch."""
    batches = from_tokens.CachedBatches(self, batch_size=1)
    return batches.epoch_examples / batches.examples_per_row

  def describe(self) -> TrainingData:
    """Describes the examples as the data of a run."""
    length = self.max_lengths[0]
    notes = {
      "have too few items to learn from and are left out": self.too_short,
      f"have more than {length} items; their oldest are left out": self.cut,
    }
    return TrainingData(
      made_of=self._made_of
      | {"task_feature_lengths": sequence_lengths(length)},
      vocabulary={},
      too_long={},
      epoch_rows=self.epoch_rows,
      notes=tuple(
        f"{count:,} of {self.users:,} users {what}"
        for what, count in notes.items()
        if count
      ),
    )

  def parts(self) -> list[Part]:
    """Returns all examples as those of one task."""
    return [Part(0, len(self.lengths_Ex2), 1.0)]


Examples = Sequences | QueryExamples


def _between(
  items: np.ndarray, first_E: np.ndarray, length_E: np.ndarray
) -> np.ndarray:
  """Returns some of the items for each example, one after the other."""
  before_E = np.cumsum(length_E) - length_E
  at = np.arange(int(length_E.sum())) - np.repeat(before_E - first_E, length_E)
  return items[at]


@gin.configurable(module="instructrec_jax")
def sequence_data(
  catalogue: ItemCatalogue = gin.REQUIRED,
  objective: str = "next",
  history_length: int = 50,
  train_on_validation: bool = False,
) -> Sequences:
  """Returns the examples of a dataset.

  Args:
    catalogue: The items.
    objective: See `Sequences`.
    history_length: The places of a row.
    train_on_validation: Whether the targets of validation follow a user's
      items.

  Raises:
    InputError: The records cannot be used.
  """
  items, offsets = catalogue.sequences()
  if train_on_validation:
    items, offsets = _with_validation(catalogue, items, offsets)
  made_of = {
    "dataset": catalogue.dataset,
    "items": catalogue.digest,
    "records": {catalogue.dataset: catalogue.manifest["fingerprint"]},
    "train_on_validation": train_on_validation,
  }
  return Sequences(items, offsets, objective, history_length, made_of)


def _with_validation(
  catalogue: ItemCatalogue, items: np.ndarray, offsets: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Returns users' items and then their targets of validation."""
  requests = Requests.read(catalogue.folder, "validation")
  # Of one user the target with the longest history is the newest.
  order = np.lexsort((requests.history_length, requests.user))
  more_U = np.bincount(requests.user, minlength=len(offsets) - 1)
  users = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
  both = np.concatenate([users, requests.user[order]])
  joined = np.concatenate([items, requests.target[order]])
  return (
    joined[np.argsort(both, kind="stable")],
    np.concatenate([[0], np.cumsum(np.diff(offsets) + more_U)]),
  )


@gin.configurable(module="instructrec_jax")
def sequence_lengths(history_length: int = 50) -> dict[str, int]:
  """Returns the places of a row, as TASK_FEATURE_LENGTHS.

  Args:
    history_length: The most items of a sequence.
  """
  return {"inputs": history_length, "targets": history_length}


class ItemBatches(from_tokens.CachedBatches):
  """Batches with one more feature: the share of each target.

  target_log_share, float32 [rows, places], is the log of each target's share of
  all targets, and 0 where there is none.
  """

  def __init__(
    self,
    examples: Examples,
    batch_size: int,
    seed: int = 0,
    shard: tuple[int, int] = (0, 1),
  ):
    """Starts before the first batch; see `CachedBatches`."""
    super().__init__(examples, batch_size, seed, examples.packs, shard)
    length_Ex2 = examples.lengths_Ex2
    is_target = np.repeat(
      np.tile([False, True], len(length_Ex2)), length_Ex2.reshape(-1)
    )
    count = np.bincount(examples.tokens[is_target])
    share = np.maximum(count, 1) / is_target.sum()
    self._log_share = np.log(share).astype(np.float32)
    self._log_share[0] = 0

  def __next__(self) -> dict[str, np.ndarray]:
    batch = super().__next__()
    shares = self._log_share[batch["decoder_target_tokens"]]
    return batch | {"target_log_share": shares}


@gin.configurable(module="instructrec_jax")
def sequence_batches(
  sequences: Examples = gin.REQUIRED,
  batch_size: int = gin.REQUIRED,
  seed: int = 0,
  num_partitions: int = 1,
  shard: tuple[int, int] | None = None,
  loss: str = "softmax",
) -> from_tokens.CachedBatches:
  """Returns this process's training batches of a model of items.

  Args:
    sequences: The examples.
    batch_size: Rows of a batch, over all processes.
    seed: Seed of the order.
    num_partitions: The number of devices that share a copy of the parameters.
    shard: Which part of each batch to return, and of how many. By default this
      process's part on our own mesh.
    loss: The model's loss. "in_batch" needs the shares of targets.

  Raises:
    InputError: Processes cannot share a batch evenly.
  """
  shard = shard or sharding.data_shard(sharding.make_mesh(num_partitions))
  if loss == "in_batch":
    return ItemBatches(sequences, batch_size, seed, shard)
  packs = sequences.packs
  return from_tokens.CachedBatches(sequences, batch_size, seed, packs, shard)


@gin.configurable(module="instructrec_jax")
def steps_of_epochs(
  sequences: Examples = gin.REQUIRED,
  epochs: float = 10,
  batch_size: int = gin.REQUIRED,
) -> int:
  """Returns the number of steps that take some epochs.

  Args:
    sequences: The examples.
    epochs: Passes over all of them.
    batch_size: Rows of a batch, over all processes.
  """
  kinds.check("EPOCHS", kinds.Number(above=True), epochs)
  return max(1, round(epochs * sequences.epoch_rows / batch_size))
