r"""Turns Python literals, as repr() writes them, into JSON.

`ast.literal_eval` takes fifty microseconds per line, and some files have eight
million lines. Lines of an unambiguous grammar are therefore rewritten together
in a few passes. Only the other lines are evaluated one by one.

The grammar is a dict of text, numbers, True, False, None, lists of text and
numbers, lists of such lists, and dicts of text to numbers and lists, as repr()
writes them in Python 2 and 3. Quotes stand only
around text, so a scan from left to right finds each text at its first quote. A
backslash starts an escape, so `\\` is read before `\'` can be. Line breaks and
other control characters do not occur, so they can mark the ends of a text.
"""

import ast
import json
import re
from typing import Any

import polars as pl

from instructrec_jax.data.formats import jsonl

_ESCAPE = (
  r"""\\(?:[bfnrt\\'"]|x[0-9a-f]{2}|u[0-9a-f]{4}|"""
  r"U00(?:0[1-9a-f]|10)[0-9a-f]{4})"
)
_TEXT = "|".join(
  rf"u?{quote}(?:[^{quote}\\\x00-\x1f]|{_ESCAPE})*{quote}" for quote in "'\""
)
_NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?"
_ENTRY = rf"(?:{_TEXT}|{_NUMBER})"
_LIST = rf"\[(?:{_ENTRY}(?:, {_ENTRY})*)?\]"
_LISTS = rf"\[{_LIST}(?:, {_LIST})*\]"
_INNER = rf"(?:{_TEXT}): (?:{_ENTRY}|{_LIST})"
_DICT = rf"\{{(?:{_INNER}(?:, {_INNER})*)?\}}"
_PAIR = (
  rf"(?:{_TEXT}): "
  rf"(?:{_TEXT}|{_NUMBER}|True|False|None|{_LIST}|{_LISTS}|{_DICT})"
)
_LINE = rf"^\{{(?:{_PAIR}(?:, {_PAIR})*)?\}}$"

_QUOTED = "|".join(
  rf"u?{quote}([^{quote}\\]*(?:\\.[^{quote}\\]*)*){quote}" for quote in "'\""
)
_START, _END = "\x02", "\x03"
# If two begin alike, the first is taken. JSON has the other escapes too.
_TO_JSON = {
  f"{_END}: True": '": true',
  f"{_END}: False": '": false',
  f"{_END}: None": '": null',
  _START: '"',
  _END: '"',
  '"': r"\"",
  r"\\": r"\\",
  r"\'": "'",
  r"\"": r"\"",
  r"\x": r"\u00",
}
_LONG_ESCAPE = r"\\U[0-9a-f]{8}"
# Python keeps the backslash of an invalid escape; repr() never writes one.
_NO_ESCAPE = re.compile(r"""(?<!\\)(?:\\\\)*\\[^abfnrtv0-7xNuU\\'"]""")


def to_json(block: bytes) -> bytes:
  """Turns lines of Python dicts into lines of JSON objects.

  Args:
    block: whole lines, UTF-8.

  Returns:
    The same number of lines. A line that is not a dict is unchanged.
  """
  try:
    text = block.decode()
  except UnicodeDecodeError:
    return b"\n".join(_evaluated(line) for line in block.split(b"\n"))
  lines = pl.Series([text]).str.split("\n").explode().str.strip_suffix("\r")
  plain = lines.str.contains(_LINE)
  if plain.all():
    lines = _rewritten(lines)
  else:
    evaluated = [_evaluated(t.encode()).decode() for t in lines.filter(~plain)]
    lines = lines.scatter(
      plain.arg_true(), _rewritten(lines.filter(plain))
    ).scatter((~plain).arg_true(), pl.Series(evaluated, dtype=pl.String))
  return lines.str.join("\n").item().encode()


def _rewritten(lines: pl.Series) -> pl.Series:
  """Rewrites lines of the grammar."""
  marked = lines.str.replace_all(_QUOTED, f"{_START}$1$2{_END}")
  # JSON can write these characters only as surrogate pairs or unescaped.
  long = marked.str.extract_all(_LONG_ESCAPE).explode().drop_nulls().unique()
  changes = _TO_JSON | {code: chr(int(code[2:], 16)) for code in long}
  return marked.str.replace_many(
    list(changes), list(changes.values()), leftmost=True
  )


def _evaluated(line: bytes) -> bytes:
  """Returns a line as JSON if it is a Python dict, otherwise unchanged."""
  try:
    text = line.decode()
    value = None if _NO_ESCAPE.search(text) else ast.literal_eval(text.strip())
  except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
    return line
  if not isinstance(value, dict):
    return line
  return json.dumps(value, skipkeys=True, default=_other).encode()


def _other(value: Any) -> Any:
  return list(value) if isinstance(value, set | frozenset) else str(value)


PYTHON = jsonl.Dialect("Python dict", to_json)
