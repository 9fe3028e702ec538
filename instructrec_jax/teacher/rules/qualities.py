"""What reviews praise and what they complain of: words in a table.

A noun counts with praise beside it, a turn of phrase by itself; sentences that
deny or regret something do not count. What is named are the table's words and
never the review's, so nothing is quoted.
"""

import polars as pl

from instructrec_jax.teacher.checks import cleaning
from instructrec_jax.teacher.protocol import INSTANCE
from instructrec_jax.teacher.rules import needs

_GOOD = (
  "great|good|excellent|amazing|awesome|beautiful|fantastic|wonderful|perfect|"
  "lovely|gorgeous|stunning|superb|brilliant|incredible|outstanding|fabulous|"
  "terrific|delightful|compelling|fascinating|strong|rich|vivid|solid|fun|best|"
  "engaging|interesting|enjoyable|impressive|top[- ]notch|memorable|nice"
)
_VERY = (
  r"(?:(?:so|very|really|just|absolutely|truly|always|also|all|quite)\s+)*"
)
_ANY = ("book", "movie", "anime", "game", "music", "business", "video", "news",
        "product")  # fmt: skip
_STORIES = ("book", "movie", "anime", "game")
_SHOWN = ("movie", "anime", "game", "video")
# Name: nouns that are praised, turns of phrase, and what it may be said of.
_QUALITIES = (
  ("memorable characters", "characters?|characteri[sz]ation|protagonists?|"
   "heroines?|heroes", r"relatable|well[- ]developed characters", _STORIES),
  ("a good story", "plots?|story ?lines?|stor(?:y|ies)|narrative|tales?",
   r"well[- ]plotted", _STORIES),
  ("good writing", "writing|prose|writers?|author",
   "(?:well|beautifully|brilliantly|wonderfully)[- ]written", ("book", "news")),
  ("suspense", "suspense|twists?|tension", r"page[- ]?turner|gripping|riveting|"
   r"suspenseful|edge of (?:my|your) seat|kept me guessing|hard to put down",
   _STORIES),
  ("humour", "humou?r|jokes|wit", r"funny|hilarious|laugh(?:ed|ing)? out loud|"
   "witty|made me laugh", (*_STORIES, "video")),
  ("stories that move them", None, r"(?:very|so|deeply|truly) moving|touching|"
   r"heart[- ]?warming|heart[- ]?breaking|made me cry|tear[- ]jerker",
   _STORIES),
  ("thorough information", "information|research|insights?|articles?|detail",
   "informative|well[- ]researched|insightful|in[- ]depth|educational",
   ("book", "news", "product", "video")),
  ("practical advice", "advice|tips|ideas|exercises|instructions|recipes|"
   "projects|patterns", "practical|(?:very|so|really) (?:useful|helpful)",
   ("book", "news", "product", "video")),
  ("clear explanations", "explanations?|examples", r"easy to (?:understand|"
   "follow|read)|clearly (?:written|explained)|easy read", ("book", "news")),
  ("fine pictures", "illustrations?|pictures|photos?|photographs?|photography|"
   "artwork|drawings|images|art", "beautifully illustrated",
   ("book", "news", "product")),
  ("a beautiful look", "graphics|visuals?|animation|art(?: ?style|work)?|"
   "effects|cinematography", "beautifully (?:animated|drawn|shot)", _SHOWN),
  ("good music", "music|soundtrack|score|songs|ost|voice acting", None,
   (*_SHOWN, "music")),
  ("enjoyable play", "gameplay|game play|mechanics|controls|combat|levels|"
   "puzzles|replay(?:ability| value)", "addict(?:ive|ing)", ("game",)),
  ("playing together", "multi-?player|co-?op",
   r"(?:play|fun) with (?:your |my )?friends", ("game",)),
  ("good acting", "acting|performances?|actors?|cast", None, ("movie",)),
  ("a convincing world", "world[- ]?building|lore|universe|atmosphere|setting",
   None, _STORIES),
  ("a pleasant atmosphere", "atmosphere|ambian?ce|vibes?|decor|setting|patio|"
   "views?|space", "cozy|cosy|relaxing", ("business",)),
  ("friendly service", "service|staff|wait(?:er|ress|staff)s?|servers?|"
   "bartenders?|employees|instructors?|owners?|team",
   "friendly|attentive|welcoming|accommodating", ("business",)),
  ("good food", "food|dishes|meals?|menu|flavou?rs?|desserts?|pizzas?|"
   "burgers?|tacos?|sandwich(?:es)?|sushi|breakfast|brunch|dinner|lunch|wings|"
   "seafood|oysters", "delicious|tasty|yummy|mouth-?watering|flavou?rful",
   ("business",)),
  ("good drinks", "coffee|lattes?|drinks?|cocktails?|beers?|wines?|margaritas?|"
   "teas?|smoothies?", None, ("business",)),
  ("generous portions", "portions?|servings?", "huge portions?", ("business",)),
  ("a clean place", None, "clean|spotless", ("business",)),
  ("quick service", None, "(?:fast|quick|prompt) (?:service|delivery)|no wait",
   ("business",)),
  ("professional work", "jobs?|work|haircuts?|massages?|manicures?|pedicures?",
   "professional|knowledgeable", ("business",)),
  ("fair prices", "prices?|value|deals?|bargains?|pricing", "affordable|"
   "inexpensive|reasonabl[ey] pric(?:ed?|es)|worth (?:every penny|the (?:money|"
   "price))", ("business", "product", "game")),
  ("good quality", "quality|materials?|craftsmanship",
   "well[- ]made|sturdy|durable|high quality", ("product",)),
  ("ease of use", None, "easy to (?:use|install|assemble|set up|clean|redeem|"
   "give|order|send|buy)|convenient|user[- ]friendly|handy", ("product",)),
  ("variety", "variety|selection|choices?|range|assortment", None, _ANY),
  ("comfort", "fit|comfort", "comfortable|comfy|fits (?:well|perfectly|great)",
   ("product",)),
)  # fmt: skip
_FLAWS = (
  ("a slow pace", "slow(?: pace)?|slow[- ]paced|drag(?:s|ged|ging)|boring|"
   "bored|dull|tedious|dry read", (*_STORIES, "video")),
  ("predictable stories", "predictable|clich[eé]s?|clich[eé]d|unoriginal",
   _STORIES),
  ("shallow characters", r"(?:flat|shallow|weak|unlikeable|unlikable|"
   r"one[- ]dimensional|wooden|annoying) (?:\w+ )?characters?|characters? "
   r"(?:is|are|was|were) (?:so |very |too )?(?:flat|shallow|weak|unlikeable|"
   "unlikable|one[- ]dimensional|wooden|annoying)", _STORIES),
  ("poor writing", "(?:poor|bad|terrible|awful|clumsy) (?:writing|prose|"
   "editing|grammar|translation)|(?:poorly|badly) (?:written|edited)|typos",
   ("book", "news")),
  ("confusing stories", "confus(?:ing|ed)|hard to follow|makes no sense",
   _STORIES),
  ("repetition", "repetitive|repetitious|repeats? itself|same thing over",
   _ANY),
  ("a lack of depth", "superficial|shallow|nothing new|no substance|"
   "lacks? (?:depth|substance)", ("book", "movie", "anime", "news")),
  ("technical faults", r"bugs?\b|buggy|crash(?:es|ed|ing)?|glitch\w*|lag(?:gy)?"
   r"\b|poorly optimi[sz]ed", ("game",)),
  ("high prices", "over-?priced|too expensive|waste of money|rip[- ]?off",
   ("business", "product", "game")),
  ("unfriendly service", "rude|unfriendly|unprofessional", ("business",)),
  ("poor quality", "poor quality|cheaply made|flimsy|fell apart|broke",
   ("product",)),
)  # fmt: skip
_GRIPPED = (
  r"\b(?:could|can|did)(?: not|n'?t) (?:bear to )?(?:put|stop|stopped) "
  r"(?:(?:it|this|the book|these|them) )?(?:down|reading)"
)


