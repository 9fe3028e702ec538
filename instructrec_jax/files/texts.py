"""Makes texts that strangers wrote safe to show and to use as names."""

import re

# What a terminal, a page or LaTeX acts upon and nobody sees: control
# characters, separators of lines, marks that change the direction of writing,
# and halves of surrogate pairs, which cannot be written at all.
_INVISIBLE = "\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
_CONTROL = re.compile(f"[{_INVISIBLE}\ud800-\udfff]")
_CONTROL_IN_LINES = re.compile(
  f"[{_INVISIBLE.replace(chr(0) + '-' + chr(31), '')}"
  "\x00-\x08\x0b-\x1f\ud800-\udfff]"
)
# Spreadsheets take a text that begins so for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_LONGEST_FILE_NAME = 100


def plain(text: str) -> str:
  r"""Returns a text on one line, with control characters written as \x1b."""
  return _CONTROL.sub(_escaped, text)


def plain_lines(text: str) -> str:
  """Does the same, and keeps line breaks and tabs."""
  return _CONTROL_IN_LINES.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
  code = ord(found[0])
  return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def file_name(text: str) -> str:
  """Returns a text as part of the name of a file, which leaves no folder."""
  name = re.sub(r"[^\w.@=-]+", "_", text).lstrip(".")
  return name[:_LONGEST_FILE_NAME] or "_"


def spreadsheet_cell(value: object) -> object:
  """Returns a cell of a CSV file, with an apostrophe before a formula."""
  if isinstance(value, str) and value.startswith(_FORMULA):
    return f"'{value}"
  return value
