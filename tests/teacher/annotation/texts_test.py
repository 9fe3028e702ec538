"""Texts that a teacher writes are checked and kept."""

import json

import polars as pl
import pytest

from instructrec_jax.teacher.annotation import texts
from instructrec_jax.teacher.annotation.choosing import Choice
from instructrec_jax.teacher.protocol import (
  AUDIENCE,
  FAULT,
  INSTANCE,
  INTEREST,
  NO_ANSWER,
)
from tests.teacher import itdr_requests
from tests.teacher.asked.chat_server import ChatServer

_KEYS = pl.DataFrame({INSTANCE: [0, 1, 2], "item": [7, 8, 9]})


def _api(server, folder, **more):
  options = {"model": "toy", "base_url": server.url, **more}
  return Choice("api", folder, options)


@pytest.mark.parametrize(
  ("kind", "requests", "private"),
  [
    (INTEREST, itdr_requests.interests(), "jo@example.org"),
    (AUDIENCE, itdr_requests.audiences(), "555"),
  ],
)
def test_a_server_writes_texts_that_are_checked_and_kept(
  kind, requests, private, tmp_path, quick
):
  answers = {
    "Lantern": "Anybody who likes Lantern Harbour is sure to like the rest.",
    "Owl": itdr_requests.GOOD,
    "Tin": "I like tin and all that is made of it in the whole world.",
  }

  def write(content, name):
    [found] = [a for title, a in answers.items() if title in content]
    return found

  with ChatServer(write=write) as server:
    choice = _api(server, tmp_path)
    assert choice.instead([]) is None
    frame = texts.write(choice.teacher("toys", 0, _KEYS), kind, requests)
    assert frame.rows() == [
      (0, answers["Lantern"], None, "names the item"),
      (1, itdr_requests.GOOD, None, None),
      (2, answers["Tin"], None, "not in the third person"),
    ]
    for body in server.requests:
      assert private not in json.dumps(body)
    # Kept, so that neither an estimate nor a second teacher asks again.
    batches = [(kind, texts.batches(kind, requests))]
    estimate = _api(server, tmp_path, estimate=True).instead(batches)
    assert estimate.counts[kind.name]["requests"] == 0
    again = texts.write(choice.teacher("toys", 0, _KEYS), kind, requests)
    assert again.equals(frame)
    assert len(server.requests) == 3


def test_a_text_that_copies_a_review_is_turned_down():
  class Copier:
    def answer(self, kind, batches):
      for batch in batches:
        yield batch.select(
          pl.col(INSTANCE).cast(pl.UInt32),
          target_users=pl.col("reviews").list.get(0, null_on_oob=True),
          **{FAULT: pl.lit(None, pl.String)},
        ).drop_nulls("target_users")

  frame = texts.write(Copier(), AUDIENCE, itdr_requests.audiences())
  assert frame["reason"].to_list() == [
    "copied from the review", "too short", None
  ]  # fmt: skip
  assert frame["absent"].to_list() == [None, None, NO_ANSWER]
