"""The kinds of candidates for the records of validation and test."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from instructrec_jax import artifacts
from instructrec_jax.data.candidates import draw, files
from instructrec_jax.errors import InputError, unknown

# Negatives of a request, as in InstructRec.
NUM_NEGATIVES = 9


@dataclasses.dataclass(frozen=True)
class Requests:
  """The requests that need candidates.

  Attributes:
    rng: the source of draws.
    split: "validation" or "test".
    users: [n] codes, each once.
    targets: [n] codes.
    interactions: codes of users and items of every pair, [rows] each.
    catalogue: the items table with train_count.
    user_ids: the id of each user code.
  """

  rng: np.random.Generator
  split: str
  users: np.ndarray
  targets: np.ndarray
  interactions: tuple[np.ndarray, np.ndarray]
  catalogue: pl.DataFrame
  user_ids: pl.Series


@dataclasses.dataclass(frozen=True)
class Candidates:
  """The lists of n requests.

  Attributes:
    lists: n arrays of item codes, each with the target.
    relevant: n arrays of the codes of relevant items; None if only the target
      is relevant.
    counts: the counts for the manifest.
  """

  lists: Sequence[np.ndarray]
  relevant: Sequence[np.ndarray] | None = None
  counts: dict[str, int] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Kind:
  """The user's choice of how candidates are found.

  Attributes:
    name: a key of `KINDS`.
    num_negatives: in addition to the target; None for 9, or as in the file.
    file: a retriever's lists or scores, or the user's own lists.
    among: the retriever's first items to choose from; None for num_negatives.

  Raises:
    InputError: the name is unknown, or the settings do not fit together.
  """

  name: str = "uniform"
  num_negatives: int | None = None
  file: str | Path | None = None
  among: int | None = None

  def __post_init__(self):
    if self.name not in KINDS:
      raise unknown("kind of candidates", self.name, KINDS)
    for setting, value in (
      ("num_negatives", self.num_negatives),
      ("among", self.among),
    ):
      if value is not None and value < 1:
        raise InputError(f"{setting} is {value}: expected at least 1")
    takes = KINDS[self.name].takes
    for setting in ("num_negatives", "file", "among"):
      if getattr(self, setting) is not None and setting not in takes:
        raise InputError(
          f"candidates {self.name!r} do not take {_FLAGS[setting]}: only "
          f"{' and '.join(n for n, k in KINDS.items() if setting in k.takes)} "
          "do"
        )
    if "file" in takes and self.file is None:
      raise InputError(
        f"candidates {self.name!r} need {_FLAGS['file']}, "
        f"{' or '.join(KINDS[self.name].suffixes)}"
      )
    if (
      self.file is not None
      and Path(self.file).suffix not in KINDS[self.name].suffixes
    ):
      raise unknown(
        f"kind of file: {self.file}:",
        Path(self.file).suffix,
        KINDS[self.name].suffixes,
      )
    if self.among is not None and self.among < self.negatives:
      raise InputError(
        f"among is {self.among}: expected at least num_negatives, "
        f"{self.negatives}"
      )

  @property
  def negatives(self) -> int:
    """The number of negatives in addition to the target, if drawn."""
    return NUM_NEGATIVES if self.num_negatives is None else self.num_negatives

  def options(self) -> dict[str, Any]:
    """Returns the choice as options for the manifest."""
    options = {}
    if "num_negatives" in KINDS[self.name].takes:
      options["num_negatives"] = self.negatives
    if self.name != "uniform":  # Older manifests are uniform and lack this.
      options["candidates"] = self.name
    if self.among is not None:
      options["among"] = self.among
    return options

  def inputs(self) -> dict[str, Any]:
    """Returns the fingerprint of the file, if there is one.

    Raises:
      InputError: the file does not exist.
    """
    if self.file is None:
      return {}
    if not Path(self.file).is_file():
      raise InputError(f"{self.file}: no such file")
    return {"candidates": artifacts.file_fingerprint(self.file)}

  def find(self, requests: Requests) -> Candidates:
    """Returns the candidates of requests.

    Raises:
      InputError: there are too few items, or the file cannot be used.
    """
    return KINDS[self.name].find(self, requests)


def taken(name: str) -> tuple[str, ...]:
  """Returns the settings of a kind of candidates; none if it is unknown."""
  return KINDS[name].takes if name in KINDS else ()


# Counts of the manifest: items of the same title as another one of the user's.
_REPEATED = {
  "drawn": "negatives_drawn_again_for_their_title",
  "target": "lists_with_the_target_s_title_twice",
  "had": "negatives_with_the_title_of_an_item_of_the_user",
}


def _titles(requests: Requests) -> np.ndarray | None:
  """Returns the number of each item's title, or None if all titles differ."""
  titles = requests.catalogue["title"]
  if titles.n_unique() == titles.len():
    return None
  return titles.rank("dense").to_numpy().astype(np.int64) - 1


def _of_drawn(drawn: tuple[np.ndarray, int]) -> Candidates:
  lists, again = drawn
  return Candidates(lists, counts={_REPEATED["drawn"]: again} if again else {})


def _uniform(kind: Kind, requests: Requests) -> Candidates:
  return _of_drawn(_drawn(kind, requests, None))


def _popularity(kind: Kind, requests: Requests) -> Candidates:
  counts = requests.catalogue["train_count"].to_numpy().astype(np.int64)
  return _of_drawn(_drawn(kind, requests, counts))


