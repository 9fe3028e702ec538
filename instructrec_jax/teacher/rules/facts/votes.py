"""What the items of a history share: labels, brands, series, prices.

The items vote for labels, brands and series that several of them have, for the
latest turn, for low ratings, and for a price.
"""

import polars as pl

from instructrec_jax.teacher.checks import cleaning, validate
from instructrec_jax.teacher.protocol import INSTANCE
from instructrec_jax.teacher.rules.lexicon import titles

# Each level of a label's depth adds this share of its votes.
_DEPTH = 0.1
# A shared fact needs this share of the history, and at least two items.
_SHARE = 0.3
_MOST = 0.5
_NEWEST = 3
_SHORT = 6
_PREFIX_WORDS = 4
SLOTS = (
  "label", "second", "brand", "series", "topic", "latest", "series_too",
  "lately", "liked", "disliked", "topic_too", "brands", "price",
)  # fmt: skip
# What is said of the newest items.
_NEW = ("latest", "lately", "brands")


def shared(requests: pl.DataFrame, ordered: bool = True) -> pl.DataFrame:
  """Returns the SLOTS of each history; a slot without a value is null.

  Args:
    requests: INSTANCE, title, and other lists of the histories.
    ordered: whether the newest item is last. If not, what is said of the
      newest items is null.
  """
  columns = [c for c in requests.columns if c != INSTANCE]
  rows = (
    requests.with_columns(
      length=pl.col("title").list.len(),
      age=pl.int_ranges(
        pl.col("title").list.len().cast(pl.Int64)
      ).list.reverse(),
    )
    .explode(*columns, "age")
    .with_row_index("row")
  )
  if "categories" not in columns:
    rows = rows.with_columns(categories=pl.concat_list(_kind(pl.col("title"))))
  found = [_series(rows), _of_labels(rows)]
  if "brand" in columns:
    found.append(_brand(rows))
  if "price" in columns:
    found.append(_price(rows))
  facts = requests.select(INSTANCE)
  for frame in found:
    facts = facts.join(frame, INSTANCE, "left", maintain_order="left")
  facts = _with_all(facts)
  if not ordered:
    facts = facts.with_columns(pl.lit(None, pl.String).alias(c) for c in _NEW)
  # Words of titles are used only if little else is shared.
  little = facts.filter(pl.col("second").is_null() & pl.col("series").is_null())
  facts = facts.drop("topic").join(
    _topic(rows, little), INSTANCE, "left", maintain_order="left"
  )
  named = pl.coalesce("label", "brand").is_not_null()
  return facts.with_columns(
    series_too=pl.when(named).then("series"),
    topic_too=pl.when(named).then("topic"),
  )


def _kind(title: pl.Expr) -> pl.Expr:
  """Returns the kind of item that a title states."""
  title = title.str.replace_all(
    r"(?i)\bPS ?([2-5])\b", "PlayStation $1"
  ).str.replace_all("(?i)playstation", "PlayStation")
  ending = title.str.extract(titles.ENDING, 1).str.strip_chars()
  return pl.coalesce(
    title.str.extract(f"({titles.PLATFORM})", 1),
    pl.when(~ending.str.contains(titles.NO_ENDING)).then(ending),
  )


def _with_all(facts: pl.DataFrame) -> pl.DataFrame:
  return facts.with_columns(
    pl.lit(None, pl.String).alias(slot)
    for slot in SLOTS
    if slot not in facts.columns
  )


def _votes(rows: pl.DataFrame, by: str, *more: pl.Expr) -> pl.DataFrame:
  """Counts, for each history, the items that share a value of `by`."""
  return rows.group_by(INSTANCE, by).agg(
    pl.col("length").first(),
    *more,
    votes=pl.col("row").n_unique(),
    newest=pl.col("age").min(),
  )


def _enough(share: float = _SHARE) -> pl.Expr:
  return (pl.col("votes") >= 2) & (pl.col("votes") >= share * pl.col("length"))


def _top(votes: pl.DataFrame, by: str, score: pl.Expr) -> pl.DataFrame:
  """Returns each history's best value; ties go to the newest, then by name."""
  return (
    votes.with_columns(score=score)
    .sort(
      INSTANCE, "score", "newest", by, descending=[False, True, False, False]
    )
    .unique(INSTANCE, keep="first", maintain_order=True)
    .select(INSTANCE, by)
  )


