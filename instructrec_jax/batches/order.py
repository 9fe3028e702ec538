"""The order of examples: a shuffle that is computed, not stored.

An epoch takes a fixed number of examples of each task, in proportion to its
rate in the mixture, and shuffles them together. Each task continues where the
last epoch ended, and from its last example to its first. So no example of a
task is repeated before all of them were used.

The shuffle is a permutation that is computed where it is needed: a Feistel
network over numbers of two digits (Black and Rogaway, "Ciphers with Arbitrary
Finite Domains", 2002). It needs no memory, and no time for skipped examples.
"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from instructrec_jax.data import names

_ROUNDS = 8
# Constants of the finalizer of MurmurHash3 (Appleby, 2011).
_MIX = (np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53))
_HALF = np.uint64(33)
_LOW = np.uint64(32)


@dataclasses.dataclass(frozen=True)
class Part:
  """A task's examples in a cache.

  Attributes:
    first: The number of the first example.
    examples: The number of examples, in all renderings together.
    rate: The task's rate in the mixture.
  """

  first: int
  examples: int
  rate: float


class Order:
  """The order of a mixture's examples, over all epochs.

  Attributes:
    epoch_examples: The number of examples of an epoch.
  """

  def __init__(self, parts: Sequence[Part], renderings: int, seed: int):
    """Computes how many examples of each task an epoch has.

    Args:
      parts: The tasks. Each has at least one example.
      renderings: How many times the records were rendered.
      seed: Seed of the shuffles.
    """
    self._parts = parts
    self._seed = seed
    total_rate = sum(part.rate for part in parts)
    total = sum(part.examples for part in parts) / renderings
    # Every task has at least one example in an epoch.
    self._quotas = [
      max(1, round(total * part.rate / total_rate)) for part in parts
    ]
    self._ends = np.cumsum(self._quotas)
    self.epoch_examples = int(self._ends[-1])

  def examples(self, epoch: int, start: int, stop: int) -> np.ndarray:
    """Returns the examples at some places of an epoch.

    Args:
      epoch: The epoch, from 0.
      start: The first place.
      stop: The place after the last one.

    Returns:
      int64 [stop - start], numbers of examples.
    """
    slot = permute(
      np.arange(start, stop), self.epoch_examples, self._seed, f"epoch {epoch}"
    )
    task = np.searchsorted(self._ends, slot, side="right")
    quota, first, count = (
      np.array(column, np.int64)[task]
      for column in (
        self._quotas,
        [part.first for part in self._parts],
        [part.examples for part in self._parts],
      )
    )
    nth = epoch * quota + slot - (self._ends[task] - quota)
    return first + nth % count


def permute(
  number_E: np.ndarray, size: int, seed: int, name: str
) -> np.ndarray:
  """Returns the images of numbers under a permutation of 0 … size - 1.

  Args:
    number_E: int64 [examples], below `size`.
    size: The size of the permutation, below 2**62.
    seed: Seed of the permutation.
    name: Name of the permutation. Another name gives another permutation.

  Returns:
    int64 [examples].
  """
  bits = names.generator(seed, "tokens", name).bit_generator
  keys = bits.random_raw(_ROUNDS)
  digits = math.isqrt(size - 1) + 1, -(-size // (math.isqrt(size - 1) + 1))
  image_E = _feistel(number_E, digits, keys)
  # A few images are beyond the end. They are permuted again until they are not,
  # which still gives a permutation (cycle walking).
  while (beyond := np.flatnonzero(image_E >= size)).size:
    image_E[beyond] = _feistel(image_E[beyond], digits, keys)
  return image_E


def _feistel(
  number_E: np.ndarray, digits: tuple[int, int], keys: np.ndarray
) -> np.ndarray:
  """Permutes 0 … digits[0] * digits[1] - 1: adds to each digit in turn."""
  high_E, low_E = np.divmod(number_E.astype(np.uint64), np.uint64(digits[1]))
  for i in range(0, _ROUNDS, 2):
    high_E = _add(high_E, _hash(low_E, keys[i]), digits[0])
    low_E = _add(low_E, _hash(high_E, keys[i + 1]), digits[1])
  return (high_E * np.uint64(digits[1]) + low_E).astype(np.int64)


def _add(digit_E: np.ndarray, hash_E: np.ndarray, base: int) -> np.ndarray:
  """Adds a number drawn by a hash to a digit of a base below 2**32."""
  limit = np.uint64(base)
  total_E = digit_E + ((hash_E >> _LOW) * limit >> _LOW)
  return np.where(total_E >= limit, total_E - limit, total_E)


def _hash(value_E: np.ndarray, key: np.uint64) -> np.ndarray:
  """Returns 64 bits that look random, for each value."""
  value_E = value_E ^ key
  for factor in _MIX:
    value_E = (value_E ^ (value_E >> _HALF)) * factor
  return value_E ^ (value_E >> _HALF)
