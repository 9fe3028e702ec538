"""Turns the text of a web page into plain text."""

import html

import polars as pl

# The steps below change no text that lacks this.
_SUSPECT = r"[<&\[\x00-\x1f\x{a0}]|^ | $|  "
_LINE_BREAK = r"(?i)<br\s*/?>|</(?:p|li|ul|div|tr|h[1-6])\s*>"
# A bare < may be a heart (<3) or mean "less than", so it stays.
_TAG = r"(?s)<!--.*?-->|</?[A-Za-z][^<>]*>"
_VIDEO = r"\[\[VIDEOID:[^\]]*\]\]"

# Whether a text holds HTML, escaped or not.
HAS_MARKUP = r"(?i)</?[a-z][^<>]*>|&(?:[a-z]+[0-9]*|#[0-9]+|#x[0-9a-f]+);"


def unescape(texts: pl.Series) -> pl.Series:
  """Replaces HTML entities, twice, since `&amp;amp;` occurs and means &."""
  found = texts.str.contains("&", literal=True).fill_null(False)
  return _put(
    texts,
    found,
    pl.Series(
      [html.unescape(html.unescape(t)) for t in texts.filter(found)],
      dtype=pl.String,
    ),
  )


def plain(texts: pl.Series) -> pl.Series:
  """Returns texts without HTML; its line breaks and blocks become new lines.

  Args:
    texts: strings.

  Returns:
    The plain texts; null if nothing is left.
  """
  # Most texts are plain already, and a search is cheaper than seven changes.
  found = texts.str.contains(_SUSPECT).fill_null(False)
  changed = (
    unescape(texts.filter(found))
    .str.replace_all(_LINE_BREAK, "\n")
    .str.replace_all(_TAG, "")
    .str.replace_all(_VIDEO, "")
    .str.replace_all(r"[\x00-\x09\x0b-\x1f\x{a0}]", " ")
    .str.replace_all(r" {2,}", " ")
    .str.replace_all(r" ?\n[ \n]*", "\n")
    .str.strip_chars()
  )
  return _put(texts, found, changed).replace("", None)


def one_line(texts: pl.Series) -> pl.Series:
  """Returns texts without HTML or line breaks; null if nothing is left."""
  return plain(texts).str.replace_all("\n", " ", literal=True)


def labels(lists: pl.Series) -> pl.Series:
  """Cleans labels and drops repeated ones.

  Args:
    lists: lists of strings.

  Returns:
    The cleaned lists; a list is empty if nothing is left.
  """
  rows = pl.DataFrame({"label": lists}).with_row_index()
  each = rows.explode("label").with_columns(
    pl.col("label").map_batches(one_line, pl.String())
  )
  kept = each.drop_nulls().unique(maintain_order=True)
  grouped = kept.group_by("index", maintain_order=True).agg("label")
  joined = rows.select("index").join(
    grouped, on="index", how="left", maintain_order="left"
  )
  return joined["label"].fill_null([])


def _put(texts: pl.Series, where: pl.Series, new: pl.Series) -> pl.Series:
  return texts.clone().scatter(where.arg_true(), new)
