"""Parses a model's answer into texts, or the reason why it has none."""

import json
import re
from collections.abc import Iterator, Mapping

from instructrec_jax.teacher.asked import cache
from instructrec_jax.teacher.protocol import JUDGEMENT, Kind

# The number of times that a request is sent until its answer can be parsed.
TRIES = 3
MALFORMED = "malformed answer"
REFUSED = "refusal"
CUT = "cut at max_tokens"
FILTERED = "content filter"
# These say why there is no text, so that asking again would buy it again.
FINAL = (REFUSED, CUT, FILTERED)
# The fault that each `cache.Answer.finish` stands for.
_FINISHED = {"length": CUT, "refusal": REFUSED, "content_filter": FILTERED}
_THOUGHTS = re.compile(
  r"<(think|thinking|thought|reasoning)>.*?(?:</\1>|\Z)", re.DOTALL
)
# Some servers leave the first tag out.
_THOUGHTS_END = re.compile(r"</(?:think|thinking|thought|reasoning)>")
_OBJECT = re.compile(r"\{\s*[\"}]")
# No answer is longer; what a broken server sends is not searched for minutes.
_LONGEST = 100_000
_NEST = 500
# Half of a character, and the sign that stands for one that was lost.
_BROKEN = re.compile("[\ud800-\udfff\ufffd]")
# What may follow says why.
_YES_NO = re.compile(r"\W*(yes|no)\b(?!\s+\w)", re.IGNORECASE)
_REFUSING = re.compile(
  r"^\W*(?:i'?m |i am )?(?:sorry|unable|afraid)\b"
  r"|^\W*i (?:cannot|can't|won't)\b"
  r"|\bas an? (?:ai|language model)\b",
  re.IGNORECASE,
)

Parsed = tuple[dict[str, str] | None, str | None]


def parse(kind: Kind, given: cache.Answer) -> Parsed:
  """Returns the texts of an answer, or None and what is wrong with it.

  The texts are those of the last whole JSON object that has the kind's fields,
  wherever it is: models put it into fences or sentences, or after reasoning in
  which there may be other objects. An answer that was cut off may contain it
  too.
  """
  said = spoken(given.content)
  for value in objects(said):
    if set(kind.outputs) <= value.keys():
      texts, wrong = of_plain(kind, value)
      if texts is not None or wrong == REFUSED:
        return texts, wrong
  return None, fault(given, said)


def fault(given: cache.Answer, said: str) -> str:
  """Returns what is wrong with an answer in which nothing was found.

  Args:
    given: the answer.
    said: its text without reasoning, see `spoken`.
  """
  if given.finish in _FINISHED:
    return _FINISHED[given.finish]
  return REFUSED if _REFUSING.search(said) else MALFORMED


def spoken(content: str) -> str:
  """Returns an answer without the reasoning before it."""
  rest = _THOUGHTS.sub(" ", content)
  return _THOUGHTS_END.split(rest)[-1].strip()[-_LONGEST:]


def of_plain(kind: Kind, outputs: Mapping[str, object]) -> Parsed:
  """Returns the texts if each output has an answer of its own; see `parse`."""
  texts = {}
  for name in kind.outputs:
    text = outputs.get(name)
    if kind is JUDGEMENT and isinstance(text, bool):
      text = "yes" if text else "no"
    if not isinstance(text, str) or not text.strip() or _BROKEN.search(text):
      return None, MALFORMED
    texts[name] = " ".join(text.split())
  if kind is JUDGEMENT:
    found = {name: _YES_NO.match(text) for name, text in texts.items()}
    if not all(found.values()):
      return None, MALFORMED
    texts = {name: said[1].lower() for name, said in found.items() if said}
  elif any(_REFUSING.search(text) for text in texts.values()):
    return None, REFUSED
  return texts, None


def objects(text: str) -> Iterator[dict]:
  """Yields the JSON objects in a text, the last first."""
  # Models write line breaks within strings, which strict JSON forbids.
  decoder = json.JSONDecoder(strict=False)
  found, at = [], 0
  while match := _OBJECT.search(text, at):
    try:
      value, at = decoder.raw_decode(text, match.start())
      found.append(value)
    except ValueError:
      at = match.start() + 1
    except RecursionError:
      # So deep a nest is no answer, and each of its levels would take as long.
      at = match.start() + _NEST
  for value in reversed(found):
    yield from _within(value)


def _within(value: dict) -> Iterator[dict]:
  """Yields an object and the objects that are its fields or in their lists."""
  yield value
  for inner in value.values():
    for one in inner if isinstance(inner, list) else [inner]:
      if isinstance(one, dict):
        yield one
