"""Interests without a model: how liked items differ from disliked ones.

Liked items vote like those of a history for a preference. Labels that mostly
disliked items have are what the user cares less for. Reviews show what the user
values and dislikes; hours show how much time the user spends.
"""

import numpy as np
import polars as pl

from instructrec_jax.teacher.checks import cleaning, validate
from instructrec_jax.teacher.protocol import INSTANCE, ORDERED
from instructrec_jax.teacher.rules import wording
from instructrec_jax.teacher.rules.facts import opinions, votes
from instructrec_jax.teacher.rules.lexicon import things

_MAIN = {
  ("kinds", "brand"): (
    "The user enjoys {kinds}, above all from {brand}",
    "The interests of the user lie in {kinds}, and {brand} is a name that the "
    "user returns to",
    "The user is drawn to {kinds} and trusts {brand}",
    "What interests the user most is {kinds}, and the user likes what comes "
    "from {brand}",
  ),
  ("kinds",): (
    "The user is above all interested in {kinds}",
    "The interests of the user lie in {kinds}",
    "The user is drawn to {kinds} more than to anything else",
    "What interests the user most is {kinds}",
  ),
  ("brand",): (
    "The user likes what comes from {brand} and tends to stay with it",
    "The user follows {brand} and returns to that name again and again",
    "For the user, {brand} is a name to rely on",
  ),
  ("series",): (
    "The user follows the {series} series and wants more of it",
    "The user likes to stay with the {series} series",
  ),
  ("topic",): (
    "The user often picks {many} that have to do with {topic}",
    "The user returns to {topic} again and again",
  ),
  ("latest",): (
    "The user has lately taken an interest in {latest}",
    "The user has shown an interest in {latest}",
  ),
  ("values",): (
    "What the user looks for first of all is {values}",
    "The user cares above all for {values}",
  ),
}
_FURTHER = {
  "values_too": (
    "The user values {values_too}",
    "In reviews, the user praises {values_too}",
    "What the user looks for is {values_too}",
    "The reviews show how much the user cares for {values_too}",
  ),
  "less": (
    "The user cares less for {less}",
    "On the other hand, the user rarely enjoys {less}",
    "The user has been less happy with {less}",
    "For {less}, the user has little liking",
  ),
  "flaws": (
    "The user is put off by {flaws}",
    "What disappoints the user is {flaws}",
    "The user has little patience with {flaws}",
  ),
  "played": (
    "The user has spent about {played} hours on them",
    "With about {played} hours in all, the user gives them much time",
    "About {played} hours have gone into them so far",
  ),
  "lately": (
    "Lately the user has turned to {lately}",
    "The latest choices lean towards {lately}",
  ),
  "series_too": (
    "The user follows the {series_too} series",
    "The {series_too} series is one that the user returns to",
  ),
  "brands": (
    "Among the names that the user likes are {brands}",
    "Names that the user has liked are {brands}",
  ),
  "pleased": (
    "So far, hardly anything has disappointed the user",
    "The user chooses well and has been content with nearly everything",
    "Disappointments have been rare for the user up to now",
  ),
  "judges": (
    "Most of what the user tries is to the user's liking, so that a low rating "
    "is rare",
    "The user is easily pleased and rarely rates something low",
  ),
  "strict": (
    "The user is a strict judge, who turns down much of what is tried",
    "The user is hard to please and often rates low",
  ),
  "mixed": (
    "The user likes some {many} of a kind much better than others",
    "The user is neither easy nor hard to please, and picks what to like",
  ),
}
_MOST_FURTHER = 2
# The user cares less for a label if its share among disliked items is this many
# times its share among liked ones.
_RATHER = 2
# A user with at least the first share of liked items is easy to please, and
# with at most the second hard to please.
_EASY, _HARD = 0.75, 0.4
_SEVERAL = 4
_NAMES = ("brand", "brands", "series", "series_too", "topic")
_WHOLE_NAME = r"(?:^|\s)[\p{Lu}\d]\S*$"
_PLAYED = 20


def write(requests: pl.DataFrame, drawn: np.ndarray) -> pl.DataFrame:
  """Returns the interests of each user.

  Args:
    requests: requests of the kind `protocol.INTEREST`.
    drawn: uint32 [requests], selects the wording.

  Returns:
    INSTANCE and `interests`, null if the items share nothing.
  """
  facts = _facts(requests).with_columns(drawn=pl.Series(drawn, dtype=pl.UInt32))
  text = wording.compose(_MAIN, _FURTHER, _MOST_FURTHER)
  return facts.select(INSTANCE, interests=text)


