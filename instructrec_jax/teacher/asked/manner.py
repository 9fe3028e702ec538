"""How requests are put to a model, and how its answers are read."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from instructrec_jax.teacher.asked import answer, cache, prompts
from instructrec_jax.teacher.protocol import (
  AUDIENCE,
  INTENTION,
  INTEREST,
  PREFERENCE,
  Kind,
)

# A row of a batch; see `protocol.Kind.inputs`.
Request = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Manner:
  """How requests of some kinds are put to a model, and its answers read.

  Attributes:
    version: returns the version of a kind's prompt. It changes with every
      change of a word, so that cached answers are told apart.
    messages: returns a request as chat messages.
    plain: returns a request for one output as text that a model continues.
    json_schema: returns an answer's schema in the form of OpenAI's
      `response_format`.
    parse: returns the texts of an answer, or None and what is wrong with it.
    parse_plain: the same, of the answers to `plain` by the names of outputs.
    answer_tokens: the expected tokens of an answer, by the name of its kind.
    sampling: further fields of a request, if none are given.
  """

  version: Callable[[Kind], int]
  messages: Callable[[Kind, Request], list[dict[str, str]]]
  plain: Callable[[Kind, str, Request], str]
  json_schema: Callable[[Kind], dict[str, Any]]
  parse: Callable[[Kind, Request, cache.Answer], answer.Parsed]
  parse_plain: Callable[
    [Kind, Request, Mapping[str, cache.Answer]], answer.Parsed
  ]
  answer_tokens: Mapping[str, int]
  sampling: Mapping[str, Any]

  def versions(self, kinds: Iterable[Kind]) -> dict[str, int]:
    """Returns the version of each kind's prompt by name, for manifests."""
    return {kind.name: self.version(kind) for kind in kinds}


def _parse(kind: Kind, request: Request, given: cache.Answer) -> answer.Parsed:
  del request
  return answer.parse(kind, given)


def _parse_plain(
  kind: Kind, request: Request, given: Mapping[str, cache.Answer]
) -> answer.Parsed:
  del request
  said = {name: answer.spoken(found.content) for name, found in given.items()}
  return answer.of_plain(kind, said)


# How a teacher is asked for texts.
TEACHING = Manner(
  version=lambda kind: prompts.PROMPTS[kind.name].version,
  messages=prompts.messages,
  plain=prompts.plain,
  json_schema=prompts.json_schema,
  parse=_parse,
  parse_plain=_parse_plain,
  answer_tokens={
    PREFERENCE.name: 60,
    INTENTION.name: 80,
    INTEREST.name: 90,
    AUDIENCE.name: 90,
  },
  # The temperature is above 0 so that a repeated request can succeed.
  sampling={"temperature": 0.7, "max_tokens": 400},
)
