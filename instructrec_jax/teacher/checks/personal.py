"""Finds, counts and removes personal data in texts.

docs/teacher.md has the share that is found of each kind, and how often texts
without any are changed. `tests/teacher/measure_personal_data.py` measures both.
"""

import collections
import dataclasses
import ipaddress
import re
from collections.abc import Callable, Iterator

import polars as pl

from instructrec_jax.teacher.checks import phones

Spans = Iterator[tuple[int, int]]

_STREET = (
  "street|st|avenue|ave|road|rd|boulevard|blvd|lane|ln|drive|dr|court|ct|"
  "place|pl|way|terrace|circle"
)
_NAME = r"[A-Z][\w'\u2019-]+"
# Ends of domains. One that is an English word ends a domain in small letters
# only ("Great.Shop" lacks a space), and the shortest words only before a path.
_ENDS = (
  "com|net|org|biz|io|edu|gov|eu|de|fr|nl|uk|ca|au|ru|cn|jp|br|ch|pl|se|dk|"
  "fi|ie|nz|mx|kr|tv|xyz|dev|ai|gg|cc"
)
_WORD_ENDS = "shop|store|online|site|app|club|blog|info|live|news|link|top"
# Shops and services that reviews speak of; their names say nothing of a person.
_SHOPS = (
  r"(?:amazon|ebay|walmart|target|bestbuy|netflix|google|youtube|imdb|yelp|"
  r"etsy|apple|itunes|barnesandnoble|goodreads|wikipedia|paypal)"
  r"\.[a-z.]+(?![\w/])"
)
# The areas of British postcodes.
_UK_AREAS = (
  "AB|AL|B|BA|BB|BD|BH|BL|BN|BR|BS|BT|CA|CB|CF|CH|CM|CO|CR|CT|CV|CW|DA|DD|DE|"
  "DG|DH|DL|DN|DT|DY|E|EC|EH|EN|EX|FK|FY|G|GL|GU|HA|HD|HG|HP|HR|HU|HX|IG|IP|IV|"
  "KA|KT|KW|KY|L|LA|LD|LE|LL|LN|LS|LU|M|ME|MK|ML|N|NE|NG|NN|NP|NR|NW|OL|OX|PA|"
  "PE|PH|PL|PO|PR|RG|RH|RM|S|SA|SE|SG|SK|SL|SM|SN|SO|SP|SR|SS|ST|SW|SY|TA|TD|"
  "TF|TN|TQ|TR|TS|TW|UB|W|WA|WC|WD|WF|WN|WR|WS|WV|YO|ZE"
)
_ADDRESSES = (
  # "221B Old Baker Street", "350 W 42nd Street"
  r"\b\d{1,5}[A-Z]?(?:-\d+)? (?:[NSEW]\.? )?"
  r"(?:(?:[A-Z][a-z]+|\d{1,3}(?:st|nd|rd|th)) ){1,3}"
  rf"(?i:{_STREET})\b\.?(?: [NSEW]{{1,2}}\b)?"
  r"(?:,? (?:[A-Z][a-z]+ ?){1,3},? [A-Z]{2} \d{5}(?:-\d{4})?)?",
  r"(?i:\bp\.?\s?o\.?\s?box\s+\d+)",
  # "Hauptstraße 12, 10115 Berlin"
  r"\b[A-Z\u00c4\u00d6\u00dc][\w.-]*"
  r"(?:stra\u00dfe|strasse|str\.|weg|gasse|platz|allee|damm) "
  r"\d{1,4} ?[a-z]?\b(?:, \d{5} [A-Z\u00c4\u00d6\u00dc][\w-]+)?",
  # "14 rue de la Paix"
  r"\b\d{1,4},? (?:bis )?"
  r"(?:rue|avenue|boulevard|place|chemin|impasse|quai) "
  rf"(?:(?:de|du|des|la|le) |(?:de )?l['\u2019])*{_NAME}",
  # "Calle Mayor 45, 28013 Madrid"
  r"\b(?i:calle|avenida|plaza|via|viale|piazza|rua|paseo) "
  rf"(?:(?:de|del|la|di|dei) )*{_NAME},? \d{{1,4}},? \d{{4,5}} {_NAME}",
  # A British postcode
  rf"\b(?:{_UK_AREAS})\d[A-Z\d]? \d[ABD-HJLNP-UW-Z]{{2}}\b",
)
_NAMES = (
  r"\B@[A-Za-z_]\w{2,}",
  r"(?i:\bmy name is )[A-Z][a-z]+(?: [A-Z][a-z]+)?",
  rf"(?i:\bcall me )[A-Z][a-z]+ {_NAME}",
  rf"(?i:\b(?:i'm|i am|this is) )[A-Z][a-z]+ {_NAME}"
  r"(?= (?:from|writing|here)\b)",
  # Signatures
  r"(?i:\b(?:regards|sincerely|signed|cheers))[,:]?\s+[A-Z][a-z]+"
  r"(?: [A-Z][a-z.]*)?\s*$",
  r"(?i:\bthanks?(?: you)?),\s+[A-Z][a-z]+\s*$",
  r"[-\u2013\u2014~]\s*[A-Z][a-z]+ [A-Z]\.\s*$",
  # Relatives' whole names; only the name is taken out.
  r"(?i:\b(?:my|our) (?:wife|husband|son|daughter|mother|father|brother|"
  rf"sister|friend|boss|partner)),? ([A-Z][a-z]+ {_NAME})",
)
_AT = r"\s*(?:[\[({<]\s*at\s*[\])}>]|@|(?<=\s)at(?=\s))\s*"
_DOT = r"\s*(?:[\[({<]\s*dot\s*[\])}>]|(?<=\s)dot(?=\s))\s*"
_MAILERS = "gmail|yahoo|hotmail|outlook|aol|icloud|msn|gmx|proton|protonmail"


