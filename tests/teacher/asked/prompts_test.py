"""What a model is told."""

import re

import pytest

from instructrec_jax.teacher import protocol
from instructrec_jax.teacher.asked import prompts
from instructrec_jax.teacher.asked.chat import SAMPLING, Chat
from instructrec_jax.teacher.protocol import (
  INSTANCE,
  INTENTION,
  INTEREST,
  JUDGEMENT,
  PREFERENCE,
)
from tests.teacher import itdr_requests


def test_liked_and_disliked_items_are_told_apart():
  [row] = itdr_requests.interests().head(1).rows(named=True)
  facts = prompts.facts(INTEREST, row)
  assert facts == {
    "thing": "game",
    "liked": [
      {
        "title": "Lantern Harbour",
        "hours": 12.25,
        "review": "Write to jo@example.org!<br/>Lovely.",
      }
    ],
    "disliked": [{"title": "Ash Arena", "hours": 0.5}],
  }
  [row] = itdr_requests.interests().tail(1).rows(named=True)
  assert list(prompts.facts(INTEREST, row)) == ["thing", "had"]


def test_what_was_kept_for_the_older_kinds_is_still_found():
  # Names under which answers were kept before there were other kinds.
  chat, names = Chat("toy", SAMPLING), {}
  for kind, request in (
    (INTENTION, {"review": "A gift"}),
    (PREFERENCE, {"title": ["a", "b"], "rating": [1.0, None]}),
    (JUDGEMENT, {"text": "a", "information": "b", "target": "c"}),
  ):
    names[kind.name] = chat.key(kind, chat.body(kind, {INSTANCE: 0} | request))
  assert names == {
    "intention": "fedab66e05839a2228b9a36c84d2beab30e343d0",
    "preference": "7b4805832577ca289b2ede7dd17d36ba2498a3ad",
    "judgement": "ff0ffcc4c6bd9888f4c0a1144bca1ceb55f15b31",
  }
  assert prompts.versions((PREFERENCE, INTENTION)) == {
    "preference": 1,
    "intention": 1,
  }


@pytest.mark.parametrize("kind", [PREFERENCE, INTEREST])
def test_a_history_without_an_order_is_not_told_to_have_one(kind):
  request = {INSTANCE: 0, "title": ["One", "Two"]}
  ordered, unordered = (
    prompts.messages(kind, request | more)
    for more in ({}, {protocol.ORDERED: False})
  )
  assert "oldest first" in ordered[0]["content"]
  assert not re.search("oldest|lately", unordered[0]["content"])
  assert ordered[1:] == unordered[1:]
  for output in kind.outputs:
    text = prompts.plain(kind, output, request | {protocol.ORDERED: False})
    assert "oldest" not in text
