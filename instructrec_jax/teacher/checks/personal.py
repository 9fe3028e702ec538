"""Finds, counts and removes personal data in users' texts."""

import re

import polars as pl

_STREET = (
  "street|st|avenue|ave|road|rd|boulevard|blvd|lane|ln|drive|dr|court|ct|"
  "place|pl|way|terrace|circle"
)

# The pattern of each kind of personal data, and its replacement. Patterns are
# applied in order, so that a profile's address is not half an e-mail address.
PATTERNS: dict[str, tuple[str, str]] = {
  "web_page": (
    r"(?i)\b(?:https?://|www\.)\S+",
    "[link]",
  ),
  "e_mail": (
    r"(?i)\b[a-z0-9._%+-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}\b",
    "[e-mail]",
  ),
  # Only separated groups match; a run of digits is more often a part number.
  "phone": (
    r"(?:\+\d{1,3}[ .-]?(?:\(?\d{1,4}\)?[ .-]?){2,5}\d{2,4}"
    r"|\(\d{3}\) ?\d{3}[ .-]\d{4}|\b(?:1[ .-])?\d{3}[.-]\d{3}[.-]\d{4})\b",
    "[phone]",
  ),
  "address": (
    r"\b\d{1,5} (?:[NSEW]\.? )?(?:[A-Z][a-z]+ ){1,3}"
    rf"(?i:{_STREET})\b\.?"
    r"(?:,? (?:[A-Z][a-z]+ ?){1,3},? [A-Z]{2} \d{5})?",
    "[address]",
  ),
  "profile_name": (
    r"(?:\B@[A-Za-z_]\w{2,}|(?i:\bmy name is )[A-Z][a-z]+(?: [A-Z][a-z]+)?"
    r"|(?i:\b(?:regards|sincerely|signed|cheers))[,:]?\s+[A-Z][a-z]+"
    r"(?: [A-Z][a-z.]+)?\s*$)",
    "[name]",
  ),
}

# Matches a replacement. A text that contains one is useless.
PLACEHOLDER = "|".join(re.escape(mask) for _, mask in PATTERNS.values())


def mask(text: pl.Expr) -> pl.Expr:
  """Returns the text with personal data replaced by its kind in brackets."""
  for pattern, instead in PATTERNS.values():
    text = text.str.replace_all(pattern, instead)
  return text


def count(texts: pl.Series) -> dict[str, int]:
  """Returns the number of findings of each kind in the texts."""
  frame = texts.alias("text").to_frame()
  text, found = pl.col("text"), {}
  for kind, (pattern, instead) in PATTERNS.items():
    found[kind] = text.str.count_matches(pattern).sum()
    text = text.str.replace_all(pattern, instead)
  counts = frame.select(**found).row(0, named=True)
  return {kind: int(n or 0) for kind, n in counts.items()}


def present(text: pl.Expr) -> pl.Expr:
  """Returns whether the text has personal data or its replacement."""
  found = text.str.contains(PLACEHOLDER)
  for pattern, _ in PATTERNS.values():
    found = found | text.str.contains(pattern)
  return found
