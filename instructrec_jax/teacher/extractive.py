"""The teacher that is always there: offline, deterministic, no model."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import polars as pl

from instructrec_jax.data.names import generator
from instructrec_jax.errors import InputError
from instructrec_jax.teacher import intentions, preferences, wording
from instructrec_jax.teacher.protocol import FAULT, INSTANCE, Kind, schema

# Raised when texts change for the same input.
_VERSION = 2
# What writes each kind, and why it may write nothing.
_WRITERS = {
  "preference": (preferences.write, "the history shares nothing"),
  "intention": (intentions.write, "the review states no purpose"),
}


class Extractive:
  """Says what histories share, and what reviews state; see `protocol.Teacher`.

  Attributes:
    keys: INSTANCE, user, position of all instances: what a wording follows
      from.
  """

  def __init__(self, dataset: str, seed: int, keys: pl.DataFrame):
    self._dataset, self._seed = dataset, seed
    self._keys = keys.select(INSTANCE, "user", "position")

  def made_of(self) -> Mapping[str, Any]:
    """See `protocol.Teacher`."""
    return {"teacher": "extractive", "version": _VERSION}

  def answer(
    self, kind: Kind, batches: Iterable[pl.DataFrame]
  ) -> Iterator[pl.DataFrame]:
    """See `protocol.Teacher`."""
    if kind.name not in _WRITERS:
      raise InputError(
        f"the extractive teacher writes {' and '.join(_WRITERS)}, and cannot "
        f"be asked for a {kind.name}: take --teacher api or local"
      )
    write, nothing = _WRITERS[kind.name]
    for batch in batches:
      keys = self._keys[batch[INSTANCE]]
      drawn = wording.draw(
        generator(self._seed, self._dataset, "wording", kind.name),
        keys["user"].to_numpy(),
        keys["position"].to_numpy(),
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
