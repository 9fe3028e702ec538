"""Parses a model's answer into texts, or the reason why it has none."""

import json
import re
from collections.abc import Mapping

from instructrec_jax.teacher.protocol import JUDGEMENT, Kind

# The number of times that a request is sent until its answer can be parsed.
TRIES = 3
MALFORMED = "malformed answer"
REFUSED = "refusal"
_FENCE = re.compile(r"```(?:json)?\s*(.*?)\s*```", re.DOTALL)
_REFUSING = re.compile(
  r"^\W*(?:i'?m |i am )?(?:sorry|unable|afraid)\b"
  r"|^\W*i (?:cannot|can't|won't)\b"
  r"|\bas an? (?:ai|language model)\b",
  re.IGNORECASE,
)


def parse(kind: Kind, content: str) -> tuple[dict[str, str] | None, str | None]:
  """Returns the texts of an answer, or None and what is wrong with it.

  Models put JSON into fences or sentences even if they are told not to.
  """
  value = _object(content)
  if value is None:
    return None, REFUSED if _REFUSING.search(content) else MALFORMED
  return of_plain(kind, value)


def of_plain(
  kind: Kind, outputs: Mapping[str, object]
) -> tuple[dict[str, str] | None, str | None]:
  """Returns the texts if each output has an answer of its own; see `parse`."""
  texts = {}
  for name in kind.outputs:
    text = outputs.get(name)
    if not isinstance(text, str) or not text.strip():
      return None, MALFORMED
    texts[name] = " ".join(text.split())
  if kind is JUDGEMENT:
    texts = {name: text.lower().strip(".") for name, text in texts.items()}
    if not set(texts.values()) <= {"yes", "no"}:
      return None, MALFORMED
  elif any(_REFUSING.search(text) for text in texts.values()):
    return None, REFUSED
  return texts, None


def _object(content: str) -> Mapping | None:
  fenced = _FENCE.search(content)
  text = fenced[1] if fenced else content
  start, end = text.find("{"), text.rfind("}")
  try:
    value = json.loads(text[start : end + 1])
  except ValueError:
    return None
  return value if isinstance(value, dict) else None
