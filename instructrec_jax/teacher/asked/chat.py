"""Requests and answers in the format of OpenAI-compatible servers."""

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from instructrec_jax import errors
from instructrec_jax.errors import InputError
from instructrec_jax.teacher.asked import cache, prompts
from instructrec_jax.teacher.protocol import Kind

PATH = "chat/completions"
# Ways to ask a server for JSON; not every server supports the first.
FORMATS = ("json_schema", "json_object", "text")
# The temperature is above 0 so that a repeated request can succeed.
SAMPLING = {"temperature": 0.7, "max_tokens": 400}
# The average of English text.
_CHARACTERS_PER_TOKEN = 4


@dataclasses.dataclass(frozen=True)
class Chat:
  """All that determines the requests to a model.

  Attributes:
    model: the server's name of the model.
    sampling: further fields of a request.
    response_format: one of FORMATS.
  """

  model: str
  sampling: Mapping[str, Any]
  response_format: str = FORMATS[0]

  def __post_init__(self):
    if self.response_format not in FORMATS:
      raise errors.unknown("response_format", self.response_format, FORMATS)
    taken = {"model", "messages", "response_format", "stream", "n"}
    if wrong := taken & set(self.sampling):
      raise InputError(
        f"sampling may not set {', '.join(sorted(wrong))}; expected fields "
        "such as temperature and max_tokens"
      )

  def made_of(self, kinds: Iterable[Kind]) -> dict[str, Any]:
    """Returns all that determines answers, for the manifest."""
    return {
      "model": self.model,
      "prompts": prompts.versions(kinds),
      "sampling": dict(self.sampling),
      "response_format": self.response_format,
    }

  def body(self, kind: Kind, request: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the body of the POST request."""
    body = {
      "model": self.model,
      "messages": prompts.messages(kind, request),
      **self.sampling,
    }
    if self.response_format == "json_schema":
      body["response_format"] = {
        "type": "json_schema",
        "json_schema": prompts.json_schema(kind),
      }
    elif self.response_format == "json_object":
      body["response_format"] = {"type": "json_object"}
    return body

  def key(self, kind: Kind, body: Mapping[str, Any]) -> str:
    """Returns the cache key of the answers to a body."""
    return cache.key(prompts=prompts.PROMPTS[kind.name].version, **body)


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
    message = completion["choices"][0]["message"]
    usage = completion.get("usage") or {}
    # Newer servers put a refusal beside the content.
    content = message.get("content") or message.get("refusal") or ""
    return cache.Answer(
      str(content),
      int(usage.get("prompt_tokens") or 0),
      int(usage.get("completion_tokens") or 0),
    )
  except (KeyError, IndexError, TypeError, AttributeError) as error:
    raise ValueError(f"not a chat completion: {error!r}") from None


def about_tokens(body: Mapping[str, Any]) -> int:
  """Returns the approximate tokens of a request, at four characters each."""
  length = sum(len(m["content"]) for m in body["messages"])
  length += len(json.dumps(body.get("response_format", "")))
  return length // _CHARACTERS_PER_TOKEN
