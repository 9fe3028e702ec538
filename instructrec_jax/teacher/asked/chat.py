"""A request as an OpenAI-compatible server takes it, and its answer."""

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from instructrec_jax import errors
from instructrec_jax.errors import InputError
from instructrec_jax.teacher.asked import cache, prompts
from instructrec_jax.teacher.protocol import Kind

PATH = "chat/completions"
# How a server is told to answer in JSON; not every one knows the first.
FORMATS = ("json_schema", "json_object", "text")
# A temperature, so that asking again after a malformed answer has a point.
SAMPLING = {"temperature": 0.7, "max_tokens": 400}
# In English, on average.
_CHARACTERS_PER_TOKEN = 4


@dataclasses.dataclass(frozen=True)
class Chat:
  """All that decides what a model is asked.

  Attributes:
    model: by the server's name.
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
        f"sampling may not set {', '.join(sorted(wrong))}: it holds such "
        "fields of a request as temperature and max_tokens"
      )

  def made_of(self, kinds: Iterable[Kind]) -> dict[str, Any]:
    """Returns all of it that decides answers, for the manifest."""
    return {
      "model": self.model,
      "prompts": prompts.versions(kinds),
      "sampling": dict(self.sampling),
      "response_format": self.response_format,
    }

  def body(self, kind: Kind, request: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what is posted."""
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
    """Returns the name under which answers to a body are kept."""
    return cache.key(prompts=prompts.PROMPTS[kind.name].version, **body)


def rows(batches) -> Iterator[dict[str, Any]]:
  """Yields the requests of all batches, as they are asked for."""
  for batch in batches:
    yield from batch.iter_rows(named=True)


def read(completion: Any) -> cache.Answer:
  """Returns what a server has answered.

  Raises:
    ValueError: it is no chat completion.
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
    raise ValueError(f"no chat completion: {error!r}") from None


def about_tokens(body: Mapping[str, Any]) -> int:
  """Returns about how many tokens a request has, four characters each."""
  length = sum(len(m["content"]) for m in body["messages"])
  length += len(json.dumps(body.get("response_format", "")))
  return length // _CHARACTERS_PER_TOKEN