def _drawn(
  kind: Kind, requests: Requests, weights: np.ndarray | None
) -> tuple[np.ndarray, int]:
  return draw.draw(
    requests.rng,
    requests.users,
    requests.targets,
    requests.interactions,
    requests.catalogue.height,
    kind.negatives,
    weights,
    _titles(requests),
  )


def _hard(kind: Kind, requests: Requests) -> Candidates:
  num_items = requests.catalogue.height
  among = kind.negatives if kind.among is None else kind.among
  if Path(kind.file).suffix == files.MATRIX:
    scores = files.Scores(kind.file, len(requests.user_ids), num_items)
    met = draw.Met(requests.interactions, num_items, _titles(requests))
    ranked = scores.lists(requests.users, met, among)
  else:
    ranked = _table(kind, requests).lists(requests.split, requests.users)
  found = draw.hardest(
    requests.rng,
    requests.users,
    requests.targets,
    requests.interactions,
    num_items,
    kind.negatives,
    ranked,
    among,
    _titles(requests),
  )
  return _of_drawn(found)


def _file(kind: Kind, requests: Requests) -> Candidates:
  table = _table(kind, requests)
  listed = table.lists(requests.split, requests.users)
  rows = np.repeat(np.arange(requests.users.size), np.diff(listed.offsets))
  is_target = listed.codes == requests.targets[rows]
  _check_among(listed, rows[is_target], requests.targets, requests, "target")
  others = ~is_target
  relevant = None
  if table.has_relevant:
    relevant = table.lists(requests.split, requests.users, "relevant")
    others &= ~_check_relevant(listed, relevant, requests)
  met = draw.Met(requests.interactions, requests.catalogue.height)
  had = met(requests.users[rows[others]], listed.codes[others])
  repeated = _repeated_titles(requests, rows[others], listed.codes[others])
  return Candidates(
    listed.rows(),
    None if relevant is None else relevant.rows(),
    {
      "lines_of_other_users": (
        table.count(requests.split) - requests.users.size
      ),
      "irrelevant_but_met": int(had.sum()),
      **repeated,
    },
  )


def _repeated_titles(
  requests: Requests, rows: np.ndarray, items: np.ndarray
) -> dict[str, int]:
  """Counts the negatives that no answer can tell from an item of the user.

  Args:
    requests: the requests.
    rows: [negatives], the request of each negative.
    items: [negatives], its code.
  """
  titles = _titles(requests)
  if titles is None:
    return {}
  like_target = titles[items] == titles[requests.targets[rows]]
  met = draw.Met(requests.interactions, requests.catalogue.height, titles)
  met.refuses(requests.users[rows], items)
  counts = {
    _REPEATED["target"]: np.unique(rows[like_target]).size,
    _REPEATED["had"]: met.editions,
  }
  return {name: count for name, count in counts.items() if count}


def _table(kind: Kind, requests: Requests) -> files.Table:
  return files.Table(
    kind.file, requests.user_ids, requests.catalogue["item_id"]
  )


def _check_relevant(
  listed: files.Lists,
  relevant: files.Lists,
  requests: Requests,
) -> np.ndarray:
  """Returns which of the listed items are relevant, bool [values].

  Raises:
    InputError: a relevant item is not listed, or a target is not relevant.
  """
  num_items = requests.catalogue.height
  n = requests.users.size
  rows = np.repeat(np.arange(n), np.diff(relevant.offsets))
  is_target = relevant.codes == requests.targets[rows]
  _check_among(
    relevant, rows[is_target], requests.targets, requests, "relevant: target"
  )
  keys = rows * num_items + relevant.codes
  all_keys = (
    np.repeat(np.arange(n), np.diff(listed.offsets)) * num_items + listed.codes
  )
  absent = ~np.isin(keys, all_keys)
  if absent.any():
    at = int(absent.argmax())
    item = requests.catalogue["item_id"][int(relevant.codes[at])]
    raise InputError(
      f"{relevant.where(rows[at])}: relevant: item {item!r} is not among items"
    )
  return np.isin(all_keys, keys)


def _check_among(
  lists: files.Lists,
  found: np.ndarray,
  targets: np.ndarray,
  requests: Requests,
  what: str,
) -> None:
  """Raises InputError if a list lacks its target."""
  without = np.bincount(found, minlength=targets.size) == 0
  if without.any():
    row = int(without.argmax())
    ids = requests.catalogue["item_id"]
    listed = lists.codes[lists.offsets[row] : lists.offsets[row + 1]]
    raise InputError(
      f"{lists.where(row)}: {what} {ids[int(targets[row])]!r} of user_id "
      f"{requests.user_ids[int(requests.users[row])]!r}, {requests.split}, is "
      f"not among the {len(listed)} items {ids[listed[:5]].to_list()}"
      f"{' …' if len(listed) > 5 else ''} ({int(without.sum())} of "
      f"{targets.size} lists lack their target)"
    )


@dataclasses.dataclass(frozen=True)
class _Finder:
  """A way to find candidates, and the settings that it takes."""

  find: Callable[[Kind, Requests], Candidates]
  takes: tuple[str, ...]
  suffixes: tuple[str, ...] = ()


_DRAWN_FILES = (*files.TABLES, files.MATRIX)
KINDS: dict[str, _Finder] = {
  "uniform": _Finder(_uniform, ("num_negatives",)),
  "popularity": _Finder(_popularity, ("num_negatives",)),
  "hard": _Finder(_hard, ("num_negatives", "file", "among"), _DRAWN_FILES),
  "file": _Finder(_file, ("file",), files.TABLES),
}
_FLAGS = {
  "num_negatives": "num_negatives",
  "file": "candidates_file",
  "among": "among",
}
