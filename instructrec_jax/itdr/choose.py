"""Chooses the users or items of each split.

A user is in the same split in all tasks and domains, so training on one task
reveals nothing about the test users of another.
"""

import hashlib
from collections.abc import Mapping

import numpy as np
import polars as pl

from instructrec_jax.data.names import generator

# The share of each split in tenths, of instances and of all users or items.
SHARES = {"train": 8, "validation": 1, "test": 1}
_SPLITS = tuple(name for name, tenths in SHARES.items() for _ in range(tenths))
# Splits are computed for this many times the number needed, which is more than
# enough for each split.
_AMONG = 20


def quotas(size: int) -> dict[str, int]:
  """Returns the number of instances of each split, `size` in all."""
  tenth = size // sum(SHARES.values())
  parts = {name: tenth * share for name, share in SHARES.items()}
  return parts | {"train": parts["train"] + size - sum(parts.values())}


def filled_up(
  quotas: Mapping[str, int], pools: Mapping[str, np.ndarray]
) -> dict[str, int]:
  """Returns quotas that move to train what the other splits cannot fill.

  Args:
    quotas: the wanted number of instances of each split.
    pools: the users or items that may be taken for each split.
  """
  short = sum(
    max(0, count - pools[split].size)
    for split, count in quotas.items()
    if split != "train"
  )
  return {**quotas, "train": quotas["train"] + short}


def split_of(identity: str, seed: int) -> str:
  """Returns the split of the user or item with this id."""
  text = f"{seed}/{identity}".encode()
  digest = hashlib.blake2b(text, digest_size=8).digest()
  return _SPLITS[int.from_bytes(digest, "big") % len(_SPLITS)]


def in_order(
  eligible: np.ndarray, ids: pl.Series, size: int, seed: int, name: str
) -> dict[str, np.ndarray]:
  """Returns the users or items of each split in the order they are taken.

  Args:
    eligible: codes of eligible users or items.
    ids: ids as text, by code.
    size: instances of all splits together.
    seed: draws the order and the splits.
    name: the purpose, which changes the order.
  """
  order = generator(seed, name, "chosen").permutation(eligible)
  order = order[: _AMONG * max(size, 100)]
  splits = np.array(
    [split_of(one, seed) for one in ids.gather(order).to_list()], dtype="U10"
  )
  return {name: order[splits == name] for name in SHARES}
