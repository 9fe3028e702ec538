"""The default teacher, which is offline, deterministic and needs no model."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import polars as pl

from instructrec_jax.data.names import generator
from instructrec_jax.errors import InputError
from instructrec_jax.teacher.protocol import (
  AUDIENCE,
  FAULT,
  INSTANCE,
  INTENTION,
  INTEREST,
  PREFERENCE,
  Kind,
  schema,
)
from instructrec_jax.teacher.rules import (
  audiences,
  intentions,
  interests,
  preferences,
  wording,
)

# Each kind's function, the reason if it writes nothing, and a version, which is
# increased if texts change for the same input.
_WRITERS = {
  PREFERENCE.name: (preferences.write, "the history shares nothing", 2),
  INTENTION.name: (intentions.write, "the review states no purpose", 3),
  INTEREST.name: (interests.write, "the items share nothing", 2),
  AUDIENCE.name: (audiences.write, "nothing says whom the item is for", 2),
}


class Extractive:
  """Writes what histories share and what reviews state, as a Teacher.

  Attributes:
    keys: INSTANCE and columns of integers from 0, such as user and position,
      or item. They determine an instance's wording, whichever other instances
      there are.
  """

  def __init__(self, dataset: str, seed: int, keys: pl.DataFrame):
    self._dataset, self._seed = dataset, seed
    self._keys = keys.with_columns(pl.col(INSTANCE).cast(pl.UInt32))

  def made_of(self, kinds: Iterable[Kind]) -> Mapping[str, Any]:
    """See `protocol.Teacher`."""
    return {
      "teacher": "extractive",
      "version": {
        kind.name: _WRITERS[kind.name][2]
        for kind in kinds
        if kind.name in _WRITERS
      },
    }

  def answer(
    self, kind: Kind, batches: Iterable[pl.DataFrame]
  ) -> Iterator[pl.DataFrame]:
    """See `protocol.Teacher`."""
    if kind.name not in _WRITERS:
      raise InputError(
        f"the extractive teacher cannot write a {kind.name}, only "
        f"{', '.join(_WRITERS)}. Use --teacher api or local"
      )
    write, nothing, _ = _WRITERS[kind.name]
    for batch in batches:
      keys = batch.select(pl.col(INSTANCE).cast(pl.UInt32)).join(
        self._keys, INSTANCE, "left", maintain_order="left"
      )
      drawn = wording.draw(
        generator(self._seed, self._dataset, "wording", kind.name),
        *(keys[name].to_numpy() for name in keys.columns[1:]),
      )
      none = pl.col(kind.outputs[0]).is_null()
      yield (
        write(batch, drawn)
        .with_columns(pl.when(none).then(pl.lit(nothing)).alias(FAULT))
        .select(*schema(kind))
      )

  def counts(self) -> Mapping[str, Any]:
    """See `protocol.Teacher`."""
    return {}
