"""Chooses the targets to annotate and makes a teacher's requests for them."""

import dataclasses
import functools
from collections.abc import Iterator

import numpy as np
import polars as pl

from instructrec_jax import schema
from instructrec_jax.data import ragged, splits
from instructrec_jax.data.names import generator
from instructrec_jax.errors import InputError
from instructrec_jax.teacher.checks import cleaning, injected, personal
from instructrec_jax.teacher.protocol import INSTANCE, ORDERED, PREFERENCE, Kind

# The number of history items that InstructRec shows.
HISTORY = 20
# The number of instances in memory with their histories at a time.
_BATCH = 20_000
# A review's texts in the order in which they are joined.
_TEXTS = ("summary", "review")


@dataclasses.dataclass(frozen=True)
class Chosen:
  """Instances to annotate, and the tables of which they are rows.

  Attributes:
    frame: INSTANCE, user, position, split, `row` (of the target) and `first`
      (the user's first row) of the interactions; by user, then position.
    interactions: see schema.INTERACTIONS; without texts.
    written: the texts of the targets, one row for each instance.
    items: see schema.ITEMS, with labels cleaned by `cleaning.labels`.
    ordered: whether the data have an order in time.
  """

  frame: pl.DataFrame
  interactions: pl.DataFrame
  written: pl.DataFrame
  items: pl.DataFrame
  ordered: bool = True

  def __len__(self) -> int:
    return self.frame.height

  @property
  def keys(self) -> pl.DataFrame:
    """The columns that identify an instance in any choice, see `Extractive`."""
    return self.frame.select(INSTANCE, "user", "position")

  def preference_requests(self) -> Iterator[pl.DataFrame]:
    """Yields requests of the kind PREFERENCE, which contain only histories."""
    for batch in self.frame.iter_slices(_BATCH):
      yield self.histories(batch)

  def histories(self, batch: pl.DataFrame) -> pl.DataFrame:
    """Returns the newest HISTORY items before each target, oldest first.

    Args:
      batch: rows of `frame`.

    Returns:
      INSTANCE, and lists of the items' known fields.
    """
    row, first = batch["row"].to_numpy(), batch["first"].to_numpy()
    length = np.minimum(row - first, HISTORY)
    which = np.repeat(np.arange(batch.height), length)
    rows = (row - length)[which] + ragged.places(which, batch.height)
    met = self.interactions[rows]
    told = [c for c in PREFERENCE.inputs if c in self._told]
    flat = pl.DataFrame([batch[INSTANCE].gather(which)]).hstack(
      met.hstack(self.items[met["item"]].drop("item")).select(told)
    )
    requests = flat.group_by(INSTANCE, maintain_order=True).agg(
      pl.exclude(INSTANCE)
    )
    if self.ordered:
      return requests
    return requests.with_columns(pl.lit(False).alias(ORDERED))

  def intention_requests(self) -> Iterator[pl.DataFrame]:
    """Yields requests of the kind INTENTION for targets with a review.

    Personal data and orders to a model are removed.
    """
    labels = "categories" in self.items.columns
    for batch in self.frame.iter_slices(_BATCH):
      requests = batch.select(INSTANCE).with_columns(self.told(batch[INSTANCE]))
      if labels:
        requests = requests.with_columns(
          self.target_items["categories"].gather(batch[INSTANCE])
        )
      yield requests.filter(pl.col("review").str.len_chars() > 0)

  def requests(self, kind: Kind) -> Iterator[pl.DataFrame]:
    """Yields the requests of a kind."""
    if kind is PREFERENCE:
      return self.preference_requests()
    return self.intention_requests()

  def told(self, instance: pl.Series) -> pl.Series:
    """Returns the targets' reviews as a teacher sees them."""
    if self._harmless is None:
      raise ValueError("there are no reviews")
    return self._harmless.gather(instance)

  @functools.cached_property
  def _harmless(self) -> pl.Series | None:
    """The reviews without personal data and without orders to a model."""
    if self.reviews is None:
      return None
    said = injected.clean(personal.mask(pl.col("review")))
    return self.reviews.to_frame().select(said)["review"]

  def beside(self, field: str, texts: pl.DataFrame) -> pl.DataFrame:
    """Returns texts with the columns that validators compare them with.

    Args:
      field: a column of schema.ANNOTATIONS.
      texts: INSTANCE and more.
    """
    if not schema.ANNOTATIONS[field].looks_at_target:
      met = self.histories(self.frame[texts[INSTANCE]])
      return texts.with_columns(met["title"].alias("titles"))
    titles = self.target_items.select(titles=pl.concat_list("title"))
    texts = texts.hstack(titles[texts[INSTANCE]])
    if field.startswith("vague") and texts.height:
      texts = texts.with_columns(self.told(texts[INSTANCE]))
    return texts

  def informed(self, field: str, texts: pl.DataFrame) -> pl.DataFrame:
    """Returns texts with `information` (the writer's input) and `target`.

    Args:
      field: a field that a teacher writes.
      texts: INSTANCE and more.
    """
    words = [c for c in ("title", "categories", "brand") if c in
             self.items.columns]  # fmt: skip
    lists = [
      pl.col(c).list.eval(pl.element().list.join(", "))
      if c == "categories"
      else pl.col(c)
      for c in words
    ]
    if schema.ANNOTATIONS[field].looks_at_target:
      information = self.told(texts[INSTANCE]).alias("information")
    else:
      met = self.histories(self.frame[texts[INSTANCE]])
      information = met.select(
        information=pl.concat_str(
          (c.list.join("; ", ignore_nulls=True) for c in lists), separator="; "
        )
      )["information"]
    target = self.target_items[texts[INSTANCE]].select(
      target=pl.concat_str(
        (
          pl.col(c).list.join(", ") if c == "categories" else pl.col(c)
          for c in words
        ),
        separator="; ",
        ignore_nulls=True,
      )
    )
    return texts.with_columns(information, target["target"])

  @functools.cached_property
  def reviews(self) -> pl.Series | None:
    """Each target's headline and review, joined; None without reviews.

    The value is null if there is neither. Personal data is not removed.
    """
    if "review" not in self.written.columns:
      return None
    # The headline gets a full stop, or the text would continue its sentence.
    parts = [
      pl.col(c)
      .str.strip_chars()
      .str.replace(r"^(.*[^.!?])$", "$1.")
      .replace("", None)
      for c in self.written.columns
    ]
    return self.written.select(
      cleaning.plain(
        pl.concat_str(parts, separator=" ", ignore_nulls=True)
      ).alias("review")
    )["review"].replace("", None)

  @functools.cached_property
  def target_items(self) -> pl.DataFrame:
    """The row of the items table for each instance's target, in order."""
    return self.items[self.interactions["item"].gather(self.frame["row"])]

  @property
  def _told(self) -> set[str]:
    return {*self.items.columns, *self.interactions.columns}