def _of_labels(rows: pl.DataFrame) -> pl.DataFrame:
  """Returns `label`, `second`, `latest`, `lately`, `liked`, `disliked`."""
  labels = _labels(rows)
  rated = [pl.col("rating").mean()] if "rating" in rows.columns else []
  votes = _votes(
    labels,
    "label",
    pl.col("depth").mean(),
    (pl.col("age") < _NEWEST).sum().alias("of_newest"),
    *rated,
  )
  score = pl.col("votes") * (1 + _DEPTH * pl.col("depth"))
  latest = (
    labels.filter(pl.col("age") == 0)
    .unique(INSTANCE, keep="last", maintain_order=True)
    .select(INSTANCE, latest="label")
  )
  best = _top(votes.filter(_enough()), "label", score)
  facts = (
    rows.select(INSTANCE)
    .unique()
    .join(latest, INSTANCE, "left")
    .join(best, INSTANCE, "left")
  )
  # The latest label is named if none is shared.
  named = facts.select(INSTANCE, label=pl.coalesce("label", "latest"))
  others = _beside(votes, named, "label")
  second = _top(others.filter(_enough()), "label", score)
  facts = facts.join(second.rename({"label": "second"}), INSTANCE, "left")
  others = _beside(others, second, "label")
  older = (pl.col("votes") - pl.col("of_newest")) / (pl.col("length") - _NEWEST)
  turned_to = (
    (pl.col("length") >= _SHORT) & (pl.col("of_newest") >= 2) & (older < _SHARE)
  )
  lately = _top(others.filter(turned_to), "label", score)
  facts = facts.join(lately.rename({"label": "lately"}), INSTANCE, "left")
  if rated:
    others = _beside(others, lately, "label")
    facts = facts.join(_by_rating(rows, others), INSTANCE, "left")
  return facts


def _labels(rows: pl.DataFrame) -> pl.DataFrame:
  """Returns a row per label, worded so that it is clear by itself."""
  labels = (
    rows.select(
      INSTANCE, "row", "length", "age",
      *(c for c in ("rating",) if c in rows.columns),
      label="categories",
      depth=pl.int_ranges(pl.col("categories").list.len().cast(pl.Int64)),
    )
    .explode("label", "depth")
    .drop_nulls("label")
  )  # fmt: skip
  generic = pl.col("label").str.contains(f"(?i)^({titles.GENERIC})$")
  above = pl.col("label").shift(1)
  people = pl.col("label").str.contains(f"(?i)^({titles.PEOPLE})$")
  alone = (pl.col("depth") == 0) | above.str.to_lowercase().str.contains(
    pl.col("label").str.to_lowercase(), literal=True
  )
  return labels.with_columns(
    label=pl.when(~alone & generic)
    .then(pl.format("{} {}", above, "label"))
    .when(~alone & people)
    .then(pl.format("{} for {}", above, "label"))
    .otherwise("label")
    .str.replace(titles.COUNTED, "${1}s")
  )


def _beside(votes: pl.DataFrame, chosen: pl.DataFrame, by: str) -> pl.DataFrame:
  """Drops values that repeat the chosen value or a part of it."""
  name = f"{by}_chosen"
  joined = votes.join(
    chosen.rename({by: name}), INSTANCE, "left", maintain_order="left"
  )
  same = pl.col(name).str.contains(pl.col(by), literal=True) | pl.col(
    by
  ).str.contains(pl.col(name), literal=True)
  return joined.filter(~same.fill_null(False)).drop(name)


def _by_rating(rows: pl.DataFrame, votes: pl.DataFrame) -> pl.DataFrame:
  """Returns `liked` and `disliked`: labels whose ratings differ from others.

  The rating scale is unknown, so ratings are compared with the highest that the
  user has given.
  """
  own = rows.group_by(INSTANCE, maintain_order=True).agg(
    highest=pl.col("rating").max(), usual=pl.col("rating").mean()
  )
  votes = votes.join(own, INSTANCE, "left", maintain_order="left")
  highest = pl.col("highest")
  low = votes.filter(pl.col("rating") <= highest / 2)
  high = votes.filter(
    (pl.col("votes") >= 2)
    & (pl.col("rating") == highest)
    & (pl.col("usual") <= 0.8 * highest)
  )
  score = pl.col("votes") + _DEPTH * pl.col("depth")
  return (
    own.select(INSTANCE)
    .join(
      _top(high, "label", score).rename({"label": "liked"}), INSTANCE, "left"
    )
    .join(
      _top(low, "label", score).rename({"label": "disliked"}), INSTANCE, "left"
    )
  )


