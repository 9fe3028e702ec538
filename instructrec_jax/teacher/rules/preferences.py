"""Preferences without a model: what the items of a history share.

A history votes: labels, brands and series that several of its items have, what
the newest ones turn to, what was rated low, what it costs. Nothing but the
history is looked at, no statistic of other users either, so that no text can
depend on the target.
"""

import numpy as np
import polars as pl

from instructrec_jax.teacher.checks import cleaning, validate
from instructrec_jax.teacher.protocol import INSTANCE
from instructrec_jax.teacher.rules import wording

# A label such as "Games" says little without the one above it.
_GENERIC = (
  "games|game|accessories|consoles|controllers|hardware|software|toys|parts|"
  "other|general|more|downloads|digital games|cards|kits|sets|bundles|supplies"
)
# Nor does one of people, which takes a "for" between the two.
_PEOPLE = (
  "wom[ae]n|m[ae]n|boys?|girls?|kids|child(?:ren)?|teens?|tweens|bab(?:y|ies)|"
  "adults?|seniors?|infants?|toddlers?|ages? .*"
)
# A label that is a step more special outweighs that much of the votes.
_DEPTH = 0.1
# A shared fact is of a third of the history, and of two items at least.
_SHARE = 0.3
_MOST = 0.5
_NEWEST = 3
_SHORT = 6
# What follows the last dash of a title is often its platform, format or kind.
_ENDING = r"\s[-\u2013\u2014]\s([A-Za-z][^-\u2013\u2014:()\[\]]{1,29})$"
_NO_ENDING = r"(?i)\b(edition|pack|bundle|volume|vol|disc|part|set|count)\b"
# Platforms, wherever a title has them: they are kinds of things, no series.
_PLATFORM = (
  r"(?i)\b(?:PlayStation(?: (?:[2-5]|VR|Vita))?|PSP|Xbox(?: (?:360|One|Series "
  r"[XS]))?|(?:Nintendo )?(?:3?DS|Switch|Wii(?: U)?|GameCube|64)|"
  r"Super Nintendo|Game ?Boy(?: (?:Advance|Color))?|Dreamcast|"
  r"Sega (?:Genesis|Saturn))\b"
)
# What a series is not called, and must not end with.
_NO_SERIES = (
  "a|an|the|of|and|or|for|to|in|on|at|with|from|by|my|new|all|best|great|super|"
  "big|little|world|star|black|ultimate|complete|official|nintendo|"
  "playstation|xbox|sony|microsoft|wii|pc|ps2|ps3|ps4|usb|gift|card|wireless|"
  "wired|controller"
)
_PREFIX_WORDS = 4
# Words of titles that say how a thing is sold, and not what it is about.
_NO_TOPIC = (
  "edition|volume|pack|this|that|your|cards?|gifts?|magazines?|subscriptions?|"
  "issues?|delivery|e-mail|email|print|print-at-home|configuration|asin|designs?|"
  "free|series|collection|version|size|inch|color|colour|downloads?|online|"
  "codes?|digital|instant|various|assorted|multipack|delivered|classic"
)
# Labels in the singular of what is counted: one keeps coming back to several.
_COUNTED = (
  r"(?i)\b((?:game|puzzle|book|handbook|novel|toy|film|movie|album|magazine|"
  r"card|tool|collection|shoe|boot|shirt|bag|lamp|guitar))$"
)

