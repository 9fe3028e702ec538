"""The requests to a teacher, and the form of its answers."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

import polars as pl

# The column that identifies the instance in requests and answers.
INSTANCE = "instance"
# The column of answers with the reason for a missing text, else null.
FAULT = "fault"
# A FAULT that begins with this got no response, so another run may get one.
NO_ANSWER = "no answer"


@dataclasses.dataclass(frozen=True)
class Kind:
  """A kind of request.

  Attributes:
    inputs: columns of requests, beside INSTANCE. A column that the dataset
      lacks is absent.
    outputs: columns of answers, beside INSTANCE and FAULT.
    looks_at_target: whether the inputs contain information on the target.
  """

  name: str
  inputs: Mapping[str, pl.DataType | type[pl.DataType]]
  outputs: tuple[str, ...]
  looks_at_target: bool


_STRINGS = pl.List(pl.String)

# A column of requests for data without an order in time, in which it is False.
ORDERED = "ordered"
# All lists of a history have the same length, with the oldest item first.
PREFERENCE = Kind(
  "preference",
  {
    "title": _STRINGS,
    "categories": pl.List(_STRINGS),
    "brand": _STRINGS,
    "price": pl.List(pl.Float32),
    "rating": pl.List(pl.Float32),
  },
  ("preference",),
  looks_at_target=False,
)
INTENTION = Kind(
  "intention",
  {"review": pl.String, "categories": _STRINGS},
  ("vague_intention", "vague_intention_2"),
  looks_at_target=True,
)
# ITDR's two texts. `thing` is the kind of item, a key of `things.THINGS`. All
# lists of a history have the same length, with the oldest item first.
INTEREST = Kind(
  "interest",
  {
    "thing": pl.String,
    "title": _STRINGS,
    "categories": pl.List(_STRINGS),
    "brand": _STRINGS,
    "rating": pl.List(pl.Float32),
    "hours": pl.List(pl.Float32),
    "liked": pl.List(pl.Boolean),
    "review": _STRINGS,
  },
  ("interests",),
  looks_at_target=False,
)
AUDIENCE = Kind(
  "audience",
  {
    "thing": pl.String,
    "title": pl.String,
    "categories": _STRINGS,
    "brand": pl.String,
    "description": pl.String,
    "place": pl.String,
    "year": pl.Int32,
    "price": pl.Float32,
    "reviews": _STRINGS,
  },
  ("target_users",),
  looks_at_target=True,
)
# The yes/no questions that InstructRec's authors asked about a sample. `text`
# is the text to judge, `information` what its writer was given.
JUDGEMENT = Kind(
  "judgement",
  {"text": pl.String, "information": pl.String, "target": pl.String},
  (
    "comes_from_information",
    "adds_knowledge",
    "reflects_need",
    "related_to_target",
  ),
  looks_at_target=True,
)

# All kinds.
KINDS = (PREFERENCE, INTENTION, INTEREST, AUDIENCE, JUDGEMENT)


class Teacher(Protocol):
  """Writes texts. API, local and extractive teachers have this interface."""

  def made_of(self, kinds: Iterable[Kind]) -> Mapping[str, Any]:
    """Returns all that determines its answers, as JSON, for the manifest.

    Args:
      kinds: the kinds of requests.
    """
    ...

  def answer(
    self, kind: Kind, batches: Iterable[pl.DataFrame]
  ) -> Iterator[pl.DataFrame]:
    """Yields each request's answer once, in any order.

    Args:
      kind: the kind of the requests.
      batches: requests with INSTANCE, unique over all batches, and
        `kind.inputs`. Batches are read as they are needed.

    Raises:
      InputError: the teacher cannot be used. Answers received so far are kept.
    """
    ...

  def counts(self) -> Mapping[str, Any]:
    """Returns the tokens and requests used so far, for the manifest."""
    ...


def answers(
  kind: Kind,
  instances: Iterable[int],
  texts: Iterable[Mapping[str, str] | None],
  faults: Iterable[str | None],
) -> pl.DataFrame:
  """Returns answers as a frame with one row per instance."""
  rows = [
    (instance, *((text or {}).get(name) for name in kind.outputs), fault)
    for instance, text, fault in zip(instances, texts, faults, strict=True)
  ]
  return pl.DataFrame(rows, schema=schema(kind), orient="row")


def schema(kind: Kind) -> dict[str, type[pl.DataType]]:
  """Returns the columns of answers."""
  return {
    INSTANCE: pl.UInt32,
    **dict.fromkeys(kind.outputs, pl.String),
    FAULT: pl.String,
  }
