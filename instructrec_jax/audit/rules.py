"""Rules that rank candidates without looking at any preference.

A rule is a row of `RULES`. To add one, write a function of `Facts` that returns
the scores of the candidates, and say what it looks at and what to do about it.

Dimension letters: B requests, C candidates, I items.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import polars as pl

from instructrec_jax import schema
from instructrec_jax.audit.facts import Facts, is_in

# The scores of candidates, float64 [B, C], greater is better. A row of NaN is a
# request that the rule cannot be asked on. None if it can be asked on none.
Score = Callable[[Facts], np.ndarray | None]
# A number of each item, [I].
Places = Callable[[Facts], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Rule:
  """A rule that knows nothing of what a user likes.

  Attributes:
    score: ranks the candidates.
    looks_at: what it looks at, in a few words.
    seen: whether a model that reads titles sees what the rule looks at.
    remedy: what to do if the rule is a leak, a key of `REMEDIES`. None for a
      rule that is no leak however high it ranks, because a user's taste shows
      in what it looks at.
  """

  score: Score
  looks_at: str
  seen: bool
  remedy: str | None


REMEDIES: Mapping[str, str] = {
  "order": "Ids or rows tell what came when. Do not give them to a model. If "
  "events tie in time, normalize again, so that ties are drawn by seed.",
  "position": "The place in the list tells the target. Build again, or shuffle "
  "the lists of your own candidates file.",
  "title": "The form of titles tells the target. Draw negatives with "
  "`--candidates popularity`, and report this rule beside a model.",
  "edition": "Editions of one thing have one title. Merge items with the same "
  "title before `normalize`, or report requests without them.",
  "lacks": "Negatives are told by what they lack. Draw them with `--candidates "
  "popularity`, and do not give this field to a model.",
  "popularity": "Targets are taken less often than negatives. Normalize with a "
  "larger `--k_core`, or draw negatives with `--candidates uniform`.",
  "intention": "The text names the target. Compare models on this text only "
  "with each other, or annotate again with a teacher that does not repeat "
  "titles.",
}


def _at(value_I: Places, sign: int = 1) -> Score:
  """Returns a rule of one number for each item."""
  return lambda facts: sign * value_I(facts)[facts.items].astype(np.float64)


def _from_last(
  places_I: Places,
  distance: Callable[[np.ndarray, int], np.ndarray],
) -> Score:
  """Returns a rule of the way from the newest item to each candidate."""

  def score(facts: Facts) -> np.ndarray | None:
    there = facts.last >= 0
    if not there.any():
      return None
    place_I = places_I(facts)
    way = place_I[facts.items] - place_I[facts.last][:, None]
    return -distance(way, place_I.size) * there[:, None].astype(np.float64)

  return score


def _next(way: np.ndarray, count: int) -> np.ndarray:
  # After the highest place comes the lowest.
  return way % count


def _previous(way: np.ndarray, count: int) -> np.ndarray:
  return -way % count


def _either(way: np.ndarray, count: int) -> np.ndarray:
  del count
  return np.abs(way)


def _nearest_to_any(places_I: Places) -> Score:
  """Returns a rule of the way from the nearest item of the history."""

  def score(facts: Facts) -> np.ndarray | None:
    if not facts.history_rows.size:
      return None
    place_I = places_I(facts)
    stride = 4 * place_I.size
    had = facts.history_rows * stride + place_I[facts.requests.history]
    # Half-way between requests is farther away than any item of one's own.
    rows = np.arange(len(facts.requests) + 1) * stride
    had = np.sort(np.concatenate([had, rows - stride // 2]))
    asked = rows[:-1, None] + place_I[facts.items]
    after = np.searchsorted(had, asked)
    way = np.minimum(had[after] - asked, asked - had[after - 1])
    return -way * (facts.last[:, None] >= 0).astype(np.float64)

  return score


def _column(facts: Facts, sign: int) -> np.ndarray:
  places = sign * np.arange(facts.items.shape[1], dtype=np.float64)
  return np.broadcast_to(places, facts.items.shape)


def _length(facts: Facts) -> np.ndarray:
  return facts.catalogue["title"].str.len_chars().to_numpy()


def _rarity(facts: Facts) -> np.ndarray:
  """Returns the mean of -log(share of titles with the word), float64 [I]."""
  count = facts.vocabulary["count"].to_numpy()
  words = facts.title_words
  rows = np.repeat(np.arange(words.counts.size), words.counts)
  rare = np.log(facts.catalogue.height / count)[words.codes]
  sums = np.bincount(rows, rare, minlength=words.counts.size)
  return sums / np.maximum(words.counts, 1)


def popularity(facts: Facts) -> np.ndarray:
  """Ranks by the times taken in training, which rules are held against."""
  count_I = facts.catalogue["train_count"].to_numpy().astype(np.float64)
  return count_I[facts.items]


def _has(field: str, sign: int, facts: Facts) -> np.ndarray | None:
  """Ranks items with (or without) a value; None if all are alike."""
  if field not in facts.catalogue.columns:
    return None
  value = pl.col(field)
  if facts.catalogue.schema[field] == pl.List(pl.String):
    there = value.list.len() > 0
  elif facts.catalogue.schema[field] == pl.String:
    there = value != ""
  else:
    there = value.is_not_null()
  has_I = facts.catalogue.select(there.fill_null(False)).to_series().to_numpy()
  return None if has_I.all() else sign * has_I[facts.items].astype(np.float64)


def _labels(sign: int, facts: Facts) -> np.ndarray | None:
  if "categories" not in facts.catalogue.columns:
    return None
  count_I = facts.catalogue["categories"].list.len().fill_null(0).to_numpy()
  return sign * count_I[facts.items].astype(np.float64)


def twice(facts: Facts) -> np.ndarray:
  """Returns where the title stands twice among the candidates: bool [B, C]."""
  titles = np.where(facts.mask, facts.titles[facts.items], 0)
  order = np.sort(titles, axis=1)
  same = (order[:, 1:] == order[:, :-1]) & (order[:, 1:] > 0)
  rows, columns = np.nonzero(same)
  stride = int(facts.titles.max(initial=0)) + 1
  keys = np.unique(rows * stride + order[rows, columns])
  every = np.arange(len(titles))[:, None] * stride + titles
  return is_in(every, keys) & facts.mask


def had(facts: Facts) -> np.ndarray:
  """Returns where the title is that of a history item: bool [B, C]."""
  stride = int(facts.titles.max(initial=0)) + 1
  titles = facts.titles[facts.requests.history]
  keys = np.unique(facts.history_rows * stride + titles)
  rows = np.arange(len(facts.items))[:, None] * stride
  return is_in(rows + facts.titles[facts.items], keys) & facts.mask


def _edition(
  of: Callable[[Facts], np.ndarray], facts: Facts
) -> np.ndarray | None:
  marked = of(facts)
  return marked.astype(np.float64) if marked.any() else None


def _words_of_history(facts: Facts) -> np.ndarray | None:
  if not facts.history_rows.size:
    return None
  at, words = facts.title_words.of(facts.requests.history)
  return facts.share_of_title(facts.history_rows[at], words)


def words_of_text(name: str, facts: Facts) -> np.ndarray | None:
  """Returns the share of each title's words that a text has.

  Args:
    name: the text, a feature of records.
    facts: the requests.

  Returns:
    float64 [B, C], NaN where a request has no such text; None if none has.
  """
  texts = facts.texts.get(name)
  there = None if texts is None else (texts != "").to_numpy()
  if texts is None or there is None or not there.any():
    return None
  words = facts.words(texts)
  scores = facts.share_of_title(*words.of(np.arange(len(texts))))
  return np.where(there[:, None], scores, np.nan)


def _ids(facts: Facts) -> np.ndarray:
  return facts.id_places


def _rows(facts: Facts) -> np.ndarray:
  return np.arange(facts.catalogue.height)


def _if_not_ids(score: Score) -> Score:
  """Returns a rule of rows, which are not asked again if they follow ids."""

  def asked(facts: Facts) -> np.ndarray | None:
    same = np.array_equal(facts.id_places, _rows(facts))
    return None if same else score(facts)

  return asked


# Orders of the items, each with what its rules look at.
_ORDERS = {"id": (_ids, "ids"), "row": (_rows, "rows of the items table")}


def _of_orders() -> Iterator[tuple[str, Rule]]:
  for name, (places, what) in _ORDERS.items():

    def rule(
      score: Score, looks_at: str, places: Places = places, what: str = what
    ) -> Rule:
      asked = _if_not_ids(score) if places is _rows else score
      return Rule(asked, looks_at.format(what), False, "order")

    yield (
      f"next {name}",
      rule(_from_last(places, _next), "{}, from the last item upwards"),
    )
    yield (
      f"previous {name}",
      rule(_from_last(places, _previous), "{}, from the last item downwards"),
    )
    yield (
      f"nearest {name}",
      rule(_from_last(places, _either), "{}, from the last item either way"),
    )
    yield (
      f"nearest {name} to any item",
      rule(_nearest_to_any(places), "{}, from all items of the history"),
    )
    yield f"lowest {name}", rule(_at(places, -1), "{}")
    yield f"highest {name}", rule(_at(places), "{}")


# Fields of items that some items may lack, in words.
_FIELDS = {
  "price": "a price",
  "categories": "labels",
  "brand": "a brand",
  "description": "a description",
  "year": "a year",
}


def _of_fields() -> Iterator[tuple[str, Rule]]:
  for field, words in _FIELDS.items():
    for sign, name in ((1, f"has {words}"), (-1, f"lacks {words}")):
      score = functools.partial(_has, field, sign)
      yield name, Rule(score, f"presence of {words}", False, "lacks")
  for sign, name in ((1, "most labels"), (-1, "fewest labels")):
    score = functools.partial(_labels, sign)
    yield name, Rule(score, "number of labels", False, "lacks")


# The texts of an instruction, each with its name in the paper.
TEXTS = {
  "preference": "P2",
  "vague_intention": "I1",
  "vague_intention_2": "I1 in other words",
  "specific_intention": "I2",
}


def _of_texts() -> Iterator[tuple[str, Rule]]:
  for field, name in TEXTS.items():
    # A preference is made from the history, an intention from the target.
    taste = not schema.ANNOTATIONS[field].looks_at_target
    yield (
      f"words of {name}",
      Rule(
        functools.partial(words_of_text, field),
        f"title words in {name}",
        seen=True,
        remedy=None if taste else "intention",
      ),
    )


RULES: Mapping[str, Rule] = {
  **dict(_of_orders()),
  "first candidate": Rule(
    functools.partial(_column, sign=-1), "place in the list", True, "position"
  ),
  "last candidate": Rule(
    functools.partial(_column, sign=1), "place in the list", True, "position"
  ),
  "longest title": Rule(_at(_length), "characters of titles", True, "title"),
  "shortest title": Rule(
    _at(_length, -1), "characters of titles", True, "title"
  ),
  "rarest words": Rule(
    _at(_rarity), "titles that have the same words", True, "title"
  ),
  "commonest words": Rule(
    _at(_rarity, -1), "titles that have the same words", True, "title"
  ),
  "title stands twice": Rule(
    functools.partial(_edition, twice), "candidates of one title", True,
    "edition",
  ),
  "title of the history": Rule(
    functools.partial(_edition, had), "titles of the history", True, "edition"
  ),
  "words of the history": Rule(
    _words_of_history, "title words in the history", True, None
  ),
  **dict(_of_fields()),
  "rarest": Rule(
    lambda facts: -popularity(facts), "times taken in training", False,
    "popularity",
  ),
  **dict(_of_texts()),
}  # fmt: skip
