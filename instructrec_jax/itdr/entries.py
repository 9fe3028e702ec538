"""The texts of items, in lists and alone."""

from collections.abc import Callable, Mapping

import polars as pl

from instructrec_jax.itdr.domains import Domain
from instructrec_jax.teacher.checks import injected, personal

# The most words of a review or a description that are shown.
REVIEW_WORDS = 40
ABOUT_WORDS = 60
# The most words of a review that a teacher reads.
TOLD_WORDS = 150
_LABELS = 3


def cut(text: pl.Expr, words: int) -> pl.Expr:
  """Returns text on one line, cut to its first words."""
  there = text.str.replace_all(r"\s+", " ").str.strip_chars()
  parts = there.str.split(" ")
  short = parts.list.head(words).list.join(" ")
  short = short.str.strip_chars_end(".,;:!? ") + " …"
  return pl.when(parts.list.len() > words).then(short).otherwise(there)


def quoted(text: pl.Expr) -> pl.Expr:
  """Returns a user's text in quotes, shortened.

  It has no personal data and no sentence that gives orders to a model. The
  result is null if there is no text.
  """
  said = cut(injected.clean(personal.mask(text)), REVIEW_WORDS)
  said = said.str.replace_all('"', "'", literal=True)
  return pl.when(said != "").then(pl.format('"{}"', said))


def liked(items: pl.DataFrame) -> pl.Series:
  """Returns titles with each item's kind or maker, if known."""
  title = pl.col("title")
  if "categories" in items.columns:
    labels = pl.col("categories").list.head(_LABELS).list.join(", ")
    text = (
      pl.when(labels != "").then(pl.format("{} ({})", title, labels))
    ).otherwise(title)
  elif "brand" in items.columns:
    text = pl.coalesce(pl.format("{} by {}", title, pl.col("brand")), title)
  else:
    text = title
  return items.select(text.alias("entry"))["entry"]


def facts(items: pl.DataFrame, domain: Domain) -> pl.Series:
  """Returns the items' facts, e.g. "Tar (2022). Genres: Drama."."""
  there = [name for name in domain.facts if name in items.columns]
  said = [_said(name, domain.facts[name]) for name in there]
  title = pl.col("title").str.strip_chars_end(".") + "."
  text = pl.concat_str([title, *said], separator=" ", ignore_nulls=True)
  return items.select(text.alias("item"))["item"]


def _said(column: str, called: str) -> pl.Expr:
  """Returns a sentence with one fact; null if it is unknown."""
  text = _TEXTS.get(column, lambda value: value.cast(pl.String))(pl.col(column))
  ended = pl.when(text.str.contains(r"[.!?…]$")).then(text)
  sentence = ended.otherwise(text + ".")
  return pl.when(text != "").then(pl.format(f"{called}: {{}}", sentence))


# How columns with more than a word are written.
_TEXTS: Mapping[str, Callable[[pl.Expr], pl.Expr]] = {
  "categories": lambda labels: labels.list.head(2 * _LABELS).list.join(", "),
  "description": lambda text: cut(text, ABOUT_WORDS),
  "price": lambda dollars: pl.format("${}", dollars.round(2)),
}
