"""What a teacher is asked, and how it answers."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

import polars as pl

# Names the instance in requests and answers.
INSTANCE = "instance"
# Why a request has no text, in answers; null where it has.
FAULT = "fault"
# How a FAULT begins that another run may not have: nothing came back.
NO_ANSWER = "no answer"


@dataclasses.dataclass(frozen=True)
class Kind:
  """A kind of request.

  Attributes:
    inputs: columns of requests, beside INSTANCE. One that the dataset lacks is
      absent.
    outputs: columns of answers, beside INSTANCE and FAULT.
    looks_at_target: whether inputs say something of the target.
  """

  name: str
  inputs: Mapping[str, pl.DataType | type[pl.DataType]]
  outputs: tuple[str, ...]
  looks_at_target: bool


_STRINGS = pl.List(pl.String)

# Lists of a history are as long as each other, oldest item first.
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
# ITDR's two texts. `thing` says what an item is, by a key of `things.THINGS`;
# lists of a history are as long as each other, oldest item first.
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
# The questions that InstructRec's authors asked of a sample, answered with yes
# or no. `text` is what is judged, `information` what its writer knew.
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


class Teacher(Protocol):
  """Writes texts. API, local and extractive ones are alike to who asks."""

  def made_of(self, kinds: Iterable[Kind]) -> Mapping[str, Any]:
    """Returns all that decides its answers, as JSON, for the manifest.

    Args:
      kinds: that it is asked for.
    """
    ...

  def answer(
    self, kind: Kind, batches: Iterable[pl.DataFrame]
  ) -> Iterator[pl.DataFrame]:
    """Yields answers as they come, in any order, each request's once.

    Args:
      kind: what is asked for.
      batches: requests: INSTANCE, unique over all, and `kind.inputs`. They are
        taken as they are needed.

    Raises:
      InputError: the teacher cannot be used; answers that were paid for are
        kept.
    """
    ...

  def counts(self) -> Mapping[str, Any]:
    """Returns what it has taken so far (tokens, requests), for the manifest."""
    ...


def answers(
  kind: Kind,
  instances: Iterable[int],
  texts: Iterable[Mapping[str, str] | None],
  faults: Iterable[str | None],
) -> pl.DataFrame:
  """Returns answers as a frame, one row each of what is given."""
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
