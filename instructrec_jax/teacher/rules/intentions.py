"""Intentions without a model: sentences that say what something was for.

People tell in reviews whom a thing was for, on which occasion, or what they
needed it to do. Such a clause is cut out and said again as the need it came
from, in two wordings.
"""

import numpy as np
import polars as pl

from instructrec_jax.teacher.checks import cleaning
from instructrec_jax.teacher.protocol import INSTANCE
from instructrec_jax.teacher.rules import needs, wording

_KIN = (
  "(?:grand[ -]?|step[ -]?|god)?(?:sons?|daughters?|child|children|kids?|"
  "mothers?|fathers?|parents?)|grandma|grandpa|wife|husband|hubby|spouse|partner|"
  "fianc[eé]e?|girlfriend|boyfriend|mom|mum|dad|nephews?|nieces?|sisters?|"
  "brothers?|siblings?|cousins?|aunts?|uncles?|friends?|neighbou?rs?|"
  "co-?workers?|colleagues?|boss|teachers?|students?|employees?|class|"
  "famil(?:y members?|y)|toddlers?|teenagers?|teens?|bab(?:y|ies)|boys?|girls?|"
  "secretary|mail ?(?:man|carrier)|coach|doctor|nurse|roommates?|sweetheart|"
  r"relatives?|graduates?|guests?|staff|folks|gf|bf|kinfolk|"
  r"\w+[- ](?:years?|yrs?)[- ]olds?"
)
_KIND = (
  r"(?:\d+|one|two|three|four|five|six|seven|eight|nine|ten|twelve|little|"
  r"young|younger|youngest|old|older|oldest|eldest|grown|adult|teen|teenage|"
  r"dear|good|best|great|new|other|elderly|pregnant|and|year|years|yr|yrs|"
  r"month|months|wonderful|lovely|beautiful|favou?rite|college|work|baby|tween|"
  r"twin|\d+[- ]?(?:years?|yrs?|yo|y/o|months?)(?:[- ]?olds?)?)"
)
_OF_MINE = r"(?:in[- ]laws?|of mine|of ours)"
_RECIPIENT = (
  r"((?:my|our|your|an?|the|some|two|three|several|a few|a couple of|"
  rf"(?:all|both)(?: of)? my)\s+(?:{_KIND}[\s-]+){{0,4}}"
  rf"(?:{_KIN})(?:[- ]{_OF_MINE})?)\b"
)
# Who belongs to the writer, whether "my" is written or not.
_OWN = (
  "(?:grand|step|god)?(?:sons?|daughters?|child)|grand(?:kids|children)|wife|"
  "husband|hubby|mom|mum|dad|mother|father|grandma|grandpa|niece|nephew|sister|"
  "brother|boyfriend|girlfriend|gf|bf"
)
_GROUPS = (
  "(?:family and )?friends|friends and family|kids|children|teens|teenagers|"
  "tweens|toddlers|teachers|students|co-?workers|colleagues|employees|women|"
  "men|girls|boys|adults|seniors|beginners|mothers|moms|dads|couples|families"
)
_LOVERS = (
  r"(?:lovers?|fans?|addicts?|enthusiasts?|readers?|gamers?|collectors?|buffs?|"
  r"foodies?|travell?ers?|cooks?|gardeners?|hikers?|hunters?|crafters?)"
)
_ENJOYS = (
  r"(?:'s)?\s+(?:(?:really|absolutely|just|all|both|also)\s+)*(?:loves?|loved|"
  r"enjoys?|enjoyed|likes?|liked|plays?|played|uses?|used|wants?|wanted|asked|"
  r"was (?:very |so |really )?(?:happy|thrilled|excited|pleased|delighted)|"
  r"is (?:very |so )?(?:happy|crazy|obsessed|mad|keen|into)|birthday|"
  r"graduation|wedding)"
)
# In this order: the first that is found is meant.
_RECIPIENTS = (
  rf"(?i)\b(?:for|to|gave|give|gift|sent|send|giving|sending|surprised|got|"
  rf"buy|bought)\s+{_RECIPIENT}",
  rf"(?i)\b{_RECIPIENT}{_ENJOYS}",
  rf"(?i)\bfor\s+((?:{_KIND}\s+){{0,2}}(?:{_GROUPS}))\b",
  r"(?i)\bfor\s+(?:the|an?|all|any|your)\s+((?:[a-z-]+\s+){0,3}"
  rf"{_LOVERS})\b",
)
# To these "my" is added.
_OWN_RECIPIENTS = (
  rf"(?i)\b(?:for|to|gave|give)\s+((?:{_KIND}\s+){{0,3}}(?:{_OWN}))\b",
  rf"(?i)^(?:the\s+)?((?:{_OWN}|kids|children|family)){_ENJOYS}(?:\s+(?:it|this|"
  r"that|these|them|the|his|her|their)\b|\W*$)",
)
# Such days name no recipient.
_DAY_OF = (
  r"(?i)\b(?:mother|father|grandparent|teacher|boss)'?s?'? (?:day|week)\b"
)
_AGE = r"\b(\w+)[- ](?:years?|yrs?)(?:[- ]old(s?))?\b"

