"""Instances of a pair, out of one table or several in equal shares."""

import collections
import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import polars as pl

from instructrec_jax.data.names import generator
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

# Codes of one of several tables, so that no two are alike.
_CODES = 1 << 32

# Who can be asked about, and what of, where a teacher writes no answers.
_SIMPLE: Mapping[str, tuple[Callable, Callable]] = {
  "rating_prediction": (rating.eligible, rating.instances),
  "top_k": (ranking.eligible, ranking.instances),
  "next_item": (ranking.eligible, ranking.instances),
  "user_attributes": (people.eligible_by_attributes, people.attributes),
}
# The same where one does.
TAUGHT: Mapping[str, tuple[Callable, Callable]] = {
  "interests": (people.eligible_by_interests, people.interests),
  "target_users": (audience.eligible, audience.instances),
}


@dataclasses.dataclass(frozen=True)
class Made:
  """Instances of a pair.

  Attributes:
    splits: rows by split, columns as features.features_of says.
    counts: what the manifest says of them.
  """

  splits: Mapping[str, pl.DataFrame]
  counts: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class _Part:
  """A share of the instances.

  Attributes:
    name: of its tables.
    number: of the part, from 0.
    eligible: codes of users or items that can be asked about.
    ids: of all users or items, by code.
    fill: from codes by split, in the order of being taken, and how many each
      split is to have, to rows with their `split`; and what is to be counted.
  """

  name: str
  number: int
  eligible: np.ndarray
  ids: pl.Series
  fill: Callable[..., tuple[pl.DataFrame, Mapping[str, Any]]]


def make(
  pair: Pair,
  tables: Mapping[str, Tables],
  size: int,
  writer: taught.Writer | None,
  seed: int,
) -> Made:
  """Makes all instances of a pair.

  Args:
    pair: of a subtask and a dataset.
    tables: those that are there, by name.
    size: instances of all splits together, where there are so many.
    writer: of the answers, of a subtask that is TAUGHT.
    seed: of all draws.
  """
  there = list(_parts(pair, tables, writer, seed))
  frames, counts = [], collections.defaultdict(dict)
  for part, share in zip(there, _shares(size, len(there)), strict=True):
    pools = choose.in_order(
      part.eligible, part.ids, share, seed, f"{pair.name}/{part.name}"
    )
    rows, counted = part.fill(pools, choose.quotas(share))
    offset = part.number * _CODES
    frames.append(
      rows.with_columns(
        pl.col("user").cast(pl.Int64) + offset,
        pl.col("^(candidate|relevant)_items$").list.eval(pl.element() + offset),
      )
    )
    counts["of"][part.name] = {"eligible": part.eligible.size, **counted}
  every = pl.concat(frames).with_row_index("instance")
  every = every.with_columns(fixed=(pl.col("split") != "train").cast(pl.Int64))
  splits = {
    split: every.filter(pl.col("split") == split) for split in choose.SHARES
  }
  return Made(
    splits,
    {
      "records": {split: rows.height for split, rows in splits.items()},
      "wanted": size,
      "eligible": sum(part.eligible.size for part in there),
      **({"of": dict(counts["of"])}),
      "tables_absent": [name for name in pair.tables if name not in tables],
    },
  )


def _shares(size: int, count: int) -> list[int]:
  """Returns `size` in `count` parts that differ by one at the most."""
  return [size // count + (number < size % count) for number in range(count)]


def _parts(pair, tables, writer, seed):
  """Yields the parts of a pair."""
  if pair.across:
    there = [two for two in pair.across if {*two} <= {*tables}]
    for number, (source, market) in enumerate(there):
      both = tables[source], tables[market]
      yield _Part(
        f"{source} to {market}",
        number,
        ranking.eligible_across(*both, pair),
        tables[market].users["user_id"],
        _filling(
          functools.partial(
            ranking.across,
            *both,
            pair=pair,
            rng=generator(seed, pair.name, source, market),
          )
        ),
      )
    return
  eligible, make_of = (_SIMPLE | TAUGHT)[pair.subtask]
  for number, (name, of) in enumerate(tables.items()):
    rng = generator(seed, pair.name, name)
    instances = functools.partial(make_of, of, pair=pair, rng=rng)
    yield _Part(
      name,
      number,
      eligible(of, pair),
      of.items["item_id"] if _of_items(pair) else of.users["user_id"],
      _filling(instances)
      if writer is None
      else taught.filling(instances, writer),
    )


def _of_items(pair: Pair) -> bool:
  return pair.subtask == "target_users"


def _filling(
  make_of: Callable[[np.ndarray], pl.DataFrame],
) -> Callable[..., tuple[pl.DataFrame, Mapping[str, Any]]]:
  """Returns what takes as many of each split as it is to have."""

  def fill(pools, quotas):
    chosen = {split: pools[split][:count] for split, count in quotas.items()}
    rows = make_of(np.concatenate(list(chosen.values())))
    splits = np.repeat(list(chosen), [codes.size for codes in chosen.values()])
    return rows.with_columns(split=pl.Series(splits)), {}

  return fill
