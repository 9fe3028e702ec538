"""What datasets say of items, without what says nothing."""

import polars as pl

# A first label of so large a share of items tells none of them from others.
_ROOT_SHARE = 0.9
# Scraped labels contain pieces of pages, and sentences of the seller.
_LABEL = r"^[^<>{}|]{2,40}$"
_NO_LABEL = r"(?i)^by \w+$"
_LABEL_WORDS = 5


def labels(categories: pl.Series) -> pl.Series:
  """Returns items' labels, without those that say nothing.

  Left out are repeats, pieces of pages, sentences, and a first label that
  nearly all items have. That share is one of the catalogue, so it does not
  depend on what anybody's target is.
  """
  label = pl.element().str.strip_chars()
  fits = (
    label.str.contains(_LABEL)
    & ~label.str.contains(_NO_LABEL)
    & (label.str.count_matches(r"\S+") <= _LABEL_WORDS)
  )
  clean = categories.list.eval(label.filter(fits).unique(maintain_order=True))
  first = clean.list.get(0, null_on_oob=True)
  common = first.drop_nulls().value_counts(sort=True)
  if common.height and common["count"][0] >= _ROOT_SHARE * (
    first.len() - first.null_count()
  ):
    root = common[first.name][0]
    frame = clean.to_frame()
    # Where there is nothing else it is better than nothing.
    return frame.select(
      pl.when(pl.col(first.name).list.len() > 1)
      .then(
        pl.col(first.name).list.eval(pl.element().filter(pl.element() != root))
      )
      .otherwise(first.name)
    )[first.name]
  return clean


def plain(text: pl.Expr) -> pl.Expr:
  """Returns text without tags and character references, on one line."""
  for pattern, instead in (
    (r"(?i)<br\s*/?>|</p>", ". "),
    (r"<[a-zA-Z/][^>]{0,200}>", " "),
    (r"&#3[49];|&quot;|&apos;", "'"),
    (r"&amp;", "&"),
    (r"&nbsp;|&#160;", " "),
    (r"[\u2018\u2019`\u00b4]", "'"),
    (r"\s+", " "),
  ):
    text = text.str.replace_all(pattern, instead)
  return text.str.strip_chars()
