"""Telephone numbers of many countries, and numbers of other things."""

import pytest

from instructrec_jax.teacher.checks import phones


def _found(text, strict=False):
  return [text[start:end] for start, end in phones.spans(text, strict)]


@pytest.mark.parametrize(
  ("text", "number", "strict"),
  [
    ("ring +44 20 7946 0958 now", "+44 20 7946 0958", True),
    ("ring 020 7946 0958 now", "020 7946 0958", True),
    ("it was 020 7946 0958 then", "020 7946 0958", False),
    ("it was 0044 20 7946 0958", "0044 20 7946 0958", True),
    ("it was (555) 123-4567", "(555) 123-4567", True),
    ("it was 555.123.4567", "555.123.4567", True),
    ("it was 06 12 34 56 78", "06 12 34 56 78", False),
    ("it was (11) 91234-5678", "(11) 91234-5678", False),
    ("call 2125550187", "2125550187", True),
  ],
)
def test_numbers_are_found(text, number, strict):
  assert _found(text) == [number]
  assert _found(text, strict=True) == ([number] if strict else [])


@pytest.mark.parametrize(
  "text",
  [
    "2014-05-12", "05-12-2014", "05.12.2014", "1,000,000", "3 000 000",
    "part 0612345678", "ISBN 0-19-853453-1", "1234567", "$1234567",
    "112-3456789-1234567", "12:30:45", "0.123456789", "A1234567",
    "1999-2001", "0000 000 000", "item 020 7946 0958",
  ],
)  # fmt: skip
def test_other_numbers_are_not(text):
  assert _found(text) == []
