"""Instances whose answers a teacher writes.

A user or item without a valid text is left out, its reason is counted, and
another one takes its place while there are any.
"""

import collections
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import polars as pl

from instructrec_jax.itdr.pairs import Pair
from instructrec_jax.teacher.annotation import texts
from instructrec_jax.teacher.annotation.choosing import Choice
from instructrec_jax.teacher.protocol import (
  AUDIENCE,
  INSTANCE,
  INTEREST,
  ORDERED,
  Kind,
)

KINDS: Mapping[str, Kind] = {"interests": INTEREST, "target_users": AUDIENCE}
# The most rounds of replacements, so that a server without answers is not asked
# forever.
_ROUNDS = 5


class Writer:
  """Writes the texts of a pair's users or items with a teacher."""

  def __init__(self, choice: Choice, pair: Pair, seed: int):
    """Remembers the teacher to use."""
    self.kind = KINDS[pair.subtask]
    self._choice, self._pair, self._seed = choice, pair, seed

  def made_of(self) -> Mapping[str, Any]:
    """Returns all that determines the texts, as JSON, for the manifest."""
    return self._teacher(pl.DataFrame({INSTANCE: []})).made_of([self.kind])

  def write(self, told: pl.DataFrame) -> pl.DataFrame:
    """Returns a row for each of `told`; see `texts.write`."""
    requests = self.requests(told)
    teacher = self._teacher(requests.select(INSTANCE, "user"))
    return texts.write(teacher, self.kind, requests)

  def requests(self, told: pl.DataFrame) -> pl.DataFrame:
    """Returns `told` with a number for each row and the kind of item."""
    thing = pl.lit(self._pair.domain.kind)
    requests = told.with_row_index(INSTANCE).with_columns(thing=thing)
    if self._pair.domain.ordered:
      return requests
    return requests.with_columns(pl.lit(False).alias(ORDERED))

  def _teacher(self, keys: pl.DataFrame):
    return self._choice.teacher(self._pair.name, self._seed, keys)


def fill(
  instances: Callable[[np.ndarray], tuple[pl.DataFrame, pl.DataFrame]],
  writer: Writer,
  pools: Mapping[str, np.ndarray],
  quotas: Mapping[str, int],
) -> tuple[pl.DataFrame, Mapping[str, Any]]:
  """Fills splits with instances that have a text.

  Args:
    instances: makes the instances of some codes and the teacher's input for
      them, both in the same order.
    writer: writes the texts.
    pools: codes by split, in the order in which they are taken.
    quotas: the wanted number of instances of each split.

  Returns:
    The instances, with `answer` and `split`; and the number that was asked
    about, with the reasons of absent and rejected texts.
  """
  taken, have = collections.Counter(), collections.Counter()
  frames, counts = [], collections.defaultdict(collections.Counter)
  for _ in range(_ROUNDS):
    chosen = {
      split: pools[split][taken[split] :][: count - have[split]]
      for split, count in quotas.items()
    }
    sizes = {split: codes.size for split, codes in chosen.items()}
    if not any(sizes.values()):
      break
    taken.update(sizes)
    asked, told = instances(np.concatenate(list(chosen.values())))
    answers = writer.write(told)
    for why in ("absent", "reason"):
      counts[why].update(answers[why].drop_nulls().to_list())
    split = pl.Series(np.repeat(list(sizes), list(sizes.values())))
    good = answers["text"].is_not_null() & answers["reason"].is_null()
    rows = asked.with_columns(answer=answers["text"], split=split).filter(good)
    frames.append(rows)
    have.update(rows["split"].to_list())
  return pl.concat(frames), {
    "asked": sum(taken.values()),
    "absent": dict(counts["absent"]),
    "rejected": dict(counts["reason"]),
  }
