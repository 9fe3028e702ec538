"""Asks a model for rankings, in the manner of `teacher.asked`."""

import collections
import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import polars as pl

from instructrec_jax.baselines.asked import answers, wordings
from instructrec_jax.data.records.read import ABSENT
from instructrec_jax.data.records.requests import Requests
from instructrec_jax.teacher.asked import answer, cache
from instructrec_jax.teacher.asked.manner import Manner
from instructrec_jax.teacher.checks import personal
from instructrec_jax.teacher.protocol import INSTANCE, ORDERED, Kind

_TITLES = pl.List(pl.String)
# A text of numbers from 1, best first.
OUTPUT = "ranking"
RANKING = Kind(
  OUTPUT,
  {"history": _TITLES, "candidates": _TITLES, ORDERED: pl.Boolean},
  (OUTPUT,),
  looks_at_target=False,
)
# Tokens of a number in a list, and of a title if a model writes titles.
_NUMBER_TOKENS, _TITLE_TOKENS, _AROUND = 3, 16, 20
_BATCH = 1000


@dataclasses.dataclass(frozen=True)
class Questions:
  """The requests of a sample, each in one or several orders of candidates.

  Attributes:
    requests: the requests of a split.
    rows: int64 [B], those that are asked.
    orders: int64 [P, B, C], columns of the candidates in the order in which
      they are shown; -1 past a request's last.
    titles: the titles of all items, by code.
    history_length: the most items of a history that are shown.
  """

  requests: Requests
  rows: np.ndarray
  orders: np.ndarray
  titles: list[str]
  history_length: int

  def batches(self) -> Iterator[pl.DataFrame]:
    """Yields RANKING's inputs; question b * P + p is request b in order p."""
    number = len(self.orders)
    schema = {INSTANCE: pl.UInt32, **RANKING.inputs}
    some = max(1, _BATCH // number)
    for start in range(0, len(self.rows), some):
      rows = [
        (b * number + p, *self._question(b, p))
        for b in range(start, min(start + some, len(self.rows)))
        for p in range(number)
      ]
      yield pl.DataFrame(rows, schema=schema, orient="row")

  def _question(self, b: int, p: int) -> tuple[list[str], list[str], bool]:
    row, requests = self.rows[b], self.requests
    start, end = requests.history_offsets[row : row + 2]
    history = requests.history[max(start, end - self.history_length) : end]
    order = self.orders[p, b]
    candidates = requests.candidates[row, order[order != ABSENT]]
    return self._shown(history), self._shown(candidates), requests.ordered

  def _shown(self, codes: np.ndarray) -> list[str]:
    """Returns titles in a line each, without personal data."""
    return [
      " ".join(personal.masked(self.titles[code], of_item=True).split())
      for code in codes.tolist()
    ]


class Reading:
  """Reads answers, and counts them.

  Attributes:
    answers: the number of answers to each question.
    invalid: the number of them that are no ranking.
  """

  def __init__(self) -> None:
    self.answers: collections.Counter[int] = collections.Counter()
    self.invalid: collections.Counter[int] = collections.Counter()

  def parse(
    self, kind: Kind, request: Mapping[str, Any], given: cache.Answer
  ) -> answer.Parsed:
    """Returns the numbers of candidates, best first, as a text of RANKING."""
    del kind
    said = answer.spoken(given.content)
    columns = answers.read(said, request["candidates"])
    self.answers[request[INSTANCE]] += 1
    if columns:
      return {OUTPUT: " ".join(str(c + 1) for c in columns)}, None
    self.invalid[request[INSTANCE]] += 1
    return None, answer.fault(given, said)


def manner(said: wordings.Words, width: int, reading: Reading) -> Manner:
  """Returns how a model is asked for a ranking.

  Args:
    said: the words for the items.
    width: the most candidates of a request.
    reading: reads the answers.
  """

  def messages(kind: Kind, request: Mapping[str, Any]) -> list[dict[str, str]]:
    del kind
    return [{"role": "user", "content": wordings.prompt(said, request)}]

  def plain(kind: Kind, output: str, request: Mapping[str, Any]) -> str:
    del kind, output
    return wordings.prompt(said, request)

  return Manner(
    version=lambda kind: wordings.VERSION,
    messages=messages,
    plain=plain,
    json_schema=lambda kind: _SCHEMA,
    parse=reading.parse,
    parse_plain=lambda kind, request, given: reading.parse(
      kind, request, given[OUTPUT]
    ),
    answer_tokens={OUTPUT: _NUMBER_TOKENS * width + _AROUND},
    # Rankings should not vary, and a repeated request should be able to.
    sampling={
      "temperature": 0.2,
      "max_tokens": _TITLE_TOKENS * width + _AROUND,
    },
  )


_SCHEMA: dict[str, Any] = {
  "name": OUTPUT,
  "strict": True,
  "schema": {
    "type": "object",
    "properties": {
      OUTPUT: {
        "type": "array",
        "items": {"type": "integer"},
        "description": "the numbers of all candidates, the most likely first",
      }
    },
    "required": [OUTPUT],
    "additionalProperties": False,
  },
}
