"""Cleans what datasets say about items."""

import polars as pl

from instructrec_jax.teacher.checks import personal

# A first label that this share of items or more has tells nothing apart.
_ROOT_SHARE = 0.9
# A valid label. Scraped ones contain parts of pages and the seller's sentences.
_LABEL = r"^[^<>{}|]{2,40}$"
_NO_LABEL = r"(?i)^by \w+$"
_LABEL_WORDS = 5
_NOT_A_BRAND = r"(?i)^(unknown|various( artists)?|n/?a|none|generic|-|\s*)$"
_COMPANY = r"(?i),?\s+(?:inc|llc|ltd|corp|corporation|gmbh|limited)\.?$"
_SENTENCE_END = r"[.!?]+(?:\s+|$)|\s[-\u2013\u2014]+\s|;\s"
# Labels that describe nothing about an item, or less than other labels do.
NO_KIND = (
  r"(?i)^(?:indie|free to play|early access|award winning|restaurants|food|"
  r"local services|shopping|general|great soundtrack|singleplayer|"
  r"single-player|full controller support|steam .*|masterpiece|other|news|"
  r"nonfiction|\(no genres listed\)|unknown|event planning & services|2d|3d|vr|"
  r"female protagonist|movies|tv|video|lifestyle|kids|music|more_.*|.*news$|"
  r".*[.:!?]|.*character\)|by age|ages .*|professional & .*|wom[ae]n|m[ae]n|"
  r"boys|girls|.*gallery|.*_more|active life|books|software|print|"
  r".* subscriptions|professional services|nightlife|bars|hotels & travel|"
  r"health & medical|home services|beauty & spas|automotive|"
  r"arts & entertainment)$"
)
# Labels written without spaces, and their normal spelling.
_WRITTEN = (
  ("&amp;", "&"),
  ("(?i)^film-noir$", "noir"),
  ("^newsus$", "US news"),
  ("^news(crime|politics|world)$", "$1 news"),
  (r"top ?stories$", " news"),
  (r"^(\w+?)_(nfl|nba|ncaa|mlb|nhl|mls)$", "$2 $1"),
  ("^(finance|food|health|lifestyle|movie|music|travel|tv)-?(\\w+)$", "$1 $2"),
  (r"[_\s]+", " "),
  (r"^(\p{L}+) \(((?i:new|traditional))\)$", "$2 $1"),
)
_ACRONYM = r"(?i)^(?:nfl|nba|ncaa|mlb|nhl|mls|us|uk|tv|rpg|fps|pc|dvd)$"
# Acronyms and names of peoples and platforms.
_KEEPS_CAPITALS = (
  r"^[(\"]?[A-Z0-9][A-Z0-9.'/+-]*s?[),\"]?$|^(?i:african|american|arab|arabic|"
  r"asian|brazilian|british|cajun|cantonese|caribbean|catholic|chinese|christian|"
  r"cuban|english|ethiopian|european|filipino|french|german|greek|hawaiian|"
  r"indian|irish|islamic|israeli|italian|jamaican|japanese|jewish|korean|latin|"
  r"lebanese|mediterranean|mexican|moroccan|pakistani|persian|peruvian|polish|"
  r"portuguese|puerto|rican|roman|russian|scandinavian|southern|spanish|szechuan|"
  r"taiwanese|tex-mex|thai|turkish|vietnamese|vr|victorian|western|windows|mac|"
  r"linux|nintendo|wii|playstation|xbox|switch|steam|warhammer|kindle|amazon|"
  r"new york|"
  r"christmas|halloween|bible|god|europe|africa|asia|america|japan|china|india)s?,?$"
)


def labels(categories: pl.Series) -> pl.Series:
  """Returns the items' labels without the meaningless ones.

  Repeats, parts of pages, sentences, and a first label that nearly all items
  have are removed. The share of items is that of the whole catalogue, so the
  result does not depend on any user's target.
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
    # An item whose only label is the root keeps it.
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


def sentences(texts: pl.DataFrame, column: str) -> pl.DataFrame:
  """Replaces each text by one row per sentence, with a column `sentence`."""
  return (
    texts.with_columns(
      sentence=pl.col(column)
      .str.replace_all(_SENTENCE_END, "\n")
      .str.split("\n"),
    )
    .drop(column)
    .explode("sentence")
    .drop_nulls("sentence")
    .filter(~pl.col("sentence").str.contains(personal.PLACEHOLDER))
  )


def brand(name: pl.Expr) -> pl.Expr:
  """Returns makers' names without the company form; null if not a name."""
  name = (
    name.str.replace_all(r"\s+", " ")
    .str.strip_chars()
    .str.replace(r"(?i)^(by|visit the) ", "")
    .str.replace(_COMPANY, "")
  )
  fits = ~name.str.contains(_NOT_A_BRAND) & (name.str.len_chars() <= 30)
  return pl.when(fits).then(name)


def joined(names: pl.Expr) -> pl.Expr:
  """Returns names as words: "one, two and three"; null for none."""
  first = names.list.slice(0, names.list.len().cast(pl.Int64) - 1)
  return (
    pl.when(names.list.len() > 1)
    .then(pl.format("{} and {}", first.list.join(", "), names.list.last()))
    .otherwise(names.list.first())
  )


def lower(label: pl.Expr) -> pl.Expr:
  """Returns labels as written within a sentence: "sci-fi", "RPG"."""
  for pattern, instead in _WRITTEN:
    label = label.str.replace_all(pattern, instead)
  word = pl.element()
  return (
    label.str.split(" ")
    .list.eval(
      pl.when(word.str.contains(_ACRONYM))
      .then(word.str.to_uppercase())
      .when(word.str.contains(_KEEPS_CAPITALS))
      .then(word)
      .otherwise(word.str.to_lowercase())
    )
    .list.join(" ")
    .str.replace("world war", "World War")
  )
