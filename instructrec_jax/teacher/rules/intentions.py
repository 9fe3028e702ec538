"""Intentions without a model, from sentences that say what an item was for.

Reviews say whom an item was for, on which occasion, or what it had to do. Such
a clause is extracted and reworded as the need behind it, in two wordings.
"""

import numpy as np
import polars as pl

from instructrec_jax.teacher.protocol import INSTANCE
from instructrec_jax.teacher.rules import wording
from instructrec_jax.teacher.rules.facts import statements

_PHRASINGS = {
  ("gift", "recipient", "occasion"): (
    "I am looking for {occasion} present for {recipient}.",
    "I need a gift for {recipient} for {event}.",
    "What would {recipient} like as {occasion} present?",
    "I want to give {recipient} something for {event}.",
    "With {event} coming up, I need a present for {recipient}.",
  ),
  ("recipient", "occasion"): (
    "I am looking for something for {recipient}, for {event}.",
    "I need {occasion} present for {recipient}.",
    "I want to find something that {recipient} would like for {event}.",
    "With {event} coming up, I need something for {recipient}.",
  ),
  ("gift", "recipient"): (
    "I am looking for a gift for {recipient}.",
    "I need a present for {recipient}.",
    "I want to give {recipient} something as a gift.",
    "What could I give {recipient} as a present?",
    "Could you suggest a present for {recipient}?",
  ),
  ("gift", "occasion"): (
    "I am looking for {occasion} present.",
    "I need a gift for {event}.",
    "I want something to give as {occasion} present.",
    "I would like to find a present for {event}.",
    "With {event} coming up, I need a present.",
  ),
  ("recipient",): (
    "I am looking for something for {recipient}.",
    "I want something that {recipient} would enjoy.",
    "I need something that suits {recipient}.",
    "What would {recipient} like?",
    "Could you suggest something for {recipient}?",
  ),
  ("need",): (
    "I am looking for {need}.",
    "I need {need}.",
    "I would like to find {need}.",
    "What I am after is {need}.",
    "Could you suggest {need}?",
    "{need} would be just right for me.",
  ),
  ("gift",): (
    "I am looking for something to give as a gift.",
    "I need a present for somebody.",
    "I want something that makes a good gift.",
    "I would like to give somebody a present.",
    "I want to make somebody a present.",
    "I am on the lookout for a gift.",
    "Is there something that makes a nice present?",
    "I have a present to give and need an idea.",
  ),
  ("occasion",): (
    "I am looking for something for {event}.",
    "I need something that fits {event}.",
    "I would like to find something for {event}.",
    "With {event} coming up, I want something that fits.",
  ),
}
_SLOTS = ("recipient", "occasion", "event", "need")


def write(requests: pl.DataFrame, drawn: np.ndarray) -> pl.DataFrame:
  """Returns an intention for each review, in two wordings.

  Args:
    requests: requests of the kind `protocol.INTENTION`.
    drawn: uint32 [requests], selects the wordings.

  Returns:
    INSTANCE, `vague_intention`, `vague_intention_2`: null if the review states
    no purpose, recipient or occasion.
  """
  facts = statements.stated(requests).with_columns(
    drawn=pl.Series(drawn, dtype=pl.UInt32)
  )
  first = second = pl.lit(None, pl.String)
  for slots, phrasings in reversed(_PHRASINGS.items()):
    there = pl.all_horizontal(pl.col(s).is_not_null() for s in slots)
    count = len(phrasings)
    place = pl.col("drawn") % count
    other = place + 1 + pl.col("drawn") // 64 % (count - 1)
    first, second = (
      pl.when(there)
      .then(wording.fill(phrasings, chosen, _SLOTS))
      .otherwise(before)
      for chosen, before in ((place, first), (other, second))
    )
  return facts.select(
    INSTANCE,
    vague_intention=wording.sentence(first),
    vague_intention_2=wording.sentence(second),
  )
