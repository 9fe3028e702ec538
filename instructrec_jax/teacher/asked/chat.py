"""Requests and answers in the format of OpenAI-compatible servers."""

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from instructrec_jax import errors
from instructrec_jax.errors import InputError
from instructrec_jax.teacher.asked import cache
from instructrec_jax.teacher.asked.manner import TEACHING, Manner
from instructrec_jax.teacher.protocol import Kind

PATH = "chat/completions"
# Ways to ask a server for JSON; not every server supports the first.
FORMATS = ("json_schema", "json_object", "text")
# The servers' reasons to stop that say why an answer cannot be used.
_FINISHES = {
  "length": "length",
  "max_tokens": "length",
  "content_filter": "content_filter",
  "safety": "content_filter",
  "refusal": "refusal",
}
# The average of English text.
_CHARACTERS_PER_TOKEN = 4


@dataclasses.dataclass(frozen=True)
class Chat:
  """All that determines the requests to a model.

  Attributes:
    model: the server's name of the model.
    sampling: further fields of a request.
    response_format: one of FORMATS.
    manner: how requests are worded, and answers read.
  """

  model: str
  sampling: Mapping[str, Any]
  response_format: str = FORMATS[0]
  manner: Manner = TEACHING

  def __post_init__(self):
    if self.response_format not in FORMATS:
      raise errors.unknown("response_format", self.response_format, FORMATS)
    taken = {"model", "messages", "response_format", "stream", "n"}
    if wrong := taken & set(self.sampling):
      raise InputError(
        f"sampling may not set {', '.join(sorted(wrong))}; expected fields "
        "such as temperature and max_tokens"
      )
    most = self.sampling.get("max_tokens", 1)
    if type(most) is not int or most < 1:
      raise InputError(
        f"max_tokens of sampling is {most!r}: expected a whole number from 1"
      )

  def made_of(self, kinds: Iterable[Kind]) -> dict[str, Any]:
    """Returns all that determines answers, for the manifest."""
    return {
      "model": self.model,
      "prompts": self.manner.versions(kinds),
      "sampling": dict(self.sampling),
      "response_format": self.response_format,
    }

  def body(self, kind: Kind, request: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the body of the POST request."""
    body = {
      "model": self.model,
      "messages": self.manner.messages(kind, request),
      **self.sampling,
    }
    if self.response_format == "json_schema":
      body["response_format"] = {
        "type": "json_schema",
        "json_schema": self.manner.json_schema(kind),
      }
    elif self.response_format == "json_object":
      body["response_format"] = {"type": "json_object"}
    return body

  def key(self, kind: Kind, body: Mapping[str, Any]) -> str:
    """Returns the cache key of the answers to a body."""
    return cache.key(prompts=self.manner.version(kind), **body)


def rows(batches) -> Iterator[dict[str, Any]]:
  """Yields the requests of all batches one by one."""
  for batch in batches:
    yield from batch.iter_rows(named=True)


def read(completion: Any) -> cache.Answer:
  """Returns a server's answer.

  Raises:
    ValueError: it is not a chat completion.
  """
  try:
    [choice, *_] = completion["choices"]
    message = choice["message"]
    usage = completion.get("usage")
    content = _text(message.get("content"))
    finish = str(choice.get("finish_reason") or "")
    # Newer servers put a refusal beside the content.
    if not content and message.get("refusal"):
      content, finish = _text(message["refusal"]), "refusal"
  except (KeyError, TypeError, ValueError, AttributeError) as error:
    raise ValueError(f"not a chat completion: {error!r}") from None
  usage = usage if isinstance(usage, dict) else {}
  return cache.Answer(
    content,
    _tokens(usage.get("prompt_tokens")),
    _tokens(usage.get("completion_tokens")),
    _FINISHES.get(finish.lower(), ""),
  )


def fault(body: Any) -> tuple[int | None, str | None]:
  """Returns the code and the words of an error that a server reports, if any.

  Some servers report errors with the status 200, in the answer or in its first
  choice.
  """
  error = None
  if isinstance(body, dict):
    error = body.get("error")
    choices = body.get("choices")
    if error is None and isinstance(choices, list) and choices:
      error = choices[0].get("error") if isinstance(choices[0], dict) else None
    if error is None and "choices" not in body:
      error = body.get("message") or body.get("detail")
  if not error:
    return None, None
  if not isinstance(error, dict):
    return None, str(error)
  code = error.get("code")
  said = error.get("message") or json.dumps(error, ensure_ascii=False)
  number = str(code).isdecimal() and 400 <= int(str(code)[:4]) <= 599
  return int(code) if number else None, str(said)


def _text(content: Any) -> str:
  """Returns content as text, joined if it comes in parts.

  Half of a character, which no file can hold, becomes a sign that stands for
  it.
  """
  if isinstance(content, list):
    content = "".join(_part(part) for part in content)
  elif isinstance(content, dict):
    content = json.dumps(content, ensure_ascii=False)
  text = "" if content is None else str(content)
  return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _part(part: Any) -> str:
  """Returns the text of a part of the content; reasoning has none."""
  if isinstance(part, dict):
    spoken = part.get("type", "text") in ("text", "output_text")
    text = part.get("text") if spoken else ""
    # Some servers nest it.
    part = text.get("value") if isinstance(text, dict) else text
  return part if isinstance(part, str) else ""


def _tokens(count: Any) -> int:
  """Returns a server's count of tokens, or 0 if it is none."""
  return count if type(count) is int and 0 <= count < 2**40 else 0


def about_tokens(body: Mapping[str, Any]) -> int:
  """Returns the approximate tokens of a request, at four characters each."""
  length = sum(len(m["content"]) for m in body["messages"])
  length += len(json.dumps(body.get("response_format", "")))
  return length // _CHARACTERS_PER_TOKEN
