"""Patterns of labels and titles: vague labels, platforms, non-series."""

# A label such as "Games" is vague without the label above it.
GENERIC = (
  "games|game|accessories|consoles|controllers|hardware|software|toys|parts|"
  "other|general|more|downloads|digital games|cards|kits|sets|bundles|supplies"
)
# A label of people is vague too; "for" joins it to the label above.
PEOPLE = (
  "wom[ae]n|m[ae]n|boys?|girls?|kids|child(?:ren)?|teens?|tweens|bab(?:y|ies)|"
  "adults?|seniors?|infants?|toddlers?|ages? .*"
)
# The text after the last dash of a title is often a platform, format or kind.
ENDING = r"\s[-\u2013\u2014]\s([A-Za-z][^-\u2013\u2014:()\[\]]{1,29})$"
NO_ENDING = r"(?i)\b(edition|pack|bundle|volume|vol|disc|part|set|count)\b"
# Platforms anywhere in a title. They are kinds of items, not series.
PLATFORM = (
  r"(?i)\b(?:PlayStation(?: (?:[2-5]|VR|Vita))?|PSP|Xbox(?: (?:360|One|Series "
  r"[XS]))?|(?:Nintendo )?(?:3?DS|Switch|Wii(?: U)?|GameCube|64)|"
  r"Super Nintendo|Game ?Boy(?: (?:Advance|Color))?|Dreamcast|"
  r"Sega (?:Genesis|Saturn))\b"
)
# Words that are not the name of a series and must not end it.
NO_SERIES = (
  "a|an|the|of|and|or|for|to|in|on|at|with|from|by|my|new|all|best|great|super|"
  "big|little|world|star|black|ultimate|complete|official|nintendo|"
  "playstation|xbox|sony|microsoft|wii|pc|ps2|ps3|ps4|usb|gift|card|wireless|"
  "wired|controller"
)
# Words of titles that say how an item is sold, not what it is about.
NO_TOPIC = (
  "edition|volume|pack|this|that|your|cards?|gifts?|magazines?|subscriptions?|"
  "issues?|delivery|e-mail|email|print|print-at-home|configuration|asin|designs?|"
  "free|series|collection|version|size|inch|color|colour|downloads?|online|"
  "codes?|digital|instant|various|assorted|multipack|delivered|classic"
)
# Singular labels of countable items, which sentences need in the plural.
COUNTED = (
  r"(?i)\b((?:game|puzzle|book|handbook|novel|toy|film|movie|album|magazine|"
  r"card|tool|collection|shoe|boot|shirt|bag|lamp|guitar))$"
)
