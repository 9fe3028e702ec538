"""Estimates and reports the cost of asking a language model."""

import collections
import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from instructrec_jax.errors import InputError
from instructrec_jax.teacher.asked import batch, cache, chat
from instructrec_jax.teacher.protocol import Kind


@dataclasses.dataclass(frozen=True)
class Prices:
  """Prices of a million tokens in any currency; None if not given."""

  input: float | None = None
  output: float | None = None

  def __post_init__(self):
    if (self.input is None) != (self.output is None):
      raise InputError(
        "a cost needs both --price_input and --price_output, each the price of "
        "a million tokens"
      )

  def cost(self, input_tokens: int, output_tokens: int) -> dict[str, float]:
    """Returns {"cost": ...}, or an empty mapping without prices."""
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
  """Returns the remaining requests of each kind and their approximate cost.

  Inputs count as a token for four characters, the average of English text.
  Answers count as the length that the prompts ask for.
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
    written = number * questions.manner.answer_tokens[name]
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
  """Returns a client's counts with the cost of this run and of all runs.

  Args:
    counts: `input_tokens_<how>` and `output_tokens_<how>`, where `how` is
      "sent" by this run or "kept_before" it.
    prices: the prices of tokens.
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
