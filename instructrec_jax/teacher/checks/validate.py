"""A table of validators that texts must pass before they are data.

The first validator that a text fails gives the reason of its rejection. The
validators on titles check the target's title for a field that looks at the
target, and the titles of the history for a preference. If a preference were
rejected because of the target, its absence would reveal the target.
"""

import dataclasses
from collections.abc import Callable, Mapping

import polars as pl
from rapidfuzz import fuzz, process

from instructrec_jax.teacher.checks import injected, personal

# The fields of schema.ANNOTATIONS: all, and those that a teacher writes.
SENTENCES = ("preference", "vague_intention", "vague_intention_2")
FIELDS = (*SENTENCES, "specific_intention")
# The fields of ITDR.
TEXTS = ("interests", "target_users")
# All that a teacher writes. Labels come from the catalogue.
WRITTEN = (*SENTENCES, *TEXTS)

# The fewest and the most words of a field.
_LENGTHS = {
  "preference": (4, 80),
  "vague_intention": (3, 50),
  "vague_intention_2": (3, 50),
  "specific_intention": (1, 40),
  "interests": (8, 120),
  "target_users": (8, 120),
}
# Shares of Latin letters among letters, and of letters among non-spaces.
_LATIN, _LETTERS = 0.9, 0.5
_COMMON_WORDS = (
  "i|a|an|the|my|me|to|for|of|and|in|on|with|is|that|it|as|or|at|from|am|"
  "something|what|have|like|want|need"
)
# Words of other languages that are no English ones.
_OTHER_WORDS = (
  "el|las|los|que|por|para|una|con|del|der|das|und|ist|nicht|ein|eine|f\u00fcr|mit|"
  "les|des|une|pour|avec|dans|est|\u00e0|je|il|che|\u00e8|per|della|n\u00e3o|uma|um|het|een|"
  "voor|och|att|f\u00f6r|si\u0119|jest|i\u00e7in|ve"
)
_REFUSAL = (
  r"(?i)^\W*(?:i'?m |i am )?(?:sorry\b|afraid\b|unable to\b)|\bas an? (?:ai|"
  r"language model|assistant)\b|^\W*(?:i |we )?(?:cannot|can't|could not|"
  r"couldn't|do not|don't) (?:help|assist|provide|determine|infer|comply|"
  r"fulfil|answer|have (?:enough|access|any information))|\bnot enough "
  r"information\b|^\W*(?:none|null|n/?a|unknown|no (?:clear |stated )?"
  r"(?:preference|intention)s?)\W*$"
)
# "I" alone may be a Roman numeral.
_FIRST_PERSON = (
  r"\bI(?:'m|'ve|'d| (?:am|have|like|love|enjoy|want|prefer|need|would|tend|"
  r"look|care|keep))\b|\b(?:[Mm]y|[Mm]yself|[Mm]ine)\b"
)
# A title of one word must match with its capital letters.
_MANY_WORDS = r"\S \S"
_SHORTEST_TITLE = 3
# The least rapidfuzz partial ratio (of 100), for titles this long or longer.
_NEAR = 88
_NEAR_LENGTH = 10
# This many consecutive words of the review are not a coincidence.
_COPIED_WORDS = 10
_SUBTITLE = r"\s+[-\u2013\u2014|]\s.*$|\s*[(\[].*$"


@dataclasses.dataclass(frozen=True)
class Validator:
  """Decides which texts are rejected.

  Attributes:
    reason: the reason of a rejection, as it is counted and shown.
    bad: takes the texts of one field and returns whether each fails. Columns
      are INSTANCE and `text`, and if available `titles` (a list of titles that
      the text must not name), `review` (from which it was made) and `first`
      (the text that it paraphrases).
    fields: the fields that it applies to; None for all.
    needs: the column that it needs, beside the text.
  """

  reason: str
  bad: Callable[[pl.DataFrame, str], pl.Series]
  fields: tuple[str, ...] | None = None
  needs: str = "text"


def check(texts: pl.DataFrame, field: str) -> pl.DataFrame:
  """Returns the texts with a column `reason`, null for valid texts.

  Args:
    texts: see `Validator.bad`; no null texts.
    field: one of FIELDS and TEXTS.
  """
  reason = pl.Series("reason", [None] * texts.height, pl.String)
  for validator in VALIDATORS:
    if field not in (validator.fields or (field,)):
      continue
    if validator.needs not in texts.columns:
      continue
    bad = validator.bad(texts, field)
    reason = pl.select(
      pl.when(reason.is_null() & bad.fill_null(False))
      .then(pl.lit(validator.reason))
      .otherwise(reason)
      .alias("reason")
    ).to_series()
  return texts.with_columns(reason)


def plain(text: pl.Expr, keep_case: bool = False) -> pl.Expr:
  """Returns only the words of a text, with a space before and after each."""
  if not keep_case:
    text = text.str.to_lowercase()
  words = text.str.replace_all(r"[^\p{L}\p{N}]+", " ").str.strip_chars()
  return pl.format(" {} ", words)


def without_subtitle(title: pl.Expr) -> pl.Expr:
  """Returns titles without the part after a dash or in brackets."""
  return title.str.replace(_SUBTITLE, "")


def _by(expr: Callable[[str], pl.Expr]) -> Callable[..., pl.Series]:
  return lambda texts, field: texts.select(expr(field)).to_series()


def _too(short: bool) -> Callable[..., pl.Series]:
  def bad(field: str) -> pl.Expr:
    words = pl.col("text").str.count_matches(r"\S+")
    least, most = _LENGTHS[field]
    return words < least if short else words > most

  return _by(bad)


