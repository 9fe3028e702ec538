"""Finds whom an item was for, the occasion and the need, in reviews."""

import polars as pl

from instructrec_jax.teacher.checks import cleaning
from instructrec_jax.teacher.protocol import INSTANCE
from instructrec_jax.teacher.rules.facts import needs
from instructrec_jax.teacher.rules.lexicon import gifts

# The most words of a sentence in which a gift is meant literally.
_SHORT = 20


def stated(requests: pl.DataFrame) -> pl.DataFrame:
  """Returns what each review states.

  Args:
    requests: INSTANCE and `review`.

  Returns:
    INSTANCE; `gift`, true or null; and the texts or nulls `recipient`,
    `occasion`, `event` and `need`.
  """
  sentences = cleaning.sentences(requests.select(INSTANCE, "review"), "review")
  # Text in capitals becomes lower case. Names lose their capitals too.
  low = pl.col("sentence").str.to_lowercase()
  quiet = pl.when(pl.col("sentence").str.contains("[a-z]")).then("sentence")
  sentences = sentences.with_columns(sentence=quiet.otherwise(low))
  of_gift = pl.col("sentence").str.replace_all(gifts.GIFT_THING, "card")
  need, rank = needs.need(pl.col("sentence"), gifts.ANY_OCCASION)
  # In a long sentence, a gift is a figure of speech or an aside.
  short = pl.col("sentence").str.count_matches(r"\S+") <= _SHORT
  own = ~pl.col("sentence").str.contains(gifts.RECEIVED)
  found = sentences.select(
    INSTANCE,
    gift=pl.when(own & short & of_gift.str.contains(gifts.GIFT)).then(True),
    recipient=pl.when(own).then(_recipient(pl.col("sentence"))),
    place=_occasion(low),
    aimed=low.str.contains(gifts.FOR_OCCASION),
    need=need,
    rank=rank,
  ).with_columns(
    place=pl.when(pl.any_horizontal("aimed", "gift")).then("place")
  )
  facts = found.group_by(INSTANCE, maintain_order=True).agg(
    pl.col("gift").drop_nulls().first(),
    pl.col("recipient").drop_nulls().first(),
    pl.col("place").drop_nulls().first(),
    pl.col("need").sort_by("rank", nulls_last=True).first(),
  )
  names, events = (
    dict(enumerate(c)) for c in list(zip(*gifts.OCCASIONS, strict=True))[1:]
  )
  return requests.select(INSTANCE).join(
    facts.with_columns(
      occasion=pl.col("place").replace_strict(names, default=None),
      event=pl.col("place").replace_strict(events, default=None),
    ),
    INSTANCE,
    "left",
    maintain_order="left",
  )


def _recipient(sentence: pl.Expr) -> pl.Expr:
  # Negated recipients do not count.
  sentence = sentence.str.replace_all(gifts.FROM_NEGATION, "").str.replace_all(
    gifts.DAY_OF, "that day"
  )
  found = pl.coalesce(
    *(sentence.str.extract(p, 1) for p in gifts.RECIPIENTS),
    *(
      pl.format("my {}", sentence.str.extract(p, 1))
      for p in gifts.OWN_RECIPIENTS
    ),
  )
  found = found.str.to_lowercase().str.replace_all(r"\s+", " ")
  return found.str.replace("^(?:the|your) ", "my ").str.replace_all(
    gifts.AGE, "$1-year-old$2"
  )


def _occasion(sentence: pl.Expr) -> pl.Expr:
  """Returns the row of gifts.OCCASIONS that a sentence mentions, or null."""
  sentence = sentence.str.replace_all(gifts.NO_OCCASION, "")
  place = pl.lit(None, pl.Int64)
  for row, (pattern, _, _) in reversed(list(enumerate(gifts.OCCASIONS))):
    place = pl.when(sentence.str.contains(pattern)).then(row).otherwise(place)
  return place
