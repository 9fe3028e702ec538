"""Finds the need that a sentence of a review states."""

import polars as pl

from instructrec_jax.teacher.rules.lexicon import purposes

_MOST_WORDS = 9
# A sentence without such a lower-case word is a headline.
_SMALL_WORD = r"\b[a-z]{4,}"


def need(sentence: pl.Expr, without: str) -> tuple[pl.Expr, pl.Expr]:
  """Returns the need that sentences state, and its rank: 0 is the plainest.

  Args:
    sentence: strings.
    without: a pattern that no need may contain, because another slot has it.
  """
  headline = ~sentence.str.contains(_SMALL_WORD)
  low = sentence.str.to_lowercase()
  begins = low.str.head(1) + sentence.str.slice(1)
  sentence = pl.when(headline).then(low).otherwise(begins)
  found, ranks = [], []
  for row, (pattern, reads) in enumerate(purposes.PURPOSES):
    clause = (
      sentence.str.extract(f"(?i){pattern}", 1)
      .str.replace(purposes.NEXT_CLAUSE, "")
      .str.strip_chars(" -'")
      .str.replace(purposes.LOOSE_END, "")
      .str.strip_chars(" -'")
    )
    words = clause.str.count_matches(r"\S+")
    fits = (
      words.is_between(1, _MOST_WORDS)
      & ~clause.str.contains(purposes.DANGLING)
      & ~clause.str.contains(purposes.TIME_SPAN)
      & ~clause.str.contains(f"(?i){without}")
      & clause.str.contains(r"^[a-zA-Z][a-zA-Z0-9 '&/-]+$")
      & ~sentence.str.contains(purposes.NEGATED)
    )
    found.append(pl.when(fits).then(pl.format(reads, clause)))
    ranks.append(pl.when(fits).then(row))
  return pl.coalesce(found), pl.coalesce(ranks)
