"""Finds telephone numbers, with Google's tables of every country's numbers."""

import functools
import re
from collections.abc import Iterator

# Digits in groups, perhaps with a country's prefix.
_DIGITS = re.compile(
  r"(?<![\w.,$\u20ac\u00a3#:/-])(?:\+|\(\+)?[(\d][\d\s().\u2010-\u2013/-]{5,24}\d(?!\w|[-.,]\d)"
)
_CUE = re.compile(
  r"(?i)\b(?:call|phone|tel|telephone|mobile|cell|handy|fax|text|sms|whatsapp|"
  r"ring|reach|contact|dial|hotline|helpline|customer line|number is|"
  r"ll\u00e1m\w+|tel\u00e9fono|appele\w*|chiam\w+|fale|ligue|anrufen|rufen?)\b"
  r"[^\d+(]{0,25}$"
)
_NO_PHONE = re.compile(
  r"(?i)\b(?:isbn|asin|upc|ean|model|part|order|serial|sku|item|version)\b"
  r"[^\d]{0,12}$"
)
_DECIMAL = re.compile(r"\d+\.\d+")
_DATE = re.compile(
  r"\d{1,2}[-./ ]\d{1,2}[-./ ](?:\d{4}|\d{2})|\d{4}[-./ ]\d\d?[-./ ]\d\d?"
)
# North America's form, whatever the numbers: most that people make up, and some
# that they have, are in no table.
_AMERICAN = re.compile(
  r"(?:\+?1[ .-]?)?(?:\(\d{3}\) ?|\d{3}[ ./-])\d{3}[ ./-]\d{4}"
)
# Countries whose numbers are written without the country's prefix in reviews.
_REGIONS = (
  "GB", "FR", "DE", "AU", "IT", "ES", "IN", "BR", "NL", "BE", "CH", "AT", "SE",
  "JP", "IE", "NZ", "MX", "PT", "PL", "ZA",
)  # fmt: skip
_SHORTEST, _LONGEST = 7, 15
# A number with its area's code has so many digits or more.
_WHOLE = 9


def spans(text: str, strict: bool = False) -> Iterator[tuple[int, int]]:
  """Yields where telephone numbers are in a text.

  Args:
    text: any text.
    strict: whether only numbers with a country's prefix, of North America's
      form, or after a word such as "call" count. Others look like the numbers
      of products.
  """
  for found in _DIGITS.finditer(text):
    written = found[0]
    digits = re.sub(r"\D", "", written)
    before = text[max(0, found.start() - 40) : found.start()]
    if not _SHORTEST <= len(digits) <= _LONGEST or _NO_PHONE.search(before):
      continue
    if (
      written.lstrip("(").startswith("+")
      or _AMERICAN.fullmatch(written)
      or (len(digits) >= (_WHOLE if strict else 0) and _CUE.search(before))
      or (digits.startswith("00") and _known(f"+{digits[2:]}", None))
      or (not strict and _local(written))
    ):
      yield found.span()


def _local(written: str) -> bool:
  """Returns whether a number is one within a country.

  It begins with the 0 or the bracket that comes before an area's code, or is in
  groups of three digits as in Spain.
  """
  grouped = re.search(r"\d[\s()./-]+\d", written)
  if not grouped or _DATE.fullmatch(written) or _DECIMAL.fullmatch(written):
    return False
  if written[0] in "0(":
    return any(_known(written, region) for region in _REGIONS)
  return bool(re.fullmatch(r"[67]\d\d \d{3} \d{3}", written)) and _known(
    written, "ES"
  )


@functools.lru_cache(maxsize=4096)
def _known(number: str, region: str | None) -> bool:
  # It takes a tenth of a second to load, and most texts have no number.
  import phonenumbers

  try:
    parsed = phonenumbers.parse(number, region)
  except phonenumbers.NumberParseException:
    return False
  return phonenumbers.is_valid_number(parsed)
