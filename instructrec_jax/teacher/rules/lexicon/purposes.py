"""Patterns of reviews that say what an item was needed for."""

THING = r"(?:an?|some|something|another|more|one|new)\b[^,.;:!?()\"]{2,60}"
CLAUSE = r"[^,.;:!?()\"]{2,60}"
WELL = r"(?:great|perfectly|perfect|well|fine|good|nicely|beautifully)"
GOOD = (
  "great|good|excellent|amazing|awesome|beautiful|fantastic|nice|wonderful|"
  "perfect|lovely|gorgeous|stunning|superb"
)
QUALITY = (
  "graphics|story|storyline|gameplay|music|soundtrack|sound|quality|value|"
  "design|controls|characters|multiplayer|features|articles|recipes|photos|"
  "photography|pictures|ideas|stories|tips|information|writing|variety|"
  "selection|battery life|colou?rs|details?|puzzles|levels|replay value|"
  "illustrations|projects|patterns|advice"
)
PLENTY = (
  "features|articles|recipes|photos|pictures|ideas|stories|tips|information|"
  "variety|details|puzzles|levels|illustrations|projects|patterns|advice|"
  "interviews|crafts|decorating ideas"
)
VERBS = (
  "play|keep|send|make|help|protect|store|charge|learn|watch|try|complete|go|"
  "add|fill|cover|read|use|listen|practi[cs]e|connect|control|record|stay|"
  "save|pay|treat|thank|celebrate|surprise|support|start|get|have|put|bring|"
  "carry|hold|clean|cook|find|shop|relax|travel|entertain|teach|install|finish|"
  "set up|set|navigate|understand|follow|order|print|redeem|e-?mail|handle|"
  "control|operate|assemble|give|buy|spend|build|enjoy|share"
)
ADJECTIVE = (
  "perfect|great|good|ideal|nice|fun|excellent|wonderful|best|handy|awesome|"
  "useful|convenient|fantastic|amazing|must"
)
MANY = (
  "lots of|full of|filled with|packed with|plenty of|loaded with|tons of|"
  "variety of|love all the|enjoy the|love the|like the|enjoy all the"
)
# The pattern to extract from a review, and its text as something that the user
# looks for. The plainest come first.
PURPOSES = (
  (
    r"\bto replace ((?:my|our|an?|the)\s" + CLAUSE + ")",
    "something to replace {}",
  ),
  (
    r"\b(?:as a )?replacement for ((?:my|our|an?)\s" + CLAUSE + ")",
    "something to replace {}",
  ),
  (
    r"\b(?:i|we) (?:really |just |only |had )?(?:needed|need|was looking for|"
    r"were looking for|have been looking for|am looking for|"
    r"had been looking for|was searching for|wanted) (" + THING + ")",
    "{}",
  ),
  (
    r"^(?:just )?(?:needed|wanted|looking for|was looking for) (" + THING + ")",
    "{}",
  ),
  (
    r"\b(?:to use|us(?:e|ed|ing))(?: (?:it|this|these|them|one))? ((?:with|for|"
    r"as|in|on|at|when|while)\s(?:my|our|an?|the|[a-z]+ing)\s" + CLAUSE + ")",
    "something to use {}",
  ),
  (
    r"\b(?:bought|got|purchased|ordered|get|buy|picked|use|used|using)"
    r"(?: up)?(?: (?:this|it|these|one|them|that)(?: \w+)?)? to ((?:"
    + VERBS
    + r")\s"
    + CLAUSE
    + ")",
    "something to {}",
  ),
  (
    r"\bso (?:that )?i (?:can|could) (" + CLAUSE + ")",
    "something so that I can {}",
  ),
  (
    r"\b(?:works?|worked|compatible) (?:"
    + WELL
    + r" )?(?:with|on|in) ((?:my|our)\s"
    + CLAUSE
    + ")",
    "something that works with {}",
  ),
  (
    r"\b(?:fits?|goes) (?:"
    + WELL
    + r" )?((?:with|on|in|into) (?:my|our)\s"
    + CLAUSE
    + ")",
    "something that fits {}",
  ),
  (
    r"\b(?:bought|got|purchased|ordered|picked up|grabbed)(?: \w+){0,3}? for "
    r"((?:my|our|an?|the)\s" + CLAUSE + ")",
    "something for {}",
  ),
  (
    r"\bhelp(?:s|ed|ing)? (?:me|us|you) (?:to )?((?:"
    + VERBS
    + r")\s"
    + CLAUSE
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
    r"\bway to ((?:" + VERBS + r")\s" + CLAUSE + ")",
    "a way to {}",
  ),
  (
    r"\b(?:for|if) (?:any ?one|any ?body|some ?one|some ?body|people|those|"
    r"folks|you)(?: who| that)?(?: really| just| also)? (?:like|love|enjoy)s? ("
    + CLAUSE
    + ")",
    "something for people who like {}",
  ),
  (
    r"\b(?:for|if) (?:any ?one|any ?body|some ?one|some ?body|people|those|"
    r"folks|you)(?: who| that)?(?: is| are)? (?:interested in|into) ("
    + CLAUSE
    + ")",
    "something for people who are interested in {}",
  ),
  (
    r"\b(?:" + ADJECTIVE + r")(?: \w+){0,2}? for ((?:[a-z'-]+\s?){1,6})",
    "something good for {}",
  ),
  (
    r"\b((?:easy|simple|fun|quick|convenient|comfortable|interesting|"
    r"enjoyable|relaxing) to (?:" + VERBS + r"))\b",
    "something {}",
  ),
  (
    r"\b(?:" + GOOD + r") (" + QUALITY + r")\b",
    "something with good {}",
  ),
  (
    r"\b(?:" + MANY + r") (?:(?:" + GOOD + r"|interesting|useful|helpful|new|"
    r"delicious|easy|healthy)(?: and)? ){0,2}(" + PLENTY + r")\b",
    "something with plenty of {}",
  ),
)
# A clause ends before these words, which begin another one.
NEXT_CLAUSE = (
  r"(?i)\s+(?:and|but|because|since|which|so|although|though|however|when|if|"
  r"until|then|after|before|while|unless|except|than|once|cause|due|other|too|"
  r"also|only|even|just|i|we|he|she|they|is|was|are|were|has|had)\b.*$"
)
LOOSE_END = (
  r"(?i)(?:[\s-]+(?:an?|the|my|our|of|to|for|in|on|with|and|or|at|from|it|so|"
  r"very|that|as|by|really|be|would|will|not|no|did|do|does|about|into|who))+$"
)
# Words that refer to something outside the clause.
DANGLING = (
  r"(?i)\b(?:it|its|this|these|those|them|they|he|she|him|his|her|hers|their|"
  r"there|here|you|your|what|same|such|price|money|cost|me|us|him|amazon|"
  r"seller|review|stars?|refund|item|product|purchase|everyone else|others?|"
  r"both|discount|bargain|deals?|fraction|steal|sale|sample|trial|reason|value|"
  r"gifts?|gifting|gifted|presents?|any ?one|every ?one|every ?body|all|"
  r"some ?one|some ?body|subscriptions?|magazines?|cards?|who|long time|part|"
  r"most)\b|n't\b|\[|\d{4,}|^(?:one|more|new|now|sure|use|long|years|months|days|"
  r"weeks|young|old|anywhere|everywhere|anytime|my|our|an?|the)$|^(?:that|having|being)\b"
)
TIME_SPAN = (
  r"(?i)^(?:an?|the|one|two|three|four|five|six|many|several|few|next|last|"
  r"past|over|about)\b.*\b(?:years?|months?|weeks?|days?|hours?|while|times?|"
  r"decades?|issues?)$"
)
NEGATED = (
  r"(?i)\b(?:not|no|never|nothing|none|hardly|without|lacks?|lacking|wish|disappoint\w*|"
  r"waste|return(?:ed|ing)?|poor|bad|broken|broke|stopped|worst|however|"
  r"supposed|would have|should have|could have|unless|instead)\b|n't\b"
)