def _brand(rows: pl.DataFrame) -> pl.DataFrame:
  """Returns `brand`, which is shared, or else `brands`, the newest ones."""
  brands = rows.with_columns(brand=cleaning.brand(pl.col("brand")))
  votes = _votes(brands.drop_nulls("brand"), "brand")
  best = _top(votes.filter(_enough()), "brand", pl.col("votes"))
  # The newest brands are named if none is shared.
  newest = (
    brands.drop_nulls("brand")
    .join(best, INSTANCE, "anti")
    .sort(INSTANCE, "age")
    .unique([INSTANCE, "brand"], keep="first", maintain_order=True)
    .group_by(INSTANCE, maintain_order=True)
    .agg(pl.col("brand").head(_NEWEST))
    .filter(pl.col("brand").list.len() == _NEWEST)
  )
  first = pl.col("brand").list.slice(0, _NEWEST - 1).list.join(", ")
  named = newest.select(
    INSTANCE, brands=pl.format("{} and {}", first, pl.col("brand").list.last())
  )
  return best.join(named, INSTANCE, "full", coalesce=True)


def _series(rows: pl.DataFrame) -> pl.DataFrame:
  """Returns `series`: the longest prefix that titles share."""
  told = rows.select(INSTANCE, "row", "length", "age", "title")
  words = pl.col("title").str.split(" ")
  candidates = []
  for count in range(1, _PREFIX_WORDS + 1):
    prefix = words.list.head(count).list.join(" ")
    if count == 1:
      # A single word is a name only if a number or a colon follows.
      prefix = pl.col("title").str.extract(
        r"^([A-Z][\w'&.-]{3,}?)(?::| \d| [IVX]+\b)"
      )
    candidates.append(
      told.select(
        INSTANCE, "row", "length", "age",
        series=prefix.str.strip_chars(" :,;-\u2013\u2014"),
        words=count,
        whole=validate.plain(prefix) == validate.plain(
          validate.without_subtitle(pl.col("title"))
        ),
      )
    )  # fmt: skip
  named = pl.concat(candidates).filter(
    pl.col("series")
    .str.replace_all(rf"{titles.PLATFORM}|(?i)\b(?:{titles.NO_SERIES})\b", "")
    .str.contains(r"[A-Za-z]{3}")
    & ~pl.col("series").str.contains(rf"(?i)(^|[\s-])({titles.NO_SERIES})$")
    & ~pl.col("series").str.contains(r"[(\[][^)\]]*$|\s[-\u2013\u2014]\s")
  )
  votes = _votes(named, "series", pl.col("words").max(), pl.col("whole").any())
  # A series whose name is a whole title would reveal that title.
  votes = votes.filter(_enough(0.2) & ~pl.col("whole"))
  score = pl.col("votes") * 10 + pl.col("words")
  return _top(votes, "series", score).with_columns(
    pl.col("series").str.replace("(?i)^the ", "")
  )


def _topic(rows: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
  """Returns `topic`: a word of most titles that no other fact has."""
  word = r"[A-Za-z][A-Za-z'-]{3,}"
  said = pl.concat_str(
    (pl.col(c).str.to_lowercase() for c in ("label", "brand")),
    separator=" ",
    ignore_nulls=True,
  )
  words = (
    rows.join(facts.select(INSTANCE, said=said), INSTANCE)
    .with_columns(
      # Brackets in a title say how the item is sold.
      topic=validate.without_subtitle(pl.col("title")).str.extract_all(word)
    )
    .explode("topic")
    .drop_nulls("topic")
    .filter(
      ~pl.col("topic").str.contains(
        rf"(?i)^(?:{titles.NO_SERIES}|{titles.NO_TOPIC}|{titles.GENERIC})$"
      )
      & ~pl.col("said").str.contains(
        pl.col("topic").str.to_lowercase().str.strip_suffix("s"), literal=True
      )
    )
  )
  return _top(
    _votes(words, "topic").filter(_enough(_MOST)), "topic", pl.col("votes")
  )


def _price(rows: pl.DataFrame) -> pl.DataFrame:
  """Returns `price`: the usual price, if prices are close to each other."""
  price = pl.col("price")
  usual = price.median()
  return (
    rows.group_by(INSTANCE, maintain_order=True)
    .agg(
      known=price.count(),
      length=pl.len(),
      usual=usual,
      low=price.quantile(0.25),
      high=price.quantile(0.75),
    )
    .filter(
      (pl.col("known") >= 3)
      & (2 * pl.col("known") >= pl.col("length"))
      & (pl.col("usual") >= 2)
      & (pl.col("high") <= 1.6 * pl.col("low"))
    )
    .select(
      INSTANCE, price=pl.col("usual").round(0).cast(pl.Int64).cast(pl.String)
    )
  )
