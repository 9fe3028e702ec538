"""Which of several phrasings an instance gets, and filling it in."""

import re
from collections.abc import Mapping, Sequence

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


def compose(
  main: Mapping[tuple[str, ...], Sequence[str]],
  further: Mapping[str, Sequence[str]],
  most: int,
) -> pl.Expr:
  """Returns a text: a main sentence and what else there is to say.

  Args:
    main: phrasings by the columns that they take; the first of which none is
      null is used.
    further: phrasings of more sentences by the column that each takes; those of
      which it is not null follow, in this order.
    most: of the further sentences.

  Returns:
    Null where there is no main sentence. Column `drawn` (uint32) decides the
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
    # Other digits than those that chose the main sentence; there are nine.
    digits = pl.col("drawn") // 12 ** (place % 7 + 1)
    parts.append(pl.when(fits).then(fill(phrasings, digits, slots)))
  joined = pl.concat_str(
    [sentence(part).str.strip_suffix(".") for part in parts],
    separator=". ",
    ignore_nulls=True,
  )
  return pl.when(first.is_not_null()).then(joined + ".")
