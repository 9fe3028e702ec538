"""Target users without a model: the groups of people that an item suits.

The groups of the tables in `groups` are found by labels, the words of title and
description, place, year and price. Reviews show what is praised, for whom the
item was bought, and on which occasion.
"""

import numpy as np
import polars as pl

from instructrec_jax.teacher.checks import cleaning, validate
from instructrec_jax.teacher.protocol import INSTANCE
from instructrec_jax.teacher.rules import wording
from instructrec_jax.teacher.rules.facts import opinions, statements
from instructrec_jax.teacher.rules.lexicon import groups, things

_MAIN = {
  ("kinds", "place", "clause"): (
    "It suits people in {place} who look for {kinds}, and above all those "
    "{clause}",
    "People in {place} who look for {kinds} should know it, those {clause} "
    "first of all",
    "This is for those who look for {kinds} in {place}, and for {people} "
    "{clause}",
  ),
  ("kinds", "place"): (
    "It suits people in {place} who look for {kinds}",
    "People in or near {place} who look for {kinds} should know it",
    "This is for those who look for {kinds} in {place}",
  ),
  ("kinds", "clause", "second"): (
    "It suits {people} who {seeking} {kinds}, those {clause}, and those "
    "{second}",
    "{People} who {seeking} {kinds} will feel at home here, and so will those "
    "{clause} or {second}",
    "This is for {people} who {seeking} {kinds}, be it those {clause} or those "
    "{second}",
    "Whoever has a liking for {kinds} is meant, and so are {people} {clause} "
    "or {second}",
  ),
  ("kinds", "clause"): (
    "It suits {people} who {seeking} {kinds}, and above all those {clause}",
    "{People} who {seeking} {kinds} will feel at home here, and so will those "
    "{clause}",
    "Whoever has a liking for {kinds} is meant, and so are {people} {clause}",
    "This is for {people} {clause}, and for whoever is out for {kinds}",
  ),
  ("kinds",): (
    "It suits {people} who {seeking} {kinds}",
    "{People} who {seeking} {kinds} will feel at home here",
    "This is for {people} with an interest in {kinds}",
  ),
  ("clause", "second"): (
    "It suits {people} {clause}, and those {second}",
    "This is for {people} {clause} or {second}",
    "{People} {clause} will want to {using} it, and so will those {second}",
  ),
  ("clause",): (
    "It suits {people} {clause}",
    "This is for {people} {clause}",
    "{People} {clause} will want to {using} it",
  ),
  ("praise",): (
    "It suits {people} who care for {praise}",
    "This is for {people} who look for {praise}",
  ),
}
_FURTHER = {
  "praise_too": (
    "Those who value {praise_too} will be pleased",
    "Reviews praise {praise_too}, which speaks to those who look for that",
    "It is a good choice for anybody who cares for {praise_too}",
  ),
  "present": (
    "It also makes a present for {present}",
    "Those who look for a present for {present} may take it, too",
    "People with a present to find for {present} should think of it",
  ),
  "recipients": (
    "It goes down well with {recipients}",
    "Reviews tell that {recipients} enjoy it",
    "It is a good choice for {recipients}, too",
  ),
  "event": (
    "Those who need a present for {event} are well served",
    "It is also for those who look for something to give for {event}",
  ),
  "likers": (
    "Whoever likes {likers} should have a look at it",
    "It is also for those who like {likers}",
  ),
  "free": (
    "As it costs nothing, it is also for those who only want to have a look",
    "It costs nothing, so that whoever is curious can begin at once",
  ),
  "cheap": (
    "Its low price suits those with a small budget",
    "Those who do not want to spend much need not hesitate",
  ),
  "brand": (
    "Those who already know and like {brand} are the first to look at it",
    "Followers of {brand} will want to {using} it as well",
    "Whoever trusts the name {brand} has one more reason",
  ),
  "decade": (
    "It is also for those who are fond of the {decade}s",
    "Whoever likes the {many} of the {decade}s finds one here",
    "Those who look back to the {decade}s with pleasure are meant as well",
  ),
  "recent": (
    "Those who like to keep up with newer {many} are meant as well",
    "It is also for those who look for {many} of recent years",
  ),
}
_MOST_FURTHER = 2
# Used if there is nothing else to say.
_LAST = {
  "city": (
    "Those who live in or near {city} have it close at hand, and visitors may "
    "want to know it as well",
    "It is within reach of everybody who lives in {city}, and of those who "
    "only pass through",
    "Neighbours in {city} are meant as much as those who come from farther "
    "away",
  ),
  "anyone": (
    "It is meant for those who know {anyone} well as much as for those who "
    "only begin to take an interest",
    "Those who come back to {anyone} time and again are meant, and so are the "
    "merely curious",
    "One need not be an expert in {anyone} to make something of it",
  ),
  "idle": (
    "Those who only look in for a moment are meant as much as those who follow "
    "such {idle} every day",
    "It also does for those who look for {idle} to pass the time with",
  ),
}
# The most labels of an item that are named, and the most words of a label.
_KINDS, _LABEL_WORDS = 2, 4
# Labels of cuisines, to which "food" is added.
_CUISINE = (
  r"^(?:[A-Z][a-z]+(?:\s[A-Z][a-z]+)*|asian fusion|latin American|middle "
  r"eastern|(?:new|traditional) American|vegetarian|vegan|halal|kosher|"
  r"gluten-free|soul|comfort)$"
)
# A word of a description is a theme if it occurs this often.
_TIMES = 2
# The least score of a group. The first _FIRST labels count twice.
_ENOUGH, _FIRST = 2, 3
_OLD, _RECENT = 2000, 2012
_CHEAP = 5
# The least share of reviews that must name a recipient, if there are many.
_SHARE = 0.05