def _other_language(field: str) -> pl.Expr:
  text = pl.col("text")
  latin = text.str.count_matches(r"\p{Latin}")
  letters = text.str.count_matches(r"\p{L}")
  foreign = (latin < _LATIN * letters) | (
    letters < _LETTERS * text.str.count_matches(r"\S")
  )
  if field == "specific_intention":
    return foreign
  english = text.str.count_matches(rf"(?i)\b(?:{_COMMON_WORDS})\b")
  other = text.str.count_matches(rf"(?i)\b(?:{_OTHER_WORDS})\b")
  return foreign | (english <= other)


def named(texts: pl.DataFrame, field: str = "") -> pl.Series:
  """Returns whether a title, with or without its subtitle, is in the text.

  Args:
    texts: `text` and `titles`.
    field: unused.
  """
  del field
  pairs = _pairs(texts)
  found = pl.lit(False)
  for title in (pl.col("title"), without_subtitle(pl.col("title"))):
    words, as_written = plain(title), plain(title, keep_case=True)
    found = found | (
      pl.when(words.str.contains(_MANY_WORDS))
      .then(plain(pl.col("text")).str.contains(words, literal=True))
      .otherwise(
        (words.str.len_chars() >= _SHORTEST_TITLE + 2)
        & plain(pl.col("text"), keep_case=True).str.contains(
          as_written, literal=True
        )
      )
    )
  return _any(texts, pairs.select("row", found.alias("bad")))


def _nearly_named(texts: pl.DataFrame, field: str) -> pl.Series:
  del field
  pairs = _pairs(texts).with_columns(
    plain(pl.col("title")).str.strip_chars(),
    plain(pl.col("text")).str.strip_chars(),
  )
  # If the text were shorter than the title, it would be searched in the title.
  pairs = pairs.filter(
    (pl.col("title").str.len_chars() >= _NEAR_LENGTH)
    & (pl.col("title").str.len_chars() <= pl.col("text").str.len_chars())
  )
  # Its types know no scorer that has overloads.
  scores = process.cpdist(  # pyrefly: ignore[no-matching-overload]
    pairs["title"].to_list(),
    pairs["text"].to_list(),
    scorer=fuzz.partial_ratio,
    score_cutoff=_NEAR,
  )
  return _any(texts, pairs.select("row", bad=pl.Series(scores > 0)))


def _pairs(texts: pl.DataFrame) -> pl.DataFrame:
  """Returns `row`, `text` and each `title` that it must not name."""
  return (
    texts.select("text", title="titles")
    .with_row_index("row")
    .explode("title")
    .drop_nulls("title")
  )


def _any(texts: pl.DataFrame, found: pl.DataFrame) -> pl.Series:
  rows = found.filter("bad")["row"].unique().to_list()
  return pl.Series(range(texts.height), dtype=pl.UInt32).is_in(rows)


def _copied(texts: pl.DataFrame, field: str) -> pl.Series:
  """Returns whether _COPIED_WORDS consecutive words are in the review."""
  del field
  words = plain(pl.col("text")).str.strip_chars().str.split(" ")
  starts = pl.int_ranges(
    (words.list.len().cast(pl.Int64) - _COPIED_WORDS + 1).clip(0)
  )
  runs = (
    texts.select(words=words, start=starts, review=plain(pl.col("review")))
    .with_row_index("row")
    .explode("start")
    .drop_nulls("start")
  )
  run = pl.col("words").list.slice(pl.col("start"), _COPIED_WORDS)
  return _any(
    texts,
    runs.select(
      "row",
      bad=pl.col("review").str.contains(
        pl.format(" {} ", run.list.join(" ")), literal=True
      ),
    ),
  )


VALIDATORS = (
  Validator("empty", _by(lambda field: pl.col("text").str.strip_chars() == "")),
  Validator(
    "refusal", _by(lambda field: pl.col("text").str.contains(_REFUSAL))
  ),
  Validator("too short", _too(short=True)),
  Validator("too long", _too(short=False)),
  Validator(
    "markup",
    _by(lambda field: pl.col("text").str.contains(injected.MARKUP)),
    fields=WRITTEN,
  ),
  Validator(
    "orders to a model",
    _by(lambda field: pl.col("text").str.contains(injected.ORDER)),
    fields=WRITTEN,
  ),
  Validator(
    "link",
    _by(lambda field: pl.col("text").str.contains(injected.LINK)),
    fields=WRITTEN,
  ),
  Validator(
    "advertisement",
    _by(lambda field: pl.col("text").str.contains(injected.ADVERTISEMENT)),
    fields=WRITTEN,
  ),
  Validator(
    "personal data", _by(lambda field: personal.present(pl.col("text")))
  ),
  Validator("another language", _by(_other_language)),
  Validator(
    "not in the third person",
    _by(lambda field: pl.col("text").str.contains(_FIRST_PERSON)),
    fields=TEXTS,
  ),
  Validator("names the item", named, needs="titles"),
  Validator("nearly names the item", _nearly_named, needs="titles"),
  Validator("copied from the review", _copied, needs="review"),
  Validator(
    "same as the first wording",
    _by(lambda field: plain(pl.col("text")) == plain(pl.col("first"))),
    needs="first",
  ),
)


def repeated(texts: pl.DataFrame) -> Mapping[str, int]:
  """Returns how many texts are identical to a text of another user.

  These texts are kept, because two people may want the same. If there are many,
  the teacher's output has too little variety.

  Args:
    texts: `user` and `text`.
  """
  alike = texts.group_by(plain(pl.col("text")).alias("text")).agg(
    users=pl.col("user").n_unique(), rows=pl.len()
  )
  return {
    "different": alike.height,
    "of_several_users": int(alike.filter(pl.col("users") > 1)["rows"].sum()),
  }
