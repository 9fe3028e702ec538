"""Which of several phrasings an instance gets, and filling it in."""

import re
from collections.abc import Sequence

import numpy as np
import polars as pl

_UINT64 = np.uint64


def draw(rng: np.random.Generator, *keys: np.ndarray) -> np.ndarray:
  """Returns a number for each instance that follows from its keys alone.

  So an instance is worded the same whichever others are annotated with it.

  Args:
    rng: the stream of the dataset and the purpose.
    *keys: integers [n] that name an instance.

  Returns:
    uint32 [n].
  """
  salt = rng.integers(0, 2**63, size=len(keys) + 1, dtype=np.uint64)
  with np.errstate(over="ignore"):
    state = np.full(keys[0].shape, salt[0])
    for key, number in zip(keys, salt[1:], strict=True):
      # The finaliser of SplitMix64 (Steele, Lea and Flood 2014).
      state = state ^ (key.astype(np.uint64) * (number | _UINT64(1)))
      state = state + salt[0]
      state = (state ^ (state >> _UINT64(30))) * _UINT64(0xBF58476D1CE4E5B9)
      state = (state ^ (state >> _UINT64(27))) * _UINT64(0x94D049BB133111EB)
      state = state ^ (state >> _UINT64(31))
  return (state >> _UINT64(32)).astype(np.uint32)


def fill(
  phrasings: Sequence[str], chosen: pl.Expr, slots: Sequence[str]
) -> pl.Expr:
  """Returns one of the phrasings with its slots filled in.

  Args:
    phrasings: with `{name}` where the column of that name goes.
    chosen: any whole number from 0; taken modulo the number of phrasings.
    slots: names of columns that phrasings may have.

  Returns:
    Null where a column that the phrasing takes is null.
  """
  place = chosen % len(phrasings)
  text = pl.lit(None, pl.String)
  for number, phrasing in enumerate(phrasings):
    text = (
      pl.when(place == number).then(_filled(phrasing, slots)).otherwise(text)
    )
  return text


def _filled(phrasing: str, slots: Sequence[str]) -> pl.Expr:
  slot = re.compile("{(" + "|".join(slots) + ")}")
  columns = [pl.col(name) for name in slot.findall(phrasing)]
  return pl.format(slot.sub("{}", phrasing), *columns)


def sentence(text: pl.Expr) -> pl.Expr:
  """Returns text that begins with a capital letter."""
  return text.str.head(1).str.to_uppercase() + text.str.slice(1)
