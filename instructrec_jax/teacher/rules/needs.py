"""What a sentence of a review says that something was needed for."""

import polars as pl

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
_PLENTY = (
  "features|articles|recipes|photos|pictures|ideas|stories|tips|information|"
  "variety|details|puzzles|levels|illustrations|projects|patterns|advice|"
  "interviews|crafts|decorating ideas"
)
_VERBS = (
  "play|keep|send|make|help|protect|store|charge|learn|watch|try|complete|go|"
  "add|fill|cover|read|use|listen|practi[cs]e|connect|control|record|stay|"
  "save|pay|treat|thank|celebrate|surprise|support|start|get|have|put|bring|"
  "carry|hold|clean|cook|find|shop|relax|travel|entertain|teach|install|finish|"
  "set up|set|navigate|understand|follow|order|print|redeem|e-?mail|handle|"
  "control|operate|assemble|give|buy|spend|build|enjoy|share"
)
_ADJECTIVE = (
  "perfect|great|good|ideal|nice|fun|excellent|wonderful|best|handy|awesome|"
  "useful|convenient|fantastic|amazing|must"
)
_MANY = (
  "lots of|full of|filled with|packed with|plenty of|loaded with|tons of|"
  "variety of|love all the|enjoy the|love the|like the|enjoy all the"
)
# What is cut out of a review, and how it reads afterwards, as something that is
# looked for. Plainer ones come first.
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
    r"\b(?:to use|us(?:e|ed|ing))(?: (?:it|this|these|them|one))? ((?:with|for|"
    r"as|in|on|at|when|while)\s(?:my|our|an?|the|[a-z]+ing)\s" + _CLAUSE + ")",
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
    r"\b(?:bought|got|purchased|ordered|picked up|grabbed)(?: \w+){0,3}? for "
    r"((?:my|our|an?|the)\s" + _CLAUSE + ")",
    "something for {}",
  ),
  (
    r"\bhelp(?:s|ed|ing)? (?:me|us|you) (?:to )?((?:"
    + _VERBS
    + r")\s"
    + _CLAUSE
    + ")",
    "something that helps me {}",
  ),
  (
    r"\bkeep(?:s|ing)? (?:me|us|you) ((?:up[- ]to[- ]date|informed|entertained|"
    r"busy|motivated|organi[sz]ed|current|in touch|warm|inspired)\b[^,.;:!?()]"
    "{0,40})",
    "something that keeps me {}",
  ),
  (
    r"\bway to ((?:" + _VERBS + r")\s" + _CLAUSE + ")",
    "a way to {}",
  ),
  (
    r"\b(?:for|if) (?:any ?one|any ?body|some ?one|some ?body|people|those|"
    r"folks|you)(?: who| that)?(?: really| just| also)? (?:like|love|enjoy)s? ("
    + _CLAUSE
    + ")",
    "something for people who like {}",
  ),
  (
    r"\b(?:for|if) (?:any ?one|any ?body|some ?one|some ?body|people|those|"
    r"folks|you)(?: who| that)?(?: is| are)? (?:interested in|into) ("
    + _CLAUSE
    + ")",
    "something for people who are interested in {}",
  ),
  (
    r"\b(?:" + _ADJECTIVE + r")(?: \w+){0,2}? for ((?:[a-z'-]+\s?){1,6})",
    "something good for {}",
  ),
  (
    r"\b((?:easy|simple|fun|quick|convenient|comfortable|interesting|"
    r"enjoyable|relaxing) to (?:" + _VERBS + r"))\b",
    "something {}",
  ),
  (
    r"\b(?:" + _GOOD + r") (" + _QUALITY + r")\b",
    "something with good {}",
  ),
  (
    r"\b(?:" + _MANY + r") (?:(?:" + _GOOD + r"|interesting|useful|helpful|new|"
    r"delicious|easy|healthy)(?: and)? ){0,2}(" + _PLENTY + r")\b",
    "something with plenty of {}",
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
  r"seller|review|stars?|refund|item|product|purchase|everyone else|others?|"
  r"both|discount|bargain|deals?|fraction|steal|sale|sample|trial|reason|value|"
  r"gifts?|gifting|gifted|presents?|any ?one|every ?one|every ?body|all|"
  r"some ?one|some ?body|subscriptions?|magazines?|cards?|who|long time|part|"
  r"most)\b|n't\b|\[|\d{4,}|^(?:one|more|new|now|sure|use|long|years|months|days|"
  r"weeks|young|old|anywhere|everywhere|anytime|my|our|an?|the)$|^(?:that|having|being)\b"
)
_TIME_SPAN = (
  r"(?i)^(?:an?|the|one|two|three|four|five|six|many|several|few|next|last|"
  r"past|over|about)\b.*\b(?:years?|months?|weeks?|days?|hours?|while|times?|"
  r"decades?|issues?)$"
)
NEGATED = (
  r"(?i)\b(?:not|no|never|nothing|none|hardly|without|lacks?|lacking|wish|disappoint\w*|"
  r"waste|return(?:ed|ing)?|poor|bad|broken|broke|stopped|worst|however|"
  r"supposed|would have|should have|could have|unless|instead)\b|n't\b"
)
_MOST_WORDS = 9
# A headline has no small word but of, for and the like.
_SMALL_WORD = r"\b[a-z]{4,}"


def need(sentence: pl.Expr, without: str) -> tuple[pl.Expr, pl.Expr]:
  """Returns what sentences say is needed, and how plainly: 0 is plainest.

  Args:
    sentence: strings.
    without: pattern of what no need may contain, as it is told elsewhere.
  """
  headline = ~sentence.str.contains(_SMALL_WORD)
  low = sentence.str.to_lowercase()
  begins = low.str.head(1) + sentence.str.slice(1)
  sentence = pl.when(headline).then(low).otherwise(begins)
  found, ranks = [], []
  for row, (pattern, reads) in enumerate(_PURPOSES):
    clause = (
      sentence.str.extract(f"(?i){pattern}", 1)
      .str.replace(_NEXT_CLAUSE, "")
      .str.strip_chars(" -'")
      .str.replace(_LOOSE_END, "")
      .str.strip_chars(" -'")
    )
    words = clause.str.count_matches(r"\S+")
    fits = (
      words.is_between(1, _MOST_WORDS)
      & ~clause.str.contains(_DANGLING)
      & ~clause.str.contains(_TIME_SPAN)
      & ~clause.str.contains(f"(?i){without}")
      & clause.str.contains(r"^[a-zA-Z][a-zA-Z0-9 '&/-]+$")
      & ~sentence.str.contains(NEGATED)
    )
    found.append(pl.when(fits).then(pl.format(reads, clause)))
    ranks.append(pl.when(fits).then(row))
  return pl.coalesce(found), pl.coalesce(ranks)