_MAIN = {
  ("label", "second", "brand"): (
    "I keep coming back to {label} and {second}, and I trust {brand}",
    "What I look for is {label}, with some {second}, often from {brand}",
    "My taste runs to {label} and {second}; {brand} is a name I return to",
    "{label} and {second} are what I enjoy, above all from {brand}",
  ),
  ("label", "brand"): (
    "I keep coming back to {label}, and I trust {brand}",
    "My interest is in {label}, most of all from {brand}",
    "I look at {label} first, and {brand} is a name I return to",
    "I care for {label} and like what comes from {brand}",
  ),
  ("label", "second"): (
    "I keep coming back to {label}, and to {second} as well",
    "My taste runs to {label} and {second}",
    "I look at {label} first, and {second} comes next",
    "What I enjoy is {label}, with an interest in {second}",
  ),
  ("label",): (
    "I keep coming back to {label}",
    "My interest is in {label}",
    "I look at {label} first",
    "What I enjoy most is {label}",
  ),
  ("brand",): (
    "I like what comes from {brand} and tend to stay with it",
    "{brand} is a name I trust and return to",
    "When I choose, I look for {brand}",
    "I have come to rely on {brand}",
  ),
  ("series",): (
    "I follow the {series} series and want more of it",
    "I like to stay with the {series} series",
    "{series} is a series I return to",
    "I am fond of everything in the {series} series",
  ),
  ("topic",): (
    "I often pick things that have to do with {topic}",
    "Anything about {topic} catches my eye",
    "I return to {topic} again and again",
    "I am drawn to whatever has {topic} in its name",
  ),
  ("latest",): (
    "I have just begun, with {latest}",
    "So far I have shown an interest in {latest}",
    "I have made a start with {latest}",
    "I have recently taken an interest in {latest}",
  ),
}
# What follows the main sentence, in this order.
_FURTHER = {
  "series_too": (
    "I follow the {series_too} series",
    "The {series_too} series is a favourite of mine",
    "I want more of the {series_too} series",
  ),
  "lately": (
    "Lately I have turned to {lately}",
    "My latest choices lean towards {lately}",
    "In recent times I have taken to {lately}",
  ),
  "liked": (
    "I was happiest with {liked}",
    "My best experiences were with {liked}",
    "Nothing has pleased me more than {liked}",
  ),
  "disliked": (
    "I was less happy with {disliked}",
    "I have been let down by {disliked}",
    "I have not had much luck with {disliked}",
  ),
  "topic_too": (
    "I often pick those that have to do with {topic_too}",
    "I am drawn to those with {topic_too} in the name",
    "I tend to choose those with {topic_too} in the name",
  ),
  "brands": (
    "My latest choices came from {brands}",
    "Lately I have chosen {brands}",
    "The names that I chose last are {brands}",
  ),
  "price": (
    "I usually spend about {price} on one",
    "I tend to pay around {price}",
    "A price of about {price} is usual for me",
  ),
}
_MOST_FURTHER = 2
SLOTS = (*dict.fromkeys(slot for slots in _MAIN for slot in slots), *_FURTHER)


def write(requests: pl.DataFrame, drawn: np.ndarray) -> pl.DataFrame:
  """Returns a preference for each history.

  Args:
    requests: of the kind `protocol.PREFERENCE`.
    drawn: uint32 [requests], which decides the wording.

  Returns:
    INSTANCE and `preference`, null where the history shares nothing.
  """
  facts = shared(requests).with_columns(drawn=pl.Series(drawn, dtype=pl.UInt32))
  text = wording.compose(_MAIN, _FURTHER, _MOST_FURTHER)
  return facts.select(INSTANCE, preference=text)


