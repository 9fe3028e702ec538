"""What asking a language model will take, and what it has taken."""

import collections
import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from instructrec_jax.errors import InputError
from instructrec_jax.teacher.asked import batch, cache, chat
from instructrec_jax.teacher.protocol import (
  AUDIENCE,
  INTENTION,
  INTEREST,
  PREFERENCE,
  Kind,
)

# Tokens of an answer in JSON, as the prompts ask for it.
_ANSWER_TOKENS = {
  PREFERENCE.name: 60,
  INTENTION.name: 80,
  INTEREST.name: 90,
  AUDIENCE.name: 90,
}


@dataclasses.dataclass(frozen=True)
class Prices:
  """Of a million tokens, in any currency; None where they were not given."""

  input: float | None = None
  output: float | None = None

  def __post_init__(self):
    if (self.input is None) != (self.output is None):
      raise InputError(
        "a cost takes both --price_input and --price_output, of a million "
        "tokens each"
      )

  def cost(self, input_tokens: int, output_tokens: int) -> dict[str, float]:
    """Returns the cost under that name, or nothing without prices."""
    if self.input is None:
      return {}
    total = input_tokens * self.input + output_tokens * self.output
    return {"cost": round(total / 1e6, 4)}


def estimate(
  questions: chat.Chat,
  kept: cache.Cache,
  requests: Iterable[tuple[Kind, Iterable[pl.DataFrame]]],
  prices: Prices,
) -> dict[str, Any]:
  """Returns what is left to ask, by kind, and what it will take about.

  Tokens are counted as four characters each, which is English on average; an
  answer as what the prompts ask for.
  """
  asked: collections.Counter[str] = collections.Counter()
  read: collections.Counter[str] = collections.Counter()
  for kind, batches in requests:
    asked[kind.name] += 0
    for _, _, body in batch.unanswered(questions, kept, kind, batches):
      asked[kind.name] += 1
      read[kind.name] += chat.about_tokens(body)
  counts = {}
  for name, number in asked.items():
    written = number * _ANSWER_TOKENS[name]
    counts[name] = {
      "requests": number,
      "input_tokens": read[name],
      "output_tokens": written,
      **prices.cost(read[name], written),
    }
  counts["in_all"] = {
    name: round(sum(c.get(name, 0) for c in counts.values()), 4)
    for name in next(iter(counts.values()), {})
  }
  return counts


def taken(counts: Mapping[str, int], prices: Prices) -> dict[str, Any]:
  """Returns a client's counts with what this run, and all of it, has cost.

  Args:
    counts: `input_tokens_<how>` and `output_tokens_<how>`, where `how` is
      "sent" by this run or "kept_before" it.
    prices: of tokens.
  """
  sent, before = (
    (
      counts.get(f"input_tokens_{how}", 0),
      counts.get(f"output_tokens_{how}", 0),
    )
    for how in ("sent", "kept_before")
  )
  now, then = prices.cost(*sent), prices.cost(*before)
  if not now:
    return dict(counts)
  return dict(counts) | {
    "cost_of_this_run": now["cost"],
    "cost_in_all": round(now["cost"] + then["cost"], 4),
  }