def praised(reviews: pl.DataFrame) -> pl.DataFrame:
  """Returns how often each quality is praised.

  Args:
    reviews: INSTANCE, `review`, and `thing` (null where it is not known).

  Returns:
    INSTANCE, `name` and `reviews` that praise it, by number and then as the
    table has them; only those that are there.
  """
  sentence = pl.col("sentence")
  rows = [
    (name, _praise(nouns, phrases), things)
    for name, nouns, phrases, things in _QUALITIES
  ]
  sentences = _sentences(reviews).with_columns(
    sentence.str.replace_all(_GRIPPED, "hard to put down")
  )
  return _counted(sentences.filter(~sentence.str.contains(needs.NEGATED)), rows)


def regretted(reviews: pl.DataFrame) -> pl.DataFrame:
  """Returns how often each flaw is complained of; see `praised`."""
  rows = [
    (name, rf"\b(?:{pattern})", things) for name, pattern, things in _FLAWS
  ]
  denied = r"\b(?:not|never|without|no) (?:\w+ )?"
  sentences = _sentences(reviews).with_columns(
    pl.col("sentence").str.replace_all(denied + r"\w+", "")
  )
  return _counted(sentences, rows)


def _praise(nouns: str | None, phrases: str | None) -> str:
  found = []
  if nouns is not None:
    found += [
      rf"(?:{_GOOD}) (?:and \w+ )?(?:\w+ )?(?:{nouns})\b",
      rf"(?:{nouns}) (?:is|are|was|were) {_VERY}(?:{_GOOD})\b",
      r"(?:loved?|loving|enjoy(?:ed)?|likes?|liked|adored?) (?:the|its|his|her|"
      rf"their|all the) (?:\w+ )?(?:{nouns})\b",
    ]
  if phrases is not None:
    found.append(rf"(?:{phrases})\b")
  return rf"\b(?:{'|'.join(found)})"


def _sentences(reviews: pl.DataFrame) -> pl.DataFrame:
  rows = reviews.with_row_index("row").drop_nulls("review")
  return cleaning.sentences(rows, "review").with_columns(
    pl.col("sentence").str.to_lowercase()
  )


def _counted(
  sentences: pl.DataFrame, rows: list[tuple[str, str, tuple[str, ...]]]
) -> pl.DataFrame:
  found = sentences.select(
    INSTANCE,
    "row",
    *(
      (
        pl.col("sentence").str.contains(pattern)
        & pl.col("thing").is_in(things).fill_null(True)
      ).alias(name)
      for name, pattern, things in rows
    ),
  )
  by_review = found.group_by(INSTANCE, "row", maintain_order=True).agg(
    pl.col(name).any() for name, _, _ in rows
  )
  counts = by_review.group_by(INSTANCE, maintain_order=True).agg(
    pl.col(name).sum() for name, _, _ in rows
  )
  return (
    counts.unpivot(index=INSTANCE, variable_name="name", value_name="reviews")
    .filter(pl.col("reviews") > 0)
    .sort("reviews", descending=True, maintain_order=True)
  )


def named(counts: pl.DataFrame, most: int, column: str) -> pl.DataFrame:
  """Returns INSTANCE and the first names as words: "one, two and three"."""
  names = counts.group_by(INSTANCE, maintain_order=True).agg(
    pl.col("name").head(most)
  )
  return names.select(INSTANCE, cleaning.joined(pl.col("name")).alias(column))
