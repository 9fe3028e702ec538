"""The features of the records of ITDR's tasks."""

from collections.abc import Mapping

from instructrec_jax import schema
from instructrec_jax.itdr import wordings
from instructrec_jax.itdr.pairs import Pair

_TEXT = {"dtype": "string"}
_TEXTS = {"dtype": "string", "is_list": True}

FEATURES: Mapping[str, schema.Feature] = {
  "instance": schema.Feature("running number, unique over the splits"),
  "user": schema.Feature("code of the user, or of the item, asked about"),
  "fixed": schema.Feature("1 where wording must not change, 0 in train"),
  "history": schema.Feature("what the user has had, newest last", **_TEXTS),
  "beside": schema.Feature("a second list, see itdr/wordings.py", **_TEXTS),
  "candidates": schema.Feature("titles, in the order shown", **_TEXTS),
  "candidate_items": schema.Feature("codes of the candidates", is_list=True),
  "relevant_items": schema.Feature(
    "codes of those that were held out, best first", is_list=True
  ),
  "item": schema.Feature("title, or all that is told of it", **_TEXT),
  "source": schema.Feature("domain of the second list", **_TEXT),
  "market": schema.Feature("domain of history and candidates", **_TEXT),
  "answer": schema.Feature("what is to be written", **_TEXT),
}
# The features that only records with candidates have.
_OF_CANDIDATES = ("candidate_items", "relevant_items")


def features_of(pair: Pair) -> dict[str, schema.Feature]:
  """Returns the features of a pair's records, by name."""
  slots = {"instance", "user", "fixed", "answer", *wordings.slots_of(pair)}
  if pair.kind.candidates:
    slots.update(_OF_CANDIDATES)
  return {name: what for name, what in FEATURES.items() if name in slots}
