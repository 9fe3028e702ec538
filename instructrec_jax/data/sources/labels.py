"""Splits a column of label texts whose separator nobody names.

RecBole's files say only that a column is a sequence. Amazon's have `'Video
Games', 'PC'`, Last.FM's `Country; Classic Country`, Steam's `Action, Indie` and
MovieLens's `Comedy Drama`.
"""

import polars as pl

_SEPARATORS = (";", "|", ",")
# Fewer of the texts that could hold several labels have it by accident.
_LEAST_SHARE = 0.01
# Stands between the labels of a quoted list.
_BETWEEN = "\x1f"
_LIST = r"""^\[.*\]$|^(?:'.*'|".*")$"""
_QUOTED = r"""^\[?\s*['"].*['"]\s*\]?$"""
LIST, BLANK = "quoted list", "blank"


def separator_of(texts: pl.Series) -> str:
  """Returns how labels are separated, the same for all rows of a column.

  Blanks separate labels only if nothing else does, because labels can have
  several words.

  Args:
    texts: labels of each item; null or empty if there are none.

  Returns:
    LIST, BLANK, or one of `;`, `|` and `,`: the separator in most rows.
  """
  texts = texts.drop_nulls().str.strip_chars()
  texts = texts.filter(texts != "")
  if 2 * texts.str.contains(_LIST).sum() > texts.len():
    quoted = texts.str.contains(_QUOTED).sum()
    return LIST if 2 * quoted > texts.len() else ","
  several = texts.str.contains(r"[\s;|,]").sum()
  rows = {
    mark: texts.str.contains(mark, literal=True).sum() for mark in _SEPARATORS
  }
  best = max(rows, key=lambda mark: rows[mark])
  return best if rows[best] > _LEAST_SHARE * several else BLANK


def split(texts: pl.Series, separator: str) -> pl.Series:
  """Splits the texts of a column.

  Args:
    texts: labels of each item; null or empty if there are none.
    separator: as `separator_of` returns it.

  Returns:
    Lists of labels without blanks around them; null texts give empty lists.
  """
  text = pl.col(texts.name).fill_null("").str.strip_chars()
  if separator == BLANK:
    labels = text.str.replace_all(r"\s+", " ").str.split(" ")
  elif separator == LIST:
    inner = text.str.strip_chars("[]").str.strip_chars()
    is_quoted = inner.str.contains(r"""^['"].*['"]$""")
    inner = (
      inner.str.replace(r"""^['"]""", "")
      .str.replace(r"""['"]$""", "")
      .str.replace_all(r"""['"]\s*,\s*['"]""", _BETWEEN)
      .str.replace_all(r"\\(['\"])", "${1}")
    )
    # A row without quotes, such as `PC`, is one label.
    plain = text.str.strip_chars("[]")
    labels = pl.when(is_quoted).then(inner).otherwise(plain).str.split(_BETWEEN)
  else:
    labels = text.str.strip_chars("[]").str.split(separator)
  stripped = labels.list.eval(pl.element().str.strip_chars())
  known = stripped.list.eval(pl.element().filter(pl.element() != ""))
  return texts.to_frame().select(known).to_series()