def choose(
  interactions: pl.LazyFrame | pl.DataFrame,
  items: pl.DataFrame,
  per_user: int,
  num_users: int | None,
  rng: np.random.Generator,
  ordered: bool = True,
) -> Chosen:
  """Returns each user's test and validation target, and some training ones.

  Args:
    interactions: see schema.INTERACTIONS. If the table is on disk, only the
      texts of targets are loaded.
    items: see schema.ITEMS.
    per_user: the most training targets of a user; those with the longest
      histories are taken.
    num_users: how many users are drawn, uniformly; None for all.
    rng: draws the users.
    ordered: whether the data have an order in time.

  Raises:
    InputError: an option is out of range, or there is nothing to annotate.
  """
  if per_user < 0:
    raise InputError(f"per_user is {per_user}: expected 0 or more")
  table = interactions.lazy()
  texts = [c for c in _TEXTS if c in table.collect_schema()]
  interactions = table.drop(texts).collect()
  frame = _targets(interactions, per_user)
  if num_users is not None:
    users = np.unique(interactions["user"].to_numpy())
    if not 1 <= num_users <= users.size:
      raise InputError(
        f"num_users is {num_users}: expected 1 to {users.size}, the users found"
      )
    drawn = rng.choice(users, num_users, replace=False)
    frame = frame.filter(pl.col("user").is_in(drawn.tolist()))
  if frame.is_empty():
    raise InputError(
      f"no user has the {splits.MIN_INTERACTIONS} interactions that an "
      "instance needs"
    )
  if "categories" in items.columns:
    items = items.with_columns(cleaning.labels(items["categories"]))
  written = _rows_of(table.select(texts), frame["row"])
  return Chosen(
    frame.with_row_index(INSTANCE), interactions, written, items, ordered
  )


def _targets(interactions: pl.DataFrame, per_user: int) -> pl.DataFrame:
  """Returns `Chosen.frame` of all users' targets.

  Args:
    interactions: see schema.INTERACTIONS.
    per_user: the most training targets of a user.
  """
  user = interactions["user"].to_numpy()
  names, parts = [], []
  for name, part in splits.by_user(interactions).items():
    if name == "train":
      of = user[part.target]
      place = ragged.places(of, int(user.max()) + 1)
      part = part[np.bincount(of)[of] - place <= per_user]
    names.append(np.full(len(part), name))
    parts.append(part)
  row = np.concatenate([part.target for part in parts])
  first = np.concatenate([part.first for part in parts])
  return pl.DataFrame(
    {
      "user": user[row].astype(np.uint32),
      "position": (row - first).astype(np.uint32),
      "split": np.concatenate(names),
      "row": row,
      "first": first,
    }
  ).sort("user", "position")


def _rows_of(table: pl.LazyFrame, rows: pl.Series) -> pl.DataFrame:
  """Returns some rows, in ascending order, of a table on disk."""
  wanted = rows.to_frame().lazy().cast(pl.get_index_type())
  return (
    table.with_row_index("row")
    .join(wanted, "row", "semi")
    .collect(engine="streaming")
    .sort("row")
    .drop("row")
  )


def drawing(seed: int, dataset: str) -> np.random.Generator:
  """Returns the random generator that draws users."""
  return generator(seed, dataset, "annotate", "users")


# The table and column that each field needs, and the reason if it is missing.
_NEEDS = {
  "preference": ("items", "title", "no titles in the dataset"),
  "vague_intention": ("written", "review", "no reviews in the dataset"),
  "vague_intention_2": ("written", "review", "no reviews in the dataset"),
  "specific_intention": ("items", "categories", "no categories in the dataset"),
}


def never(chosen: Chosen, field: str) -> str | None:
  """Returns why no instance can have a field, or None if some can."""
  table, column, reason = _NEEDS[field]
  return None if column in getattr(chosen, table).columns else reason