def _matching(
  pattern: str, right: Callable[[str], bool] = lambda found: True
) -> Callable[[str], Spans]:
  """Returns a function that yields where a pattern is in a text.

  Args:
    pattern: of `re`. If it has a group, that is what is found.
    right: whether a match is right.
  """
  compiled = re.compile(pattern)

  def spans(text: str) -> Spans:
    for found in compiled.finditer(text):
      if right(found[0]):
        yield found.span(found.lastindex or 0)

  return spans


def _is_iban(text: str) -> bool:
  letters = re.sub(r"[ -]", "", text)
  moved = letters[4:] + letters[:4]
  return int("".join(str(int(c, 36)) for c in moved)) % 97 == 1


def _is_card(text: str) -> bool:
  """Returns whether digits are those of a card, by Luhn's check."""
  digits = [int(c) for c in text if c.isdigit()]
  doubled = [d * 2 - 9 * (d > 4) for d in digits[-2::-2]]
  return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _is_address(text: str) -> bool:
  try:
    ipaddress.ip_address(text)
  except ValueError:
    return False
  return True


@dataclasses.dataclass(frozen=True)
class _Pattern:
  """How one kind of personal data is found.

  Attributes:
    kind: a key of MARKS.
    spans: yields where it is in a text.
    hint: a text that does not match this has none. It is quick.
    of_items: whether catalogues are searched too. There, a street, a name or a
      bare domain is more often a title.
  """

  kind: str
  spans: Callable[[str], Spans]
  hint: re.Pattern
  of_items: bool = False


_HAS_CUE = re.compile(
  r"(?i)@\w|name is|call me|\bi'm\b|\bi am\b|this is|regards|sincerely|signed|"
  r"cheers|thank|[-\u2013\u2014~]\s*\w+ \w\.\s*$|\b(?:my|our)\b"
)
_HAS_DIGIT, _HAS_NUMBER = re.compile(r"\d"), re.compile(r"(?:\d\W*){7}")
_HAS_AT = re.compile(rf"(?i)\bdot\b|\b(?:{_MAILERS})\b")
_HAS_DOT = re.compile(r"(?i)[^\W_][.][^\W_]|\bdot\b")

# What stands for each kind of personal data.
MARKS = {
  "web_page": "[link]",
  "e_mail": "[e-mail]",
  "phone": "[phone]",
  "address": "[address]",
  "profile_name": "[name]",
  "id_number": "[id number]",
  "card": "[card]",
  "iban": "[iban]",
  "ip_address": "[ip address]",
}

