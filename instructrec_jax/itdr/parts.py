"""Instances of a pair, from one table or from several in equal shares."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import polars as pl

from instructrec_jax.data.names import generator
from instructrec_jax.errors import InputError
from instructrec_jax.itdr import (
  audience,
  choose,
  people,
  ranking,
  rating,
  taught,
)
from instructrec_jax.itdr.pairs import Pair
from instructrec_jax.itdr.tables import Tables

# The range of codes of one table, so that codes of several tables differ.
_CODES = 1 << 32

# By subtask: the functions that choose eligible users and make instances.
_SIMPLE: Mapping[str, tuple[Callable, Callable]] = {
  "rating_prediction": (rating.eligible, rating.instances),
  "top_k": (ranking.eligible, ranking.instances),
  "next_item": (ranking.eligible, ranking.instances),
  "user_attributes": (people.eligible_by_attributes, people.attributes),
}
# The same for subtasks whose answers a teacher writes.
TAUGHT: Mapping[str, tuple[Callable, Callable]] = {
  "interests": (people.eligible_by_interests, people.interests),
  "target_users": (audience.eligible, audience.instances),
}


class NobodyLeftError(InputError):
  """No user or item can be asked about, in tables that fit the pair."""


@dataclasses.dataclass(frozen=True)
class Made:
  """Instances of a pair.

  Attributes:
    splits: rows by split, with the columns of features.features_of.
    counts: the counts for the manifest.
  """

  splits: Mapping[str, pl.DataFrame]
  counts: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class _Part:
  """A share of the instances, from some of the tables.

  Attributes:
    name: the name of the tables.
    number: the number of the part, from 0.
    eligible: codes of eligible users or items.
    ids: ids of all users or items, by code.
    instances: makes the instances of some codes.
  """

  name: str
  number: int
  eligible: np.ndarray
  ids: pl.Series
  instances: Callable[[np.ndarray], Any]

  def pools(self, pair: Pair, size: int, seed: int) -> dict[str, np.ndarray]:
    """Returns the codes that may be taken for each split, in order."""
    name = f"{pair.name}/{self.name}"
    return choose.in_order(self.eligible, self.ids, size, seed, name)


def make(
  pair: Pair,
  tables: Mapping[str, Tables],
  size: int,
  writer: taught.Writer | None,
  seed: int,
) -> Made:
  """Makes all instances of a pair.

  Args:
    pair: a subtask and a dataset.
    tables: the existing tables, by name.
    size: the most instances of all splits together.
    writer: writes the answers of a TAUGHT subtask; None for other subtasks.
    seed: of all draws.

  Raises:
    NobodyLeftError: no user or item is eligible.
  """
  frames, counts = [], {}
  for part, quotas in _parts(pair, tables, size, seed):
    counts[part.name] = {"eligible": part.eligible.size}
    if not part.eligible.size:
      continue
    pools = part.pools(pair, size, seed)
    given = pools, choose.filled_up(quotas, pools)
    if writer is None:
      rows = _fill(part.instances, *given)
    else:
      rows, answered = taught.fill(part.instances, writer, *given)
      counts[part.name] |= answered
    offset = part.number * _CODES
    items = pl.col("^(candidate|relevant)_items$")
    frames.append(
      rows.with_columns(
        pl.col("user").cast(pl.Int64) + offset,
        items.list.eval(pl.element() + offset),
      )
    )
  unknown = {
    name: found
    for name, table in tables.items()
    if (found := table.unknown(pair))
  }
  if not frames:
    left_out = "; ".join(
      f"{name}: {reason} ({count:,})"
      for name, found in unknown.items()
      for reason, count in found.items()
    )
    raise NobodyLeftError(
      f"{pair.name}: no user or item of {', '.join(counts)} is eligible; each "
      f"needs at least {pair.kind.least} interactions"
      + (f", and some values are left out: {left_out}" if left_out else "")
    )
  fixed = (pl.col("split") != "train").cast(pl.Int64)
  every = pl.concat(frames).with_row_index("instance").with_columns(fixed=fixed)
  splits = {
    split: every.filter(pl.col("split") == split) for split in choose.SHARES
  }
  return Made(
    splits,
    {
      "records": {split: rows.height for split, rows in splits.items()},
      "wanted": size,
      "of": counts,
      "unknown": unknown,
      "tables_absent": [name for name in pair.tables if name not in tables],
    },
  )


def told(
  pair: Pair, tables: Mapping[str, Tables], size: int, seed: int
) -> Iterator[pl.DataFrame]:
  """Yields a teacher's input for the users or items that are taken first."""
  for part, quotas in _parts(pair, tables, size, seed):
    pools = part.pools(pair, size, seed)
    quotas = choose.filled_up(quotas, pools)
    first = [pools[split][:count] for split, count in quotas.items()]
    if not sum(map(len, first)):
      continue
    yield part.instances(np.concatenate(first))[1]


def _parts(
  pair: Pair, tables: Mapping[str, Tables], size: int, seed: int
) -> Iterator[tuple[_Part, dict[str, int]]]:
  """Yields the parts of a pair with the number of instances of each split."""
  if pair.across:
    sources = [two for two in pair.across if {*two} <= {*tables}]
    eligible, make_of = ranking.eligible_across, ranking.across
  else:
    sources = [(name,) for name in tables]
    eligible, make_of = (_SIMPLE | TAUGHT)[pair.subtask]
  for number, names in enumerate(sources):
    these = [tables[name] for name in names]
    part = _Part(
      " to ".join(names),
      number,
      eligible(*these, pair=pair),
      these[-1].items["item_id"]
      if pair.subtask == "target_users"
      else these[-1].users["user_id"],
      functools.partial(
        make_of, *these, pair=pair, rng=generator(seed, pair.name, *names)
      ),
    )
    # The parts' shares of a split differ by at most one.
    quotas = {
      split: count // len(sources) + (number < count % len(sources))
      for split, count in choose.quotas(size).items()
    }
    yield part, quotas


def _fill(
  instances: Callable[[np.ndarray], pl.DataFrame],
  pools: Mapping[str, np.ndarray],
  quotas: Mapping[str, int],
) -> pl.DataFrame:
  """Returns each split's number of instances, or all if there are fewer."""
  chosen = {split: pools[split][:count] for split, count in quotas.items()}
  rows = instances(np.concatenate(list(chosen.values())))
  splits = np.repeat(list(chosen), [codes.size for codes in chosen.values()])
  return rows.with_columns(split=pl.Series(splits))