def _facts(requests: pl.DataFrame) -> pl.DataFrame:
  """Returns the slots of the phrasings; a slot without a value is null."""
  facts = requests.select(
    INSTANCE,
    many=things.words(requests)["many"],
    thing=things.column(requests),
  )
  ordered = ORDERED not in requests.columns
  for frame in _found(_items(requests), ordered):
    facts = facts.join(frame, INSTANCE, "left", maintain_order="left")
  slots = {slot for needed in _MAIN for slot in needed} | set(_FURTHER)
  slots |= {"label", "second", "third"}
  facts = facts.with_columns(
    pl.lit(None, pl.String).alias(slot)
    for slot in slots
    if slot not in facts.columns
  )
  labels = ("label", "second", "third", "latest", "lately", "less")
  facts = facts.with_columns(cleaning.lower(pl.col(c)) for c in labels)
  facts = _in_words(_without_titles(facts, requests, (*labels, *_NAMES)))
  named = pl.coalesce("kinds", "brand", "series", "topic", "latest")
  return facts.with_columns(
    values_too=pl.when(named.is_not_null()).then("values")
  )


def _found(items: pl.DataFrame, ordered: bool) -> list[pl.DataFrame]:
  """Returns tables of the slots found in each user's items."""
  if "categories" in items.columns:
    no_kind = pl.element().str.contains(cleaning.NO_KIND)
    items = items.with_columns(pl.col("categories").list.filter(~no_kind))
  liked = items.filter(pl.col("liked"))
  disliked = items.filter(~pl.col("liked"))
  told = [c for c in ("title", "categories", "brand") if c in items.columns]
  histories = liked.group_by(INSTANCE, maintain_order=True).agg(told)
  shared = votes.shared(histories, ordered)
  third = _third(liked, shared)
  named = shared.join(third, INSTANCE, "left", maintain_order="left")
  found = [shared, third, _less(items, named), _manner(items)]
  if "hours" in items.columns:
    found.append(_played(items))
  if "review" in items.columns:
    found += [
      opinions.named(opinions.praised(liked), 2, "values"),
      opinions.named(opinions.regretted(disliked), 2, "flaws"),
    ]
  return found


def _in_words(facts: pl.DataFrame) -> pl.DataFrame:
  """Writes labels as kinds of the thing, and drops values that are no names."""
  kinds = pl.concat_list("label", "second", "third").list.drop_nulls()
  said_already = kinds.list.contains(pl.col("lately"))
  is_less = ~pl.col("lately").ne_missing(pl.col("less"))
  return facts.with_columns(
    kinds=things.kinds(cleaning.joined(kinds)),
    latest=things.kinds(pl.col("latest")),
    lately=pl.when(~said_already & ~is_less).then(
      things.kinds(pl.col("lately"))
    ),
    less=things.kinds(pl.col("less")),
    # A value that breaks off within a name is dropped.
    **{
      c: pl.when(pl.col(c).str.contains(_WHOLE_NAME)).then(c)
      for c in ("series", "series_too")
    },
  )


def _items(requests: pl.DataFrame) -> pl.DataFrame:
  """Returns a row per item; all items are liked if nothing says which."""
  lists = [c for c in requests.columns if requests.schema[c].is_nested()]
  items = (
    requests.select(INSTANCE, things.column(requests).alias("thing"), *lists)
    .filter(pl.col("title").list.len() > 0)
    .explode(lists)
  )
  if "liked" not in lists:
    return items.with_columns(liked=pl.lit(True), known=pl.lit(False))
  known = pl.col("liked").is_not_null().any().over(INSTANCE)
  return items.with_columns(
    liked=pl.when(known).then("liked").otherwise(True), known=known
  ).drop_nulls("liked")


def _shares(items: pl.DataFrame) -> pl.DataFrame:
  """Returns INSTANCE, `label`, its `number` and `share` of the items."""
  whole = pl.len().over(INSTANCE)
  return (
    items.with_row_index("row")
    .select(INSTANCE, "row", whole.alias("whole"), label="categories")
    .explode("label")
    .drop_nulls("label")
    .unique(maintain_order=True)
    .group_by(INSTANCE, "label", maintain_order=True)
    .agg(number=pl.len(), share=pl.len() / pl.col("whole").first())
  )