def shared(requests: pl.DataFrame) -> pl.DataFrame:
  """Returns the SLOTS of each history, null where it has none."""
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
  # Words of titles come in where little else is shared.
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
  """Returns what a title says of what it is, where nothing else says it."""
  title = title.str.replace_all(
    r"(?i)\bPS ?([2-5])\b", "PlayStation $1"
  ).str.replace_all("(?i)playstation", "PlayStation")
  ending = title.str.extract(_ENDING, 1).str.strip_chars()
  return pl.coalesce(
    title.str.extract(f"({_PLATFORM})", 1),
    pl.when(~ending.str.contains(_NO_ENDING)).then(ending),
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
  """Returns each history's best value; of equal ones the newest, by name."""
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
  rated = "rating" in rows.columns
  labels = (
    rows.select(
      INSTANCE, "row", "length", "age", *["rating"] * rated,
      label="categories",
      depth=pl.int_ranges(pl.col("categories").list.len().cast(pl.Int64)),
    )
    .explode("label", "depth")
    .drop_nulls("label")
  )  # fmt: skip
  generic = pl.col("label").str.contains(f"(?i)^({_GENERIC})$")
  above = pl.col("label").shift(1)
  people = pl.col("label").str.contains(f"(?i)^({_PEOPLE})$")
  alone = (pl.col("depth") == 0) | above.str.to_lowercase().str.contains(
    pl.col("label").str.to_lowercase(), literal=True
  )
  labels = labels.with_columns(
    label=pl.when(~alone & generic)
    .then(pl.format("{} {}", above, "label"))
    .when(~alone & people)
    .then(pl.format("{} for {}", above, "label"))
    .otherwise("label")
    .str.replace(_COUNTED, "${1}s")
  )
  votes = _votes(
    labels,
    "label",
    pl.col("depth").mean(),
    (pl.col("age") < _NEWEST).sum().alias("of_newest"),
    *[pl.col("rating").mean()] * rated,
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
  # Where nothing is shared, the latest is named.
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


def _beside(votes: pl.DataFrame, chosen: pl.DataFrame, by: str) -> pl.DataFrame:
  """Leaves out what says the same as the chosen value, or a part of it."""
  name = f"{by}_chosen"
  joined = votes.join(
    chosen.rename({by: name}), INSTANCE, "left", maintain_order="left"
  )
  same = pl.col(name).str.contains(pl.col(by), literal=True) | pl.col(
    by
  ).str.contains(pl.col(name), literal=True)
  return joined.filter(~same.fill_null(False)).drop(name)


def _by_rating(rows: pl.DataFrame, votes: pl.DataFrame) -> pl.DataFrame:
  """Returns `liked` and `disliked`: labels apart from the other ratings.

  Scales differ and nothing says which one it is, so ratings are compared with
  the highest that the user has given.
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
  """Returns `brand`, shared, and where none is `brands`, the newest."""
  brands = rows.with_columns(brand=cleaning.brand(pl.col("brand")))
  votes = _votes(brands.drop_nulls("brand"), "brand")
  best = _top(votes.filter(_enough()), "brand", pl.col("votes"))
  # Where none is shared, the newest are told instead.
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
  """Returns `series`: the longest beginning that titles share."""
  titles = rows.select(INSTANCE, "row", "length", "age", "title")
  words = pl.col("title").str.split(" ")
  candidates = []
  for count in range(1, _PREFIX_WORDS + 1):
    prefix = words.list.head(count).list.join(" ")
    if count == 1:
      # One word alone is too often no name, unless a number or a colon says so.
      prefix = pl.col("title").str.extract(
        r"^([A-Z][\w'&.-]{3,}?)(?::| \d| [IVX]+\b)"
      )
    candidates.append(
      titles.select(
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
    .str.replace_all(rf"{_PLATFORM}|(?i)\b(?:{_NO_SERIES})\b", "")
    .str.contains(r"[A-Za-z]{3}")
    & ~pl.col("series").str.contains(rf"(?i)(^|[\s-])({_NO_SERIES})$")
    & ~pl.col("series").str.contains(r"[(\[][^)\]]*$|\s[-\u2013\u2014]\s")
  )
  votes = _votes(named, "series", pl.col("words").max(), pl.col("whole").any())
  # A series that is one title of its own would be named by its title.
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
      # What stands in brackets says how a thing is sold.
      topic=validate.without_subtitle(pl.col("title")).str.extract_all(word)
    )
    .explode("topic")
    .drop_nulls("topic")
    .filter(
      ~pl.col("topic").str.contains(
        rf"(?i)^(?:{_NO_SERIES}|{_NO_TOPIC}|{_GENERIC})$"
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
  """Returns `price`: the usual one, where prices are near each other."""
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
