"""Turns the text of a web page into plain text."""

import html
import re
from html.entities import html5

import polars as pl

# The steps below change no text that lacks this.
_SUSPECT = r"[<&\[\x00-\x1f\x{a0}]|^ | $|  "
_LINE_BREAK = r"(?i)<br\s*/?>|</(?:p|li|ul|div|tr|h[1-6])\s*>"
# HTML's elements. Other words between < and > are text, such as `C++ <Primer>`.
_ELEMENT = (
  "(?:a|abbr|acronym|address|applet|area|article|aside|audio|b|base|basefont|"
  "bdi|bdo|big|blockquote|body|br|button|canvas|caption|center|cite|code|col|"
  "colgroup|data|datalist|dd|del|details|dfn|dialog|dir|div|dl|dt|em|embed|"
  "fieldset|figcaption|figure|font|footer|form|frame|frameset|h[1-6]|head|"
  "header|hgroup|hr|html|i|iframe|img|input|ins|kbd|label|legend|li|link|main|"
  "map|mark|menu|meta|meter|nav|noframes|noscript|object|ol|optgroup|option|"
  "output|p|param|picture|pre|progress|q|s|samp|script|section|select|small|"
  "source|span|strike|strong|style|sub|summary|sup|svg|table|tbody|td|template|"
  "textarea|tfoot|th|thead|time|title|tr|track|tt|u|ul|var|video|wbr|o:p)"
)
# What stands after the element's name: attributes, or nothing.
_ATTRIBUTES = r"(?:\s[^<>]*=[^<>]*|\s+(?:nowrap|noshade|disabled|checked))?"
# A bare < may be a heart (<3) or mean "less than", so it stays.
_TAG = (
  "(?is)<script\\b[^<>]*>.*?</script\\s*>|<style\\b[^<>]*>.*?</style\\s*>|"
  rf"<!--.*?-->|<!doctype\b[^<>]*>|</?{_ELEMENT}{_ATTRIBUTES}\s*/?>"
)
_VIDEO = r"\[\[VIDEOID:[^\]]*\]\]"
_ENTITY = r"&(?:[A-Za-z][A-Za-z0-9]*|#[0-9]+|#[xX][0-9A-Fa-f]+);"
_ENTITIES = re.compile(_ENTITY)
# Tags that change how a word looks. A title keeps the words between them.
_LOOKS = r"(?i)</?(?:b|big|em|i|small|strong|sub|sup|u)\s*/?>"

# Whether a text holds HTML, escaped or not.
HAS_MARKUP = f"{_TAG}|{_ENTITY}"
# Whether a title is a piece of the page around it, which may be cut off.
IS_PAGE = (
  rf"{_TAG}|</{_ELEMENT}\b|<{_ELEMENT}\s+[a-z-]+\s*=|<!--|"
  r"\.getTime\b|\bgetTime\s*\("
)


def unescape(texts: pl.Series) -> pl.Series:
  """Replaces HTML entities, twice, since `&amp;amp;` occurs and means &.

  An entity ends in a semicolon: `R&copy paste` has none.
  """
  found = texts.str.contains(_ENTITY).fill_null(False)
  changed = [
    _ENTITIES.sub(_character, _ENTITIES.sub(_character, text))
    for text in texts.filter(found)
  ]
  return _put(texts, found, pl.Series(changed, dtype=pl.String))


def _character(entity: re.Match[str]) -> str:
  """Returns what an entity stands for; it stays if there is none."""
  name = entity[0][1:]
  if name.startswith("#"):
    return html.unescape(entity[0])
  return html5.get(name, entity[0])


def title(texts: pl.Series) -> pl.Series:
  """Returns titles on one line, without entities and tags of how words look."""
  changed = (
    unescape(texts)
    .str.replace_all(_LOOKS, "")
    .str.replace_all(r"(?i)<br\s*/?>|[\x00-\x1f\x7f]", " ")
  )
  return changed.str.replace_all(r"\s+", " ").str.strip_chars()


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
