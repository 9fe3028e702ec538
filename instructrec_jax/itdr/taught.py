"""Instances whose answers a teacher writes.

Who has no good text is left out, with the reason counted, and somebody else is
asked about instead, as long as there is anybody.
"""

import collections
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import polars as pl

from instructrec_jax.errors import InputError
from instructrec_jax.itdr.pairs import Pair
from instructrec_jax.teacher import texts
from instructrec_jax.teacher.choosing import Choice
from instructrec_jax.teacher.protocol import AUDIENCE, INSTANCE, INTEREST, Kind

KINDS: Mapping[str, Kind] = {"interests": INTEREST, "target_users": AUDIENCE}
# Times that somebody else is asked about; a server that answers nothing is not
# to be asked for ever.
_ROUNDS = 5

MakeOf = Callable[..., tuple[pl.DataFrame, pl.DataFrame]]


class Writer:
  """A teacher, to be asked about a pair's users or items."""

  def __init__(self, choice: Choice, pair: Pair, seed: int):
    """Remembers whom to ask."""
    self.kind = KINDS[pair.subtask]
    self._choice, self._pair, self._seed = choice, pair, seed

  def made_of(self) -> Mapping[str, Any]:
    """Returns all that decides the texts, as JSON, for the manifest."""
    return self._teacher(pl.DataFrame({INSTANCE: []})).made_of([self.kind])

  def write(self, told: pl.DataFrame) -> pl.DataFrame:
    """Returns a row for each of `told`; see `texts.write`."""
    requests = self.requests(told)
    teacher = self._teacher(requests.select(INSTANCE, "user"))
    return texts.write(teacher, self.kind, requests)

  def requests(self, told: pl.DataFrame) -> pl.DataFrame:
    """Returns `told` with a number for each row."""
    return told.with_row_index(INSTANCE)

  def _teacher(self, keys: pl.DataFrame):
    return self._choice.teacher(self._pair.name, self._seed, keys)


def filling(
  make_of: MakeOf, writer: Writer
) -> Callable[..., tuple[pl.DataFrame, Mapping[str, Any]]]:
  """Returns what fills splits with instances that have a text.

  Args:
    make_of: from `users`, codes, to their instances and what a teacher is told
      of them, both in the same order.
    writer: whom to ask.
  """

  def fill(pools, quotas):
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
      asked, told = make_of(np.concatenate(list(chosen.values())))
      answers = writer.write(told)
      split = np.repeat(list(sizes), list(sizes.values()))
      good = answers["text"].is_not_null() & answers["reason"].is_null()
      for why in ("absent", "reason"):
        counts[why].update(answers[why].drop_nulls().to_list())
      rows = asked.with_columns(answer=answers["text"], split=pl.Series(split))
      frames.append(rows.filter(good))
      have.update(frames[-1]["split"].to_list())
    if not frames:
      raise InputError("nobody can be asked about")
    return pl.concat(frames), {
      "asked": sum(taken.values()),
      "absent": dict(counts["absent"]),
      "rejected": dict(counts["reason"]),
    }

  return fill
