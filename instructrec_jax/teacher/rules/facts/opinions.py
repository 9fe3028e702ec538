"""Finds what reviews praise and what they complain of.

A noun counts if praise is beside it; a phrase counts by itself. Sentences that
deny or regret something do not count. The result has the table's words, never
the review's, so nothing is quoted.
"""

import polars as pl

from instructrec_jax.teacher.checks import cleaning
from instructrec_jax.teacher.protocol import INSTANCE
from instructrec_jax.teacher.rules.lexicon import purposes, qualities


def praised(reviews: pl.DataFrame) -> pl.DataFrame:
  """Returns how often each quality is praised.

  Args:
    reviews: INSTANCE, `review`, and `thing` (null if unknown).

  Returns:
    INSTANCE, the `name` of each praised quality and the number of `reviews`
    that praise it; sorted by number, then by the table's order.
  """
  sentence = pl.col("sentence")
  rows = [
    (name, _praise(nouns, phrases), things)
    for name, nouns, phrases, things in qualities.QUALITIES
  ]
  sentences = _sentences(reviews).with_columns(
    sentence.str.replace_all(qualities.GRIPPED, "hard to put down")
  )
  return _counted(
    sentences.filter(~sentence.str.contains(purposes.NEGATED)), rows
  )


def regretted(reviews: pl.DataFrame) -> pl.DataFrame:
  """Returns how often reviews complain of each flaw; see `praised`."""
  rows = [
    (name, rf"\b(?:{pattern})", things)
    for name, pattern, things in qualities.FLAWS
  ]
  denied = r"\b(?:not|never|without|no) (?:\w+ )?"
  sentences = _sentences(reviews).with_columns(
    pl.col("sentence").str.replace_all(denied + r"\w+", "")
  )
  return _counted(sentences, rows)


def _praise(nouns: str | None, phrases: str | None) -> str:
  found = []
  if nouns is not None:
    found += [
      rf"(?:{qualities.GOOD}) (?:and \w+ )?(?:\w+ )?(?:{nouns})\b",
      rf"(?:{nouns}) (?:is|are|was|were) {qualities.VERY}"
      rf"(?:{qualities.GOOD})\b",
      r"(?:loved?|loving|enjoy(?:ed)?|likes?|liked|adored?) (?:the|its|his|her|"
      rf"their|all the) (?:\w+ )?(?:{nouns})\b",
    ]
  if phrases is not None:
    found.append(rf"(?:{phrases})\b")
  return rf"\b(?:{'|'.join(found)})"


def _sentences(reviews: pl.DataFrame) -> pl.DataFrame:
  rows = reviews.with_row_index("row").drop_nulls("review")
  return cleaning.sentences(rows, "review").with_columns(
    pl.col("sentence").str.to_lowercase()
  )


def _counted(
  sentences: pl.DataFrame, rows: list[tuple[str, str, tuple[str, ...]]]
) -> pl.DataFrame:
  found = sentences.select(
    INSTANCE,
    "row",
    *(
      (
        pl.col("sentence").str.contains(pattern)
        & pl.col("thing").is_in(things).fill_null(True)
      ).alias(name)
      for name, pattern, things in rows
    ),
  )
  by_review = found.group_by(INSTANCE, "row", maintain_order=True).agg(
    pl.col(name).any() for name, _, _ in rows
  )
  counts = by_review.group_by(INSTANCE, maintain_order=True).agg(
    pl.col(name).sum() for name, _, _ in rows
  )
  return (
    counts.unpivot(index=INSTANCE, variable_name="name", value_name="reviews")
    .filter(pl.col("reviews") > 0)
    .sort("reviews", descending=True, maintain_order=True)
  )


def named(counts: pl.DataFrame, most: int, column: str) -> pl.DataFrame:
  """Returns INSTANCE and the first names as words: "one, two and three"."""
  names = counts.group_by(INSTANCE, maintain_order=True).agg(
    pl.col("name").head(most)
  )
  return names.select(INSTANCE, cleaning.joined(pl.col("name")).alias(column))