def _third(liked: pl.DataFrame, shared: pl.DataFrame) -> pl.DataFrame:
  """Returns `third`: a further label that many liked items have."""
  if "categories" not in liked.columns:
    return liked.select(INSTANCE).unique().clear()
  others = _shares(liked).join(shared, INSTANCE, suffix="_named")
  for taken in ("label_named", "second"):
    same = pl.col("label").str.contains(pl.col(taken), literal=True) | pl.col(
      taken
    ).str.contains(pl.col("label"), literal=True)
    others = others.filter(~same.fill_null(False))
  return (
    others.filter((pl.col("number") >= 2) & (pl.col("share") >= 0.3))
    .sort(
      INSTANCE, "number", "label", descending=[False, True, False]
    )
    .unique(INSTANCE, keep="first", maintain_order=True)
    .select(INSTANCE, third="label")
  )  # fmt: skip


def _less(items: pl.DataFrame, named: pl.DataFrame) -> pl.DataFrame:
  """Returns `less`: the label most typical of disliked items."""
  if "categories" not in items.columns:
    return items.select(INSTANCE).unique().clear()
  liked = _shares(items.filter(pl.col("liked")))
  disliked = _shares(items.filter(~pl.col("liked")))
  compared = disliked.join(
    liked, [INSTANCE, "label"], "left", suffix="_liked"
  ).join(
    named.select(INSTANCE, "label", "second", "third"),
    INSTANCE,
    "left",
    suffix="_named",
  )
  share = pl.col("share_liked").fill_null(0)
  liked_too = pl.any_horizontal(
    pl.col(c).str.contains(pl.col("label"), literal=True).fill_null(False)
    for c in ("label_named", "second", "third")
  )
  return (
    compared.filter((pl.col("share") > _RATHER * share) & ~liked_too)
    .with_columns(lead=pl.col("share") - share)
    .sort(INSTANCE, "lead", "label", descending=[False, True, False])
    .unique(INSTANCE, keep="first", maintain_order=True)
    .select(INSTANCE, less="label")
  )


def _manner(items: pl.DataFrame) -> pl.DataFrame:
  """Returns one of `pleased`, `judges`, `strict`, `mixed`."""
  counts = items.group_by(INSTANCE, maintain_order=True).agg(
    share=pl.col("liked").mean(), number=pl.len(), known=pl.col("known").all()
  )
  share = pl.col("share")
  several = pl.col("number") >= _SEVERAL
  both = several & (share < 1)
  known = pl.col("known")
  return counts.select(
    INSTANCE,
    pleased=pl.when(known & (share == 1)).then(pl.lit("")),
    judges=pl.when(both & (share >= _EASY)).then(pl.lit("")),
    strict=pl.when(both & (share <= _HARD)).then(pl.lit("")),
    mixed=pl.when(both & (share > _HARD) & (share < _EASY)).then(pl.lit("")),
  )


def _played(items: pl.DataFrame) -> pl.DataFrame:
  """Returns `played`: the hours spent on liked items, in round numbers."""
  hours = pl.col("hours").filter("liked").sum()
  counts = items.group_by(INSTANCE, maintain_order=True).agg(hours=hours)
  step = pl.when(pl.col("hours") < 100).then(10).otherwise(100)
  rounded = ((pl.col("hours") / step).floor() * step).cast(pl.Int64)
  return counts.select(
    INSTANCE,
    played=pl.when(pl.col("hours") >= _PLAYED).then(rounded.cast(pl.String)),
  )


def _without_titles(
  facts: pl.DataFrame, requests: pl.DataFrame, slots: tuple[str, ...]
) -> pl.DataFrame:
  """Replaces values that contain a title of the items by null."""
  titles = requests.select(INSTANCE, titles="title")
  for slot in slots:
    rows = facts.select(INSTANCE, text=slot).join(
      titles, INSTANCE, "left", maintain_order="left"
    )
    named = validate.named(rows.with_columns(pl.col("text").fill_null("")))
    facts = facts.with_columns(pl.when(~named).then(pl.col(slot)).alias(slot))
  return facts