# They are applied in order, so that a profile's address is not half an e-mail
# address, and a card's number is not a telephone number.
_PATTERNS = (
  _Pattern(
    "web_page",
    _matching(r"(?i)\b(?:(?:https?|ftp)://|www\.)\S*[^\s.,!?)>\"']"),
    re.compile(r"(?i)://|www\."),
    of_items=True,
  ),
  _Pattern(
    "e_mail",
    _matching(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(?:\.[\w-]+)*\.[^\W\d_]{2,}\b"),
    re.compile("@"),
    of_items=True,
  ),
  _Pattern(
    "e_mail",
    _matching(
      rf"(?i)[\w.+-]+{_AT}[\w-]+(?:{_DOT}[\w-]+)*(?:{_DOT})[a-z]{{2,6}}\b"
      rf"|[\w.+-]+{_AT}(?:{_MAILERS})\b(?:\s*\.\s*[a-z]{{2,3}}\b)?"
    ),
    _HAS_AT,
  ),
  _Pattern(
    "iban",
    _matching(
      r"\b[A-Z]{2}\d\d(?:[ -]?[A-Z\d]{4}){2,7}(?:[ -]?[A-Z\d]{1,3})?\b",
      _is_iban,
    ),
    _HAS_NUMBER,
    of_items=True,
  ),
  _Pattern(
    "card",
    _matching(
      r"(?<![\w.-])(?:3[47]\d{2}[ -]?\d{6}[ -]?\d{5}"
      r"|(?:4\d{3}|5[1-5]\d\d|2[2-7]\d\d|6\d{3})(?:[ -]?\d{4}){3})(?![\w-])",
      _is_card,
    ),
    _HAS_NUMBER,
    of_items=True,
  ),
  _Pattern(
    "id_number",
    _matching(
      r"(?<![\w-])(?!000|666|9)\d{3}[- ](?!00)\d\d[- ](?!0000)\d{4}(?![\w-])"
      r"|(?i:\b(?:ssn|social(?: security)?(?: number| no\.?)?)\W+"
      r"(?:(?:is|was|number)\W+)?)\d{9}\b"
    ),
    _HAS_NUMBER,
    of_items=True,
  ),
  _Pattern(
    "ip_address",
    _matching(
      r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?!\w|\.\d)"
      r"|(?i:(?<![\w:])(?:[\da-f]{1,4}:|:){2,7}(?::|[\da-f]{1,4}(?![\w:])))",
      _is_address,
    ),
    re.compile(r"\d\.\d|:[\da-fA-F]*:"),
  ),
  _Pattern("phone", phones.spans, _HAS_NUMBER),
  _Pattern(
    "phone",
    lambda text: phones.spans(text, strict=True),
    _HAS_NUMBER,
    of_items=True,
  ),
  _Pattern(
    "web_page",
    _matching(
      rf"\b(?!(?i:{_SHOPS}))(?:(?i:[a-z\d](?:[a-z\d-]*[a-z\d])?\.)+)"
      rf"(?:(?i:{_ENDS})|{_WORD_ENDS})\b(?!\.\w)(?::\d+)?(?:/\S*)?"
      r"|(?i:\b[a-z\d-]+(?:\.[a-z\d-]+)*\.[a-z]{2}/[\w~][^\s,;]{2,})"
      rf"|(?i:\b[\w-]+(?:{_DOT}[\w-]+)*{_DOT}(?:{_ENDS}|{_WORD_ENDS})\b)"
    ),
    _HAS_DOT,
  ),
  _Pattern(
    "address",
    _matching("|".join(_ADDRESSES)),
    _HAS_DIGIT,
  ),
  _Pattern(
    "profile_name",
    _matching("|".join(_NAMES)),
    _HAS_CUE,
  ),
)

# Matches a replacement. A text that contains one is useless.
PLACEHOLDER = "|".join(map(re.escape, MARKS.values()))


def masked(
  text: str, of_item: bool = False, counts: collections.Counter | None = None
) -> str:
  """Returns a text with personal data replaced by its kind in brackets.

  Args:
    text: any text.
    of_item: whether a catalogue has it, such as a title or a label.
    counts: the numbers of findings of each kind are added to it.
  """
  for pattern in _PATTERNS:
    if (of_item and not pattern.of_items) or not pattern.hint.search(text):
      continue
    at, parts = 0, []
    for start, end in pattern.spans(text):
      parts += [text[at:start], MARKS[pattern.kind]]
      at = end
    if counts is not None:
      counts[pattern.kind] += len(parts) // 2
    text = "".join([*parts, text[at:]])
  return text


def mask(text: pl.Expr) -> pl.Expr:
  """Returns the text with personal data replaced; see `masked`."""
  return text.map_batches(_masked_series, return_dtype=pl.String)


def _masked_series(texts: pl.Series) -> pl.Series:
  return pl.Series(
    texts.name,
    [None if text is None else masked(text) for text in texts],
    pl.String,
  )


def count(texts: pl.Series, of_item: bool = False) -> dict[str, int]:
  """Returns the number of findings of each kind; see `masked`."""
  counts = collections.Counter(dict.fromkeys(MARKS, 0))
  for text in texts.drop_nulls():
    masked(text, of_item, counts)
  return dict(counts)


def present(text: pl.Expr) -> pl.Expr:
  """Returns whether the text has personal data or its replacement."""
  return text.str.contains(PLACEHOLDER) | (mask(text) != text)
