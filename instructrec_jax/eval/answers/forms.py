"""The forms in which models write an answer, and what is around it."""

import json
import re
from typing import Any

_THOUGHTS = re.compile(
  r"<(think|thinking|thought|reasoning)>.*?(?:</\1>|\Z)", re.DOTALL
)
# Some servers leave the first tag out.
_THOUGHTS_END = re.compile(r"</(?:think|thinking|thought|reasoning)>")
_JSON = re.compile(r"[\[{]\s*[\[{\"]")
# No answer is longer; a broken one is not searched for minutes.
_LONGEST = 100_000
_NEST = 500
# The fields of an object that may hold a title.
_TITLE_FIELDS = (
  "title", "name", "item", "item_title", "product", "movie", "book", "game",
)  # fmt: skip
_RULE = re.compile(r"\s*\|?\s*:?-{2,}:?\s*(?:\|\s*:?-{2,}:?\s*)*\|?\s*")
_ORDINAL = r"\d+(?:st|nd|rd|th)?|[ivx]{1,4}|[a-z]"
# What may come before a title: bullets, headings and boxes; then a number or
# letter with its mark; then the name of what follows.
_BULLETS = re.compile(
  r"[\s>#*_`+\u2022\u2023\u25aa\u25e6\u2013\u2014-]*(?:\[[ xX]?\]\s+)?[*_`]*"
)
_NUMBER = re.compile(
  r"(?:rank|no\.?|number|option|choice|place|position|item|candidate)?\s*"
  rf"#?[(\[]?(?:{_ORDINAL})\s*[*_`]*(?:[.):\]|\u2013\u2014-]+|\ufe0f?\u20e3)"
  r"[*_`]*(?:\s+|(?<=\u20e3)|(?<=\d\.)|(?<=\*))[\s*_`]*",
  re.IGNORECASE,
)
_NAME = re.compile(r"(?:title|name|item|answer)[*_`]*:[\s*_`]+", re.IGNORECASE)
_LETTER = re.compile(r"(?:(?<=\s)|^)(?:\(([a-z])\)|([a-z])[.)])\s+", re.I)
_ARROW = re.compile(r"\s+(?:>+|->|=>|\u2192|\u27f6|\u227b)\s+")
_LIST = re.compile(r"\[(.+)\]", re.DOTALL)


def spoken(text: str) -> str:
  """Returns an answer without the reasoning that comes before it."""
  return _THOUGHTS_END.split(_THOUGHTS.sub(" ", text))[-1].strip()


def json_titles(text: str) -> list[str]:
  """Returns the titles of the last JSON list in a text, or none."""
  decoder = json.JSONDecoder(strict=False)
  text, at, found = text[-_LONGEST:], 0, []
  while match := _JSON.search(text, at):
    try:
      value, at = decoder.raw_decode(text, match.start())
      found = _titles(value) or found
    except ValueError:
      at = match.start() + 1
    except RecursionError:
      # So deep a nest is no answer, and each of its levels would take as long.
      at = match.start() + _NEST
  return found


def _titles(value: Any) -> list[str]:
  """Returns the titles of a list, or of the first list in an object."""
  if isinstance(value, dict):
    lists = (_titles(v) for v in value.values() if isinstance(v, list))
    title = _titles([value])
    return next(filter(None, lists), title)
  titles = []
  for one in value:
    if isinstance(one, dict):
      fields = {k.lower(): v for k, v in one.items()}
      one = next((fields[f] for f in _TITLE_FIELDS if f in fields), None)
    if isinstance(one, str):
      titles.append(one)
  return titles


def table_rows(text: str) -> list[str]:
  """Returns the rows of a Markdown table below its head, or none."""
  lines = text.splitlines()
  rules = [n for n, line in enumerate(lines) if _RULE.fullmatch(line)]
  rules = [n for n in rules if "|" in lines[n]]
  if not rules:
    return []
  rows = (line.strip().strip("|") for line in lines[rules[0] + 1 :])
  return [row for row in rows if "|" in row or row]


def led(line: str) -> list[str]:
  """Returns a line without its bullet, then also without its number and name.

  The list is empty if the line has none of them.
  """
  rests, at = [], 0
  for lead in (_BULLETS, _NUMBER, _NAME):
    found = lead.match(line, at)
    if found and found.end() > at:
      at = found.end()
      rests.append(line[at:])
  return rests


def lettered(text: str) -> list[str]:
  """Splits "A. One B. Two" or "(a) One (b) Two" in one line."""
  marks = []
  for mark in _LETTER.finditer(text):
    if ord((mark[1] or mark[2]).lower()) == ord("a") + len(marks):
      marks.append(mark)
  ends = [*(mark.start() for mark in marks), len(text)][1:]
  return [
    text[mark.end() : end].strip(" ,;")
    for mark, end in zip(marks, ends, strict=True)
  ]


def between_arrows(text: str) -> list[str]:
  """Splits "One > Two"; returns nothing without an arrow."""
  parts = _ARROW.split(text)
  return parts if len(parts) > 1 else []


def bracketed(text: str) -> str:
  """Returns what the outermost square brackets of a text hold."""
  found = _LIST.search(text)
  return found[1] if found else ""
