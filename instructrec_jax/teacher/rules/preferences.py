"""Preferences without a model: what the items of a history share.

The items vote for labels, brands and series that several of them have, for the
latest turn, for low ratings, and for a price. Only the history is used, and no
statistic of other users, so no text can depend on the target.
"""

import numpy as np
import polars as pl

from instructrec_jax.teacher.protocol import INSTANCE, ORDERED
from instructrec_jax.teacher.rules import wording
from instructrec_jax.teacher.rules.facts import votes

_MAIN = {
  ("label", "second", "brand"): (
    "I keep coming back to {label} and {second}, and I trust {brand}",
    "What I look for is {label}, with some {second}, often from {brand}",
    "My taste runs to {label} and {second}; {brand} is a name I return to",
    "{label} and {second} are what I enjoy, above all from {brand}",
  ),
  ("label", "brand"): (
    "I keep coming back to {label}, and I trust {brand}",
    "My interest is in {label}, most of all from {brand}",
    "I look at {label} first, and {brand} is a name I return to",
    "I care for {label} and like what comes from {brand}",
  ),
  ("label", "second"): (
    "I keep coming back to {label}, and to {second} as well",
    "My taste runs to {label} and {second}",
    "I look at {label} first, and {second} comes next",
    "What I enjoy is {label}, with an interest in {second}",
  ),
  ("label",): (
    "I keep coming back to {label}",
    "My interest is in {label}",
    "I look at {label} first",
    "What I enjoy most is {label}",
  ),
  ("brand",): (
    "I like what comes from {brand} and tend to stay with it",
    "{brand} is a name I trust and return to",
    "When I choose, I look for {brand}",
    "I have come to rely on {brand}",
  ),
  ("series",): (
    "I follow the {series} series and want more of it",
    "I like to stay with the {series} series",
    "{series} is a series I return to",
    "I am fond of everything in the {series} series",
  ),
  ("topic",): (
    "I often pick things that have to do with {topic}",
    "Anything about {topic} catches my eye",
    "I return to {topic} again and again",
    "I am drawn to whatever has {topic} in its name",
  ),
  ("latest",): (
    "I have just begun, with {latest}",
    "So far I have shown an interest in {latest}",
    "I have made a start with {latest}",
    "I have recently taken an interest in {latest}",
  ),
}
# The sentences that follow the main sentence, in this order.
_FURTHER = {
  "series_too": (
    "I follow the {series_too} series",
    "The {series_too} series is a favourite of mine",
    "I want more of the {series_too} series",
  ),
  "lately": (
    "Lately I have turned to {lately}",
    "My latest choices lean towards {lately}",
    "In recent times I have taken to {lately}",
  ),
  "liked": (
    "I was happiest with {liked}",
    "My best experiences were with {liked}",
    "Nothing has pleased me more than {liked}",
  ),
  "disliked": (
    "I was less happy with {disliked}",
    "I have been let down by {disliked}",
    "I have not had much luck with {disliked}",
  ),
  "topic_too": (
    "I often pick those that have to do with {topic_too}",
    "I am drawn to those with {topic_too} in the name",
    "I tend to choose those with {topic_too} in the name",
  ),
  "brands": (
    "My latest choices came from {brands}",
    "Lately I have chosen {brands}",
    "The names that I chose last are {brands}",
  ),
  "price": (
    "I usually spend about {price} on one",
    "I tend to pay around {price}",
    "A price of about {price} is usual for me",
  ),
}
_MOST_FURTHER = 2


def write(requests: pl.DataFrame, drawn: np.ndarray) -> pl.DataFrame:
  """Returns a preference for each history.

  Args:
    requests: requests of the kind `protocol.PREFERENCE`.
    drawn: uint32 [requests], selects the wording.

  Returns:
    INSTANCE and `preference`, null if the history shares nothing.
  """
  facts = votes.shared(
    requests.drop(ORDERED, strict=False),
    ordered=ORDERED not in requests.columns,
  ).with_columns(drawn=pl.Series(drawn, dtype=pl.UInt32))
  text = wording.compose(_MAIN, _FURTHER, _MOST_FURTHER)
  return facts.select(INSTANCE, preference=text)
