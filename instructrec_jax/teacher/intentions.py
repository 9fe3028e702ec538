"""Intentions without a model: sentences that say what something was for.

People tell in reviews whom a thing was for, on which occasion, or what they
needed it to do. Such a clause is cut out and said again as the need it came
from, in two wordings.
"""

import numpy as np
import polars as pl

from instructrec_jax.teacher import personal, wording
from instructrec_jax.teacher.protocol import INSTANCE

_KIN = (
  "(?:grand|step|god)?(?:sons?|daughters?|child|children|kids?|mothers?|"
  "fathers?|parents?)|grandma|grandpa|wife|husband|hubby|spouse|partner|"
  "fianc[eé]e?|girlfriend|boyfriend|mom|mum|dad|nephews?|nieces?|sisters?|"
  "brothers?|siblings?|cousins?|aunts?|uncles?|friends?|neighbou?rs?|"
  "co-?workers?|colleagues?|boss|teachers?|students?|employees?|class|family|"
  "toddlers?|teenagers?|teens?|bab(?:y|ies)|boys?|girls?|secretary|"
  "mail ?(?:man|carrier)|coach|doctor|nurse|roommates?|sweetheart|relatives?"
)
_KIND = (
  r"(?:\d+|one|two|three|four|five|six|seven|eight|nine|ten|twelve|little|"
  r"young|younger|youngest|old|older|oldest|eldest|grown|adult|teen|teenage|"
  r"dear|good|best|great|new|other|elderly|pregnant|and|year|years|yr|yrs|"
  r"month|months|wonderful|lovely|beautiful|favou?rite|college|work|baby|"
  r"twin|\d+[- ]?(?:years?|yrs?|yo|y/o|months?)(?:[- ]?olds?)?)"
)
_OF_MINE = r"(?:in[- ]laws?|of mine|of ours)"
_RECIPIENT = (
  rf"((?:my|our|a|an|the|some|two|three)\s+(?:{_KIND}[\s-]+){{0,4}}"
  rf"(?:{_KIN})(?:[- ]{_OF_MINE})?)\b"
)
# In this order: the first that is found is meant.
_RECIPIENTS = (
  rf"(?i)\b(?:for|to|gave|give|gift|sent|send|giving|sending|surprised|got|"
  rf"buy|bought)\s+{_RECIPIENT}",
  rf"(?i)\b{_RECIPIENT}(?:'s)?\s+(?:(?:really|absolutely|just|all|both|also)"
  r"\s+)*(?:loves?|loved|enjoys?|enjoyed|likes?|liked|plays?|played|uses?|used|"
  r"wants?|wanted|asked|was (?:very |so |really )?(?:happy|thrilled|excited|"
  r"pleased|delighted)|is (?:very |so )?(?:happy|crazy|obsessed)|birthday|"
  r"graduation|wedding)",
)
# Pattern, as it stands before "present", and as an event.
_OCCASIONS = (
  (r"\b(?:b-?day|birthdays?)\b", "a birthday", "a birthday"),
  (r"\b(?:christmas|xmas|x-mas)\b", "a Christmas", "Christmas"),
  (r"\bweddings?\b", "a wedding", "a wedding"),
  (r"\banniversar(?:y|ies)\b", "an anniversary", "an anniversary"),
  (r"\bgraduat(?:ion|ed|e|ing)\b", "a graduation", "a graduation"),
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
# "Gift card" names a thing, and says nothing of what it was bought for.
_GIFT_THING = (
  r"(?i)\bgift[- ]?(?:cards?|certificates?|codes?|box(?:es)?|bags?|wrap\w*|"
  r"receipts?|tags?|cert|envelopes?|tins?|basket|giving)\b"
)
_GIFT = (
  r"(?i)\bgift(?:s|ed|ing)?\b|\b(?:an?|as|for|birthday|christmas|xmas|great|"
  r"good|nice|perfect|wedding|graduation|easy|last[- ]minute)\s+presents?\b|"
  r"\b(?:gave|given|giving|sent|sending)\b"
)
_THING = r"(?:an?|some|something|another|more|one|new)\b[^,.;:!?()\"]{2,60}"
_CLAUSE = r"[^,.;:!?()\"]{2,60}"
_WELL = r"(?:great|perfectly|perfect|well|fine|good|nicely|beautifully)"
_GOOD = (
  "great|good|excellent|amazing|awesome|beautiful|fantastic|nice|wonderful|"
  "perfect|lovely|gorgeous|stunning|superb"
)
_QUALITY = (
  "graphics|story|storyline|gameplay|music|soundtrack|sound|quality|value|"
  "design|controls|characters|multiplayer|features|articles|recipes|photos|"
  "photography|pictures|ideas|stories|tips|information|writing|variety|"
  "selection|battery life|colou?rs|details?|puzzles|levels|replay value|"
  "illustrations|projects|patterns|advice"
)
_VERBS = (
  "play|keep|send|make|help|protect|store|charge|learn|watch|try|complete|go|"
  "add|fill|cover|read|use|listen|practi[cs]e|connect|control|record|stay|"
  "save|pay|treat|thank|celebrate|surprise|support|start|get|have|put|bring|"
  "carry|hold|clean|cook|find|shop|relax|travel|entertain|teach|install|finish|"
  "set up|set|navigate|understand|follow|order|print|redeem|e-?mail|handle|"
  "control|operate|assemble|give|buy|spend|build|enjoy|share"
)
# How a need shows: its name, what is cut out of the review, and how it reads
# afterwards, as something that is looked for. Plainer ones come first.
_PURPOSES = (
  (
    r"\bto replace ((?:my|our|an?|the)\s" + _CLAUSE + ")",
    "something to replace {}",
  ),
  (
    r"\b(?:as a )?replacement for ((?:my|our|an?)\s" + _CLAUSE + ")",
    "something to replace {}",
  ),
  (
    r"\b(?:i|we) (?:really |just |only |had )?(?:needed|need|was looking for|"
    r"were looking for|have been looking for|am looking for|"
    r"had been looking for|was searching for|wanted) (" + _THING + ")",
    "{}",
  ),
  (
    r"^(?:just )?(?:needed|wanted|looking for|was looking for) ("
    + _THING
    + ")",
    "{}",
  ),
  (
    r"\bto use ((?:with|for|as|in|on|at|when|while)\s(?:my|our|an?|the|"
    r"[a-z]+ing)\s" + _CLAUSE + ")",
    "something to use {}",
  ),
  (
    r"\b(?:bought|got|purchased|ordered|get|buy|picked|use|used|using)"
    r"(?: up)?(?: (?:this|it|these|one|them|that)(?: \w+)?)? to ((?:"
    + _VERBS
    + r")\s"
    + _CLAUSE
    + ")",
    "something to {}",
  ),
  (
    r"\bso (?:that )?i (?:can|could) (" + _CLAUSE + ")",
    "something so that I can {}",
  ),
  (
    r"\b(?:works?|worked|compatible) (?:"
    + _WELL
    + r" )?(?:with|on|in) ((?:my|our)\s"
    + _CLAUSE
    + ")",
    "something that works with {}",
  ),
  (
    r"\b(?:fits?|goes) (?:"
    + _WELL
    + r" )?((?:with|on|in|into) (?:my|our)\s"
    + _CLAUSE
    + ")",
    "something that fits {}",
  ),
  (
    r"\b(?:perfect|great|good|ideal|nice|fun|excellent|wonderful|best|handy|"
    r"awesome|useful|convenient|fantastic) for ((?:[a-z'-]+\s?){1,6})",
    "something good for {}",
  ),
  (
    r"\b((?:easy|simple|fun|quick|convenient|comfortable|interesting|"
    r"enjoyable|relaxing) to (?:" + _VERBS + r")(?: [a-z]+){0,3})",
    "something {}",
  ),
  (
    r"\b(?:" + _GOOD + r") (" + _QUALITY + r")\b",
    "something with good {}",
  ),
)
# What a clause is cut before: there another one begins.
_NEXT_CLAUSE = (
  r"(?i)\s+(?:and|but|because|since|which|so|although|though|however|when|if|"
  r"until|then|after|before|while|unless|except|than|once|cause|due|other|too|"
  r"also|only|even|just|i|we|he|she|they|is|was|are|were|has|had)\b.*$"
)
_LOOSE_END = (
  r"(?i)(?:[\s-]+(?:an?|the|my|our|of|to|for|in|on|with|and|or|at|from|it|so|"
  r"very|that|as|by|really|be|would|will|not|no|did|do|does|about|into|who))+$"
)
# Words that point at something which the clause alone does not name.
_DANGLING = (
  r"(?i)\b(?:it|its|this|these|those|them|they|he|she|him|his|her|hers|their|"
  r"there|here|you|your|what|same|such|price|money|cost|me|us|him|amazon|"
  r"seller|review|stars?|refund|item|product|purchase|everyone else|others?)\b"
  r"|n't\b|\[|\d{4,}|^(?:one|more|new|now|sure|use|long)$|^(?:that|having|being)\b"
)
_NEGATED = (
  r"(?i)\b(?:not|no|never|hardly|without|lacks?|lacking|wish|disappoint\w*|"
  r"waste|return(?:ed|ing)?|poor|bad|broken|broke|stopped|worst|however|"
  r"supposed|would have|should have|could have|unless|instead)\b|n't\b"
)
_FROM_NEGATION = r"(?i)\b(?:(?:not|never|no|without|cancel\w*)\b|\w+n't\b).*$"
_MOST_WORDS = 9
_SENTENCE_END = r"[.!?]+(?:\s+|$)|\s[-\u2013\u2014]+\s|;\s"

_PHRASINGS = {
  ("gift", "recipient", "occasion"): (
    "I am looking for {occasion} present for {recipient}.",
    "I need a gift for {recipient} for {event}.",
    "What would {recipient} like as {occasion} present?",
    "I want to give {recipient} something for {event}.",
  ),
  ("recipient", "occasion"): (
    "I am looking for something for {recipient}, for {event}.",
    "I need {occasion} present for {recipient}.",
    "I want to find something that {recipient} would like for {event}.",
  ),
  ("gift", "recipient"): (
    "I am looking for a gift for {recipient}.",
    "I need a present for {recipient}.",
    "I want to give {recipient} something as a gift.",
    "What could I give {recipient} as a present?",
  ),
  ("gift", "occasion"): (
    "I am looking for {occasion} present.",
    "I need a gift for {event}.",
    "I want something to give as {occasion} present.",
    "I would like to find a present for {event}.",
  ),
  ("recipient",): (
    "I am looking for something for {recipient}.",
    "I want something that {recipient} would enjoy.",
    "I need something that suits {recipient}.",
    "What would {recipient} like?",
  ),
  ("need",): (
    "I am looking for {need}.",
    "I need {need}.",
    "I would like to find {need}.",
    "What I am after is {need}.",
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
  facts = _facts(requests).with_columns(drawn=pl.Series(drawn, dtype=pl.UInt32))
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


def _facts(requests: pl.DataFrame) -> pl.DataFrame:
  """Returns `gift` (true or null) and _SLOTS of each review."""
  sentences = (
    requests.select(
      INSTANCE,
      sentence=pl.col("review")
      .str.replace_all(_SENTENCE_END, "\n")
      .str.split("\n"),
    )
    .explode("sentence")
    .drop_nulls("sentence")
    .filter(~pl.col("sentence").str.contains(personal.PLACEHOLDER))
  )
  # Shouting is put into small letters; names are lost, which is as well.
  low = pl.col("sentence").str.to_lowercase()
  quiet = pl.when(pl.col("sentence").str.contains("[a-z]")).then("sentence")
  sentences = sentences.with_columns(sentence=quiet.otherwise(low))
  of_gift = pl.col("sentence").str.replace_all(_GIFT_THING, "card")
  need, rank = _need(pl.col("sentence"))
  found = sentences.select(
    INSTANCE,
    gift=pl.when(of_gift.str.contains(_GIFT)).then(True),
    recipient=_recipient(pl.col("sentence")),
    place=_occasion(low),
    need=need,
    rank=rank,
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
  sentence = sentence.str.replace(_FROM_NEGATION, "")
  found = pl.coalesce(sentence.str.extract(p, 1) for p in _RECIPIENTS)
  found = found.str.to_lowercase().str.replace_all(r"\s+", " ")
  return found.str.replace("^the ", "my ")


def _occasion(sentence: pl.Expr) -> pl.Expr:
  """Returns the row of _OCCASIONS that a sentence speaks of, or null."""
  sentence = sentence.str.replace_all(_NO_OCCASION, "")
  place = pl.lit(None, pl.Int64)
  for row, (pattern, _, _) in reversed(list(enumerate(_OCCASIONS))):
    place = pl.when(sentence.str.contains(pattern)).then(row).otherwise(place)
  return place


def _need(sentence: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
  """Returns what a sentence says is needed, and the row of _PURPOSES."""
  needs, ranks = [], []
  for row, (pattern, reads) in enumerate(_PURPOSES):
    clause = (
      sentence.str.extract(f"(?i){pattern}", 1)
      .str.replace(_NEXT_CLAUSE, "")
      .str.replace(_LOOSE_END, "")
      .str.strip_chars(" -'")
    )
    words = clause.str.count_matches(r"\S+")
    fits = (
      words.is_between(1, _MOST_WORDS)
      & ~clause.str.contains(_DANGLING)
      & clause.str.contains(r"^[a-zA-Z][a-zA-Z0-9 '&/-]+$")
      & ~sentence.str.contains(_NEGATED)
    )
    needs.append(pl.when(fits).then(pl.format(reads, _lower_first(clause))))
    ranks.append(pl.when(fits).then(row))
  return pl.coalesce(needs), pl.coalesce(ranks)


def _lower_first(text: pl.Expr) -> pl.Expr:
  """Returns a clause as it stands inside a sentence."""
  return text.str.head(1).str.to_lowercase() + text.str.slice(1)
