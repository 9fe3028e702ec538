"""Selects one of several phrasings for an instance, and fills it."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

_UINT64 = np.uint64


def draw(rng: np.random.Generator, *keys: np.ndarray) -> np.ndarray:
  """Returns a number for each instance that only its keys determine.

  An instance thus has the same wording whichever others are annotated.

  Args:
    rng: the random generator of the dataset and the purpose.
    *keys: integers [n] that identify an instance.

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
    phrasings: texts in which `{name}` stands for the column of that name.
    chosen: any integer from 0, taken modulo the number of phrasings.
    slots: names of columns that phrasings may have.

  Returns:
    The texts; null if a column that the phrasing needs is null.
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
  """Returns the text with a capital first letter."""
  return text.str.head(1).str.to_uppercase() + text.str.slice(1)


def compose(
  main: Mapping[tuple[str, ...], Sequence[str]],
  further: Mapping[str, Sequence[str]],
  most: int,
) -> pl.Expr:
  """Returns a text of a main sentence and further sentences.

  Args:
    main: phrasings by the columns that they need; the first entry without a
      null column is used.
    further: phrasings of further sentences by the column that each needs;
      entries whose column is not null follow, in this order.
    most: the most further sentences.

  Returns:
    The texts; null without a main sentence. Column `drawn` (uint32) selects the
    phrasings.
  """
  slots = (*dict.fromkeys(slot for row in main for slot in row), *further)
  first = pl.lit(None, pl.String)
  for needed, phrasings in reversed(list(main.items())):
    there = pl.all_horizontal(pl.col(slot).is_not_null() for slot in needed)
    filled = fill(phrasings, pl.col("drawn"), slots)
    first = pl.when(there).then(filled).otherwise(first)
  parts = [first]
  for place, (slot, phrasings) in enumerate(further.items()):
    earlier = [pl.col(s).is_not_null() for s in list(further)[:place]]
    number = pl.sum_horizontal(pl.lit(0), *earlier)
    fits = pl.col(slot).is_not_null() & (number < most)
    # Uses other digits than the main sentence; there are nine.
    digits = pl.col("drawn") // 12 ** (place % 7 + 1)
    parts.append(pl.when(fits).then(fill(phrasings, digits, slots)))
  joined = pl.concat_str(
    [sentence(part).str.strip_suffix(".") for part in parts],
    separator=". ",
    ignore_nulls=True,
  )
  return pl.when(first.is_not_null()).then(joined + ".")