# Pattern, as it stands before "present", and as an event.
_OCCASIONS = (
  (r"\b(?:b-?day|birthdays?)\b", "a birthday", "a birthday"),
  (r"\b(?:christmas|xmas|x-mas)\b", "a Christmas", "Christmas"),
  (r"\bweddings?\b", "a wedding", "a wedding"),
  (r"\banniversar(?:y|ies)\b", "an anniversary", "an anniversary"),
  (r"\bgraduat(?:ions?|ed|e|ing)\b", "a graduation", "a graduation"),
  (r"\bmothers?'?s? day\b", "a Mother's Day", "Mother's Day"),
  (r"\bfathers?'?s? day\b", "a Father's Day", "Father's Day"),
  (r"\bvalentine'?s?\b", "a Valentine's Day", "Valentine's Day"),
  (r"\beaster\b", "an Easter", "Easter"),
  (r"\bbaby shower\b", "a baby shower", "a baby shower"),
  (r"\bretire(?:ment|d|s)?\b", "a retirement", "a retirement"),
  (r"\bhouse-?\s?warming\b", "a house-warming", "a house-warming"),
  (
    r"\b(?:(?:as an?|little|small|nice|say|saying|for an?) thank[- ]?you|"
    r"thank[- ]?you (?:gift|present|card|note)|to thank|teacher appreciation)",
    "a thank-you",
    "a thank-you",
  ),
  (
    r"\b(?:holidays?|stocking stuffers?|secret santa|hanukkah)\b",
    "a holiday",
    "the holidays",
  ),
)
# "Anniversary edition" is no occasion.
_NO_OCCASION = (
  r"\banniversary (?:edition|collection|release|version|box|set|issue)\b"
)
# That something is about an occasion does not say that it was bought for it.
_ANY_OCCASION = "|".join(pattern for pattern, _, _ in _OCCASIONS)
_FOR_OCCASION = (
  r"\b(?:for|as|on|at|this|last|next|every|her|his|my|our|their|your)\s+"
  rf"(?:[\w'-]+\s+){{0,6}}(?:{_ANY_OCCASION})|(?:{_ANY_OCCASION})\s+(?:gift|"
  r"present|surprise|party|treat|basket|card|money|cheer)|\b(?:stocking "
  r"stuffer|secret santa|thank)"
)
# "Gift card" names a thing, and says nothing of what it was bought for.
_GIFT_THING = (
  r"(?i)\bgift[- ]?(?:cards?|certificates?|codes?|box(?:es)?|bags?|wrap\w*|"
  r"receipts?|tags?|cert|envelopes?|tins?|basket|giving|ideas?|guides?|shops?)"
  r"\b|\b(?:free|bonus) gifts?\b"
)
_GIFT = (
  r"(?i)\bgift(?:s|ed|ing)?\b|\b(?:an?|as|for|birthday|christmas|xmas|great|"
  r"good|nice|perfect|wedding|graduation|easy|last[- ]minute)\s+presents?\b|"
  r"\b(?:to give|giving)\s+(?:to|as|away|them|these)\b"
)
# Then somebody else had the need.
_RECEIVED = (
  r"(?i)\b(?:gave|sent|got|bought|gifted|gets?|gives?)\s+(?:(?:it|this)\s+)?"
  r"(?:(?:to|for)\s+)?(?:me|us)\b|\breceived\b|\b(?:was|were|been) given\b|"
  r"\b(?:gifts?|presents?)\s+(?:from|to me|to us)\b"
)
_FROM_NEGATION = (
  r"(?i)\b(?:(?:not|never|no|without|cancel\w*)\b|\w+n't\b).*?(?:,|\bbut\b|$)"
)
_SHORT = 20

_PHRASINGS = {
  ("gift", "recipient", "occasion"): (
    "I am looking for {occasion} present for {recipient}.",
    "I need a gift for {recipient} for {event}.",
    "What would {recipient} like as {occasion} present?",
    "I want to give {recipient} something for {event}.",
    "With {event} coming up, I need a present for {recipient}.",
  ),
  ("recipient", "occasion"): (
    "I am looking for something for {recipient}, for {event}.",
    "I need {occasion} present for {recipient}.",
    "I want to find something that {recipient} would like for {event}.",
    "With {event} coming up, I need something for {recipient}.",
  ),
  ("gift", "recipient"): (
    "I am looking for a gift for {recipient}.",
    "I need a present for {recipient}.",
    "I want to give {recipient} something as a gift.",
    "What could I give {recipient} as a present?",
    "Could you suggest a present for {recipient}?",
  ),
  ("gift", "occasion"): (
    "I am looking for {occasion} present.",
    "I need a gift for {event}.",
    "I want something to give as {occasion} present.",
    "I would like to find a present for {event}.",
    "With {event} coming up, I need a present.",
  ),
  ("recipient",): (
    "I am looking for something for {recipient}.",
    "I want something that {recipient} would enjoy.",
    "I need something that suits {recipient}.",
    "What would {recipient} like?",
    "Could you suggest something for {recipient}?",
  ),
  ("need",): (
    "I am looking for {need}.",
    "I need {need}.",
    "I would like to find {need}.",
    "What I am after is {need}.",
    "Could you suggest {need}?",
    "{need} would be just right for me.",
  ),
  ("gift",): (
    "I am looking for something to give as a gift.",
    "I need a present for somebody.",
    "I want something that makes a good gift.",
    "I would like to give somebody a present.",
    "I want to make somebody a present.",
    "I am on the lookout for a gift.",
    "Is there something that makes a nice present?",
    "I have a present to give and need an idea.",
  ),
  ("occasion",): (
    "I am looking for something for {event}.",
    "I need something that fits {event}.",
    "I would like to find something for {event}.",
    "With {event} coming up, I want something that fits.",
  ),
}
_SLOTS = ("recipient", "occasion", "event", "need")


