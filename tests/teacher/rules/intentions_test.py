"""What the rules say of a review."""

import polars as pl
import pytest

from instructrec_jax.teacher.protocol import INSTANCE
from instructrec_jax.teacher.rules import intentions


def _intentions(review, count):
  """Returns both wordings of a review, as `count` numbers draw them."""
  frame = pl.DataFrame({INSTANCE: range(count), "review": [review] * count})
  return [row[1:] for row in intentions.write(frame, range(count)).rows()]


def _intention(review):
  [texts] = _intentions(review, 1)
  return texts


@pytest.mark.parametrize(
  ("review", "expected"),
  [
    ("Bought this for my 9 year old nephew's birthday.",
     ["my 9-year-old nephew", "birthday"]),
    ("Wife loves it!", ["my wife"]),
    ("A perfect gift for teens", ["teens"]),
    ("Not what I like but a nice surprise for our neighbors",
     ["our neighbors"]),
    ("Great idea for the coffee lover.", ["coffee lover"]),
    ("Great bag for long bus rides", ["good for long bus rides"]),
    ("A must for anyone who enjoys cooking", ["people who like cooking"]),
    ("It helps me learn about birds.", ["helps me learn about birds"]),
    ("Bought it for our road trip.", ["for our road trip"]),
    ("Full of useful tips!", ["plenty of tips"]),
    ("I gave it to my sister as a Christmas present!", ["my sister",
     "Christmas"]),
    ("My kids love it.", ["my kids"]),
    ("I needed something sturdy for the garden, and here it is",
     ["something sturdy for the garden"]),
    ("Got it to replace my old controller.", ["to replace my old controller"]),
    ("Arrived late. Works great with my old laptop.",
     ["works with my old laptop"]),
    ("It is very easy to use.", ["easy to use"]),
    ("Great graphics, so-so sound", ["with good graphics"]),
  ],
)  # fmt: skip
def test_what_a_review_states_is_said_again(review, expected):
  for first, second in _intentions(review, 4):
    assert first != second
    for part in expected:
      assert part in first
      assert part in second


def test_a_present_for_nobody_in_particular():
  for text in _intention("MADE A NICE GIFT"):
    assert "gift" in text or "present" in text


@pytest.mark.parametrize(
  "review",
  [
    "Five stars.",
    "Not good for kids at all.",
    "I would never give it to my son.",
    "Thank you for the quick delivery!",
    "The gift card arrived on time.",
    "I could not get it to work with this.",
    "Write to [e-mail] for my brother",
    "They sent me two old ones.",
    "I received this as a gift.",
    "I have read the Easter issue.",
    "It is full of gift ideas.",
    "Good for a year, or so I hope",
    "Fine for those who like nothing else.",
    "",
  ],
)
def test_a_review_that_states_none_gives_none(review):
  assert _intention(review) == (None, None)


def test_sentences_do_not_run_together():
  # "for my" and "son" are in different sentences.
  assert _intention("It was for my. Son of a gun!") == (None, None)


def test_wordings_vary_with_what_is_drawn():
  texts = {first for first, _ in _intentions("A gift for my son.", 50)}
  assert len(texts) >= 4
