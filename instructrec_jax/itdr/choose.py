"""Who is asked about: users, or items, of each split.

A user is in the same split in all tasks and domains: what a model was trained
on in one task gives nothing away of whom it is tested on in another.
"""

import hashlib
from collections.abc import Mapping

import numpy as np
import polars as pl

from instructrec_jax.data.names import generator

# Tenths of the instances, and of everybody.
SHARES = {"train": 8, "validation": 1, "test": 1}
_SPLITS = tuple(name for name, tenths in SHARES.items() for _ in range(tenths))
# Of so many times as many as are needed, splits are looked up: enough of each
# are among them, with some to spare.
_AMONG = 20


def quotas(size: int) -> dict[str, int]:
  """Returns how many instances each split has, `size` in all."""
  tenth = size // sum(SHARES.values())
  parts = {name: tenth * share for name, share in SHARES.items()}
  return parts | {"train": parts["train"] + size - sum(parts.values())}


def filled_up(
  quotas: Mapping[str, int], pools: Mapping[str, np.ndarray]
) -> dict[str, int]:
  """Returns quotas in which train takes what other splits have nobody for.

  Args:
    quotas: instances that each split is to have.
    pools: who may be taken for it.
  """
  short = sum(
    max(0, count - pools[split].size)
    for split, count in quotas.items()
    if split != "train"
  )
  return {**quotas, "train": quotas["train"] + short}


def split_of(identity: str, seed: int) -> str:
  """Returns the split of a user or item of this id."""
  text = f"{seed}/{identity}".encode()
  digest = hashlib.blake2b(text, digest_size=8).digest()
  return _SPLITS[int.from_bytes(digest, "big") % len(_SPLITS)]


def in_order(
  eligible: np.ndarray, ids: pl.Series, size: int, seed: int, name: str
) -> dict[str, np.ndarray]:
  """Returns who may be taken for each split, in the order of being taken.

  Args:
    eligible: codes.
    ids: text, by code.
    size: instances of all splits together.
    seed: of the order and the splits.
    name: of what they are taken for.
  """
  order = generator(seed, name, "chosen").permutation(eligible)
  order = order[: _AMONG * max(size, 100)]
  splits = np.array(
    [split_of(one, seed) for one in ids.gather(order).to_list()], dtype="U10"
  )
  return {name: order[splits == name] for name in SHARES}