def write(requests: pl.DataFrame, drawn: np.ndarray) -> pl.DataFrame:
  """Returns an intention for each review, in two wordings.

  Args:
    requests: of the kind `protocol.INTENTION`.
    drawn: uint32 [requests], which decides the wordings.

  Returns:
    INSTANCE, `vague_intention`, `vague_intention_2`: null where the review
    states no purpose, recipient or occasion.
  """
  facts = stated(requests).with_columns(drawn=pl.Series(drawn, dtype=pl.UInt32))
  first = second = pl.lit(None, pl.String)
  for slots, phrasings in reversed(_PHRASINGS.items()):
    there = pl.all_horizontal(pl.col(s).is_not_null() for s in slots)
    count = len(phrasings)
    place = pl.col("drawn") % count
    other = place + 1 + pl.col("drawn") // 64 % (count - 1)
    first, second = (
      pl.when(there)
      .then(wording.fill(phrasings, chosen, _SLOTS))
      .otherwise(before)
      for chosen, before in ((place, first), (other, second))
    )
  return facts.select(
    INSTANCE,
    vague_intention=wording.sentence(first),
    vague_intention_2=wording.sentence(second),
  )


def stated(requests: pl.DataFrame) -> pl.DataFrame:
  """Returns `gift` (true or null) and _SLOTS of each review."""
  sentences = cleaning.sentences(requests.select(INSTANCE, "review"), "review")
  # Shouting is put into small letters; names are lost, which is as well.
  low = pl.col("sentence").str.to_lowercase()
  quiet = pl.when(pl.col("sentence").str.contains("[a-z]")).then("sentence")
  sentences = sentences.with_columns(sentence=quiet.otherwise(low))
  of_gift = pl.col("sentence").str.replace_all(_GIFT_THING, "card")
  need, rank = needs.need(pl.col("sentence"), _ANY_OCCASION)
  # In a long one a gift is a figure of speech, or an aside.
  short = pl.col("sentence").str.count_matches(r"\S+") <= _SHORT
  own = ~pl.col("sentence").str.contains(_RECEIVED)
  found = sentences.select(
    INSTANCE,
    gift=pl.when(own & short & of_gift.str.contains(_GIFT)).then(True),
    recipient=pl.when(own).then(_recipient(pl.col("sentence"))),
    place=_occasion(low),
    aimed=low.str.contains(_FOR_OCCASION),
    need=need,
    rank=rank,
  ).with_columns(
    place=pl.when(pl.any_horizontal("aimed", "gift")).then("place")
  )
  facts = found.group_by(INSTANCE, maintain_order=True).agg(
    pl.col("gift").drop_nulls().first(),
    pl.col("recipient").drop_nulls().first(),
    pl.col("place").drop_nulls().first(),
    pl.col("need").sort_by("rank", nulls_last=True).first(),
  )
  names, events = (
    dict(enumerate(c)) for c in list(zip(*_OCCASIONS, strict=True))[1:]
  )
  return requests.select(INSTANCE).join(
    facts.with_columns(
      occasion=pl.col("place").replace_strict(names, default=None),
      event=pl.col("place").replace_strict(events, default=None),
    ),
    INSTANCE,
    "left",
    maintain_order="left",
  )


def _recipient(sentence: pl.Expr) -> pl.Expr:
  # Whom it is not for is no recipient.
  sentence = sentence.str.replace_all(_FROM_NEGATION, "").str.replace_all(
    _DAY_OF, "that day"
  )
  found = pl.coalesce(
    *(sentence.str.extract(p, 1) for p in _RECIPIENTS),
    *(pl.format("my {}", sentence.str.extract(p, 1)) for p in _OWN_RECIPIENTS),
  )
  found = found.str.to_lowercase().str.replace_all(r"\s+", " ")
  return found.str.replace("^(?:the|your) ", "my ").str.replace_all(
    _AGE, "$1-year-old$2"
  )


def _occasion(sentence: pl.Expr) -> pl.Expr:
  """Returns the row of _OCCASIONS that a sentence speaks of, or null."""
  sentence = sentence.str.replace_all(_NO_OCCASION, "")
  place = pl.lit(None, pl.Int64)
  for row, (pattern, _, _) in reversed(list(enumerate(_OCCASIONS))):
    place = pl.when(sentence.str.contains(pattern)).then(row).otherwise(place)
  return place
