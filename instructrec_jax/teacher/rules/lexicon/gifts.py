"""Patterns of recipients and occasions of gifts in reviews."""

KIN = (
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
KIND = (
  r"(?:\d+|one|two|three|four|five|six|seven|eight|nine|ten|twelve|little|"
  r"young|younger|youngest|old|older|oldest|eldest|grown|adult|teen|teenage|"
  r"dear|good|best|great|new|other|elderly|pregnant|and|year|years|yr|yrs|"
  r"month|months|wonderful|lovely|beautiful|favou?rite|college|work|baby|tween|"
  r"twin|\d+[- ]?(?:years?|yrs?|yo|y/o|months?)(?:[- ]?olds?)?)"
)
OF_MINE = r"(?:in[- ]laws?|of mine|of ours)"
RECIPIENT = (
  r"((?:my|our|your|an?|the|some|two|three|several|a few|a couple of|"
  rf"(?:all|both)(?: of)? my)\s+(?:{KIND}[\s-]+){{0,4}}"
  rf"(?:{KIN})(?:[- ]{OF_MINE})?)\b"
)
# People who belong to the writer, with or without "my".
OWN = (
  "(?:grand|step|god)?(?:sons?|daughters?|child)|grand(?:kids|children)|wife|"
  "husband|hubby|mom|mum|dad|mother|father|grandma|grandpa|niece|nephew|sister|"
  "brother|boyfriend|girlfriend|gf|bf"
)
GROUPS = (
  "(?:family and )?friends|friends and family|kids|children|teens|teenagers|"
  "tweens|toddlers|teachers|students|co-?workers|colleagues|employees|women|"
  "men|girls|boys|adults|seniors|beginners|mothers|moms|dads|couples|families"
)
LOVERS = (
  r"(?:lovers?|fans?|addicts?|enthusiasts?|readers?|gamers?|collectors?|buffs?|"
  r"foodies?|travell?ers?|cooks?|gardeners?|hikers?|hunters?|crafters?)"
)
ENJOYS = (
  r"(?:'s)?\s+(?:(?:really|absolutely|just|all|both|also)\s+)*(?:loves?|loved|"
  r"enjoys?|enjoyed|likes?|liked|plays?|played|uses?|used|wants?|wanted|asked|"
  r"was (?:very |so |really )?(?:happy|thrilled|excited|pleased|delighted)|"
  r"is (?:very |so )?(?:happy|crazy|obsessed|mad|keen|into)|birthday|"
  r"graduation|wedding)"
)
# The first pattern that matches gives the recipient.
RECIPIENTS = (
  rf"(?i)\b(?:for|to|gave|give|gift|sent|send|giving|sending|surprised|got|"
  rf"buy|bought)\s+{RECIPIENT}",
  rf"(?i)\b{RECIPIENT}{ENJOYS}",
  rf"(?i)\bfor\s+((?:{KIND}\s+){{0,2}}(?:{GROUPS}))\b",
  r"(?i)\bfor\s+(?:the|an?|all|any|your)\s+((?:[a-z-]+\s+){0,3}"
  rf"{LOVERS})\b",
)
# "my" is added to these recipients.
OWN_RECIPIENTS = (
  rf"(?i)\b(?:for|to|gave|give)\s+((?:{KIND}\s+){{0,3}}(?:{OWN}))\b",
  rf"(?i)^(?:the\s+)?((?:{OWN}|kids|children|family)){ENJOYS}(?:\s+(?:it|this|"
  r"that|these|them|the|his|her|their)\b|\W*$)",
)
# The persons in such days are not recipients.
DAY_OF = (
  r"(?i)\b(?:mother|father|grandparent|teacher|boss)'?s?'? (?:day|week)\b"
)
AGE = r"\b(\w+)[- ](?:years?|yrs?)(?:[- ]old(s?))?\b"
# The pattern, the words before "present", and the name of the event.
OCCASIONS = (
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
# "Anniversary edition" is not an occasion.
NO_OCCASION = (
  r"\banniversary (?:edition|collection|release|version|box|set|issue)\b"
)
# An item about an occasion was not necessarily bought for it.
ANY_OCCASION = "|".join(pattern for pattern, _, _ in OCCASIONS)
FOR_OCCASION = (
  r"\b(?:for|as|on|at|this|last|next|every|her|his|my|our|their|your)\s+"
  rf"(?:[\w'-]+\s+){{0,6}}(?:{ANY_OCCASION})|(?:{ANY_OCCASION})\s+(?:gift|"
  r"present|surprise|party|treat|basket|card|money|cheer)|\b(?:stocking "
  r"stuffer|secret santa|thank)"
)
# "Gift card" names an item and does not say that it was a gift.
GIFT_THING = (
  r"(?i)\bgift[- ]?(?:cards?|certificates?|codes?|box(?:es)?|bags?|wrap\w*|"
  r"receipts?|tags?|cert|envelopes?|tins?|basket|giving|ideas?|guides?|shops?)"
  r"\b|\b(?:free|bonus) gifts?\b"
)
GIFT = (
  r"(?i)\bgift(?:s|ed|ing)?\b|\b(?:an?|as|for|birthday|christmas|xmas|great|"
  r"good|nice|perfect|wedding|graduation|easy|last[- ]minute)\s+presents?\b|"
  r"\b(?:to give|giving)\s+(?:to|as|away|them|these)\b"
)
# If the writer received the item, the need was somebody else's.
RECEIVED = (
  r"(?i)\b(?:gave|sent|got|bought|gifted|gets?|gives?)\s+(?:(?:it|this)\s+)?"
  r"(?:(?:to|for)\s+)?(?:me|us)\b|\breceived\b|\b(?:was|were|been) given\b|"
  r"\b(?:gifts?|presents?)\s+(?:from|to me|to us)\b"
)
FROM_NEGATION = (
  r"(?i)\b(?:(?:not|never|no|without|cancel\w*)\b|\w+n't\b).*?(?:,|\bbut\b|$)"
)