def write(requests: pl.DataFrame, drawn: np.ndarray) -> pl.DataFrame:
  """Returns the target users of each item.

  Args:
    requests: requests of the kind `protocol.AUDIENCE`.
    drawn: uint32 [requests], selects the wording.

  Returns:
    INSTANCE and `target_users`, null if no information says whom it suits.
  """
  facts = _facts(requests).with_columns(drawn=pl.Series(drawn, dtype=pl.UInt32))
  alone = pl.all_horizontal(pl.col(slot).is_null() for slot in _FURTHER)
  facts = facts.with_columns(
    idle=pl.when(
      alone & pl.all_horizontal(pl.col("kinds", "place").is_null())
    ).then("many"),
    city=pl.when(alone).then(pl.col("place").str.replace(r",.*$", "")),
    anyone=pl.when(alone & pl.col("place").is_null()).then("kinds"),
  )
  text = wording.compose(_MAIN, _FURTHER | _LAST, _MOST_FURTHER)
  return facts.select(INSTANCE, target_users=text)


def _facts(requests: pl.DataFrame) -> pl.DataFrame:
  words = things.words(requests)
  facts = requests.select(
    INSTANCE,
    *(column.alias(name) for name, column in words.items()),
    title="title",
    **{
      name: pl.col(name) if name in requests.columns else pl.lit(None, dtype)
      for name, dtype in _PLAIN.items()
    },
  )
  facts = facts.with_columns(
    wording.sentence(pl.col("people")).alias("People"),
    brand=cleaning.brand(pl.col("brand")),
    free=pl.when(pl.col("price") == 0).then(pl.lit("")),
    cheap=pl.when((pl.col("price") > 0) & (pl.col("price") < _CHEAP)).then(
      pl.lit("")
    ),
    decade=pl.when(pl.col("year").is_between(1900, _OLD - 1)).then(
      (pl.col("year") // 10 * 10).cast(pl.String)
    ),
    recent=pl.when(pl.col("year") >= _RECENT).then(pl.lit("")),
  )
  found = [_clauses(requests)]
  if "categories" in requests.columns:
    found.append(_kinds(requests))
  if "reviews" in requests.columns:
    found += _of_reviews(requests)
  for frame in found:
    facts = facts.join(frame, INSTANCE, "left", maintain_order="left")
  slots = {slot for needed in _MAIN for slot in needed} | set(_FURTHER)
  facts = facts.with_columns(
    pl.lit(None, pl.String).alias(slot)
    for slot in slots
    if slot not in facts.columns
  )
  facts = _without_title(facts, ("kinds", "brand", "likers", "place"))
  named = pl.coalesce("kinds", "clause").is_not_null()
  return facts.with_columns(praise_too=pl.when(named).then("praise"))


_PLAIN = {
  "brand": pl.String,
  "place": pl.String,
  "year": pl.Int32,
  "price": pl.Float32,
}


def _kinds(requests: pl.DataFrame) -> pl.DataFrame:
  """Returns `kinds`: labels that say what an item is.

  Labels of products and news go from general to special; the last is named.
  """
  label = pl.element().str.strip_chars()
  fits = ~label.str.contains(cleaning.NO_KIND) & (
    label.str.count_matches(r"\S+") <= _LABEL_WORDS
  )
  names = pl.col("categories").list.eval(
    cleaning.lower(label.filter(fits)).unique(maintain_order=True)
  )
  thing = things.column(requests)
  cuisine = pl.element().str.replace(_CUISINE, "$0 food")
  few = (
    pl.when(thing.is_in(["product", "news"]))
    .then(names.list.tail(1))
    .when(thing == "business")
    .then(names.list.eval(cuisine).list.head(_KINDS))
    .otherwise(names.list.head(_KINDS))
  )
  return requests.select(
    INSTANCE, thing.alias("thing"), kinds=cleaning.joined(few)
  ).select(INSTANCE, kinds=things.kinds(pl.col("kinds")))


def _clauses(requests: pl.DataFrame) -> pl.DataFrame:
  """Returns `clause` and `second`: the groups with the highest scores."""
  said = [c for c in ("title", "description") if c in requests.columns]
  rows = requests.select(
    INSTANCE,
    *(pl.col(c).str.to_lowercase().fill_null("") for c in said),
    label=pl.col("categories").list.eval(pl.element().str.to_lowercase())
    if "categories" in requests.columns
    else pl.lit(None, pl.List(pl.String)),
  )
  scores = rows.select(
    INSTANCE,
    *(
      _score(of_label, of_text, said).cast(pl.Int32).alias(clause)
      for clause, of_label, of_text in groups.CLAUSES
    ),
  )
  best = (
    scores.unpivot(index=INSTANCE, variable_name="clause", value_name="score")
    .filter(pl.col("score") >= _ENOUGH)
    .sort("score", descending=True, maintain_order=True)
    .group_by(INSTANCE, maintain_order=True)
    .agg(pl.col("clause").head(2))
  )
  return best.select(
    INSTANCE,
    clause=pl.col("clause").list.first(),
    second=pl.col("clause").list.get(1, null_on_oob=True),
  )


def _score(of_label: str, of_text: str | None, said: list[str]) -> pl.Expr:
  """Returns the score of a group: a label adds 2, words add up to 3."""
  score = pl.lit(0)
  for labels in (pl.col("label"), pl.col("label").list.head(_FIRST)):
    found = labels.list.eval(pl.element().str.contains(f"^(?:{of_label})$"))
    score = score + found.list.any().fill_null(False).cast(pl.Int32)
  score = 2 * score
  if of_text is None:
    return score
  pattern = rf"\b(?:{of_text})\b"
  # The title is used only if there are no labels.
  alone = pl.col("label").list.len().fill_null(0) == 0
  weight = pl.when(alone).then(_ENOUGH).otherwise(_ENOUGH - 1)
  score = score + weight * pl.col("title").str.contains(pattern)
  if "description" in said:
    times = pl.col("description").str.count_matches(pattern)
    score = score + pl.when(times >= _TIMES).then(
      pl.min_horizontal(times, 4) - 1
    ).otherwise(0)
  return score


def _of_reviews(requests: pl.DataFrame) -> list[pl.DataFrame]:
  """Returns `praise`; `present`, `recipients`, `event` and `likers`."""
  reviews = (
    requests.select(
      INSTANCE, things.column(requests).alias("thing"), review="reviews"
    )
    .filter(pl.col("review").list.len() > 0)
    .explode("review")
    .drop_nulls("review")
  )
  praise = opinions.named(opinions.praised(reviews), 2, "praise")
  # `stated` treats each review as an instance.
  rows = reviews.select(of=INSTANCE).with_row_index(INSTANCE)
  stated = statements.stated(
    rows.select(INSTANCE, review=reviews["review"])
  ).hstack(rows.select("of"))
  group = pl.lit(None, pl.String)
  for name, pattern in reversed(groups.RECIPIENTS):
    group = (
      pl.when(pl.col("recipient").str.contains(pattern))
      .then(pl.lit(name))
      .otherwise(group)
    )
  stated = stated.with_columns(group=group)
  told = stated.group_by("of", maintain_order=True).agg(
    number=pl.len(),
    given=pl.col("gift").sum(),
    event=pl.col("event").drop_nulls().mode(maintain_order=True).first(),
    events=pl.col("event").count(),
    group=pl.col("group").drop_nulls().mode(maintain_order=True).first(),
    groups=pl.col("group").count(),
    likers=pl.col("need")
    .str.extract(r"^something for people who (?:like|are interested in) (.+)$")
    .drop_nulls()
    .first(),
  )
  often = _SHARE * pl.col("number")
  group = pl.when(pl.col("groups") >= often).then("group")
  given = pl.col("given") >= pl.max_horizontal(1, often)
  return [
    praise,
    told.select(
      pl.col("of").alias(INSTANCE),
      present=pl.when(given).then(group),
      recipients=pl.when(~given).then(group),
      event=pl.when(given & (pl.col("events") >= often)).then("event"),
      likers="likers",
    ),
  ]


def _without_title(facts: pl.DataFrame, slots: tuple[str, ...]) -> pl.DataFrame:
  """Replaces values that contain the item's title by null."""
  for slot in slots:
    named = validate.named(
      facts.select(
        pl.col(slot).fill_null("").alias("text"), titles=pl.concat_list("title")
      )
    )
    facts = facts.with_columns(pl.when(~named).then(pl.col(slot)).alias(slot))
  return facts
