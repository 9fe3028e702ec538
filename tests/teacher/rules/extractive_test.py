import polars as pl
import pytest

from instructrec_jax.teacher.protocol import INSTANCE, PREFERENCE
from instructrec_jax.teacher.rules import intentions, preferences


def _preference(drawn=0, **lists):
  frame = pl.DataFrame(
    {INSTANCE: [0], **{k: [v] for k, v in lists.items()}},
    schema_overrides={
      INSTANCE: pl.UInt32,
      **{k: v for k, v in PREFERENCE.inputs.items() if k in lists},
    },
  )
  return preferences.write(frame, [drawn])["preference"][0]


def _intentions(review, count):
  """Returns both wordings of a review, as `count` numbers draw them."""
  frame = pl.DataFrame({INSTANCE: range(count), "review": [review] * count})
  return [row[1:] for row in intentions.write(frame, range(count)).rows()]


def _intention(review):
  [texts] = _intentions(review, 1)
  return texts


def test_labels_and_brands_that_a_history_shares_are_named():
  text = _preference(
    title=["One", "Two", "Three"],
    categories=[["Tea", "Green Tea"], ["Tea", "Green Tea"], ["Cups"]],
    brand=["Leaf", "Leaf", "Potter"],
  )
  assert "Green Tea" in text
  assert "Leaf" in text
  assert "Cups" not in text
  assert "One" not in text


def test_a_brand_is_named_without_its_form_of_company():
  for brand, expected in (("Leaf Media, Inc.", "Leaf Media"), ("A & Co",) * 2):
    text = _preference(title=["One", "Two"], brand=[brand] * 2)
    assert "Inc" not in text
    assert expected in text


def test_brands_are_told_where_none_is_shared():
  text = _preference(
    title=list("abcd"), categories=[["Tea"]] * 4, brand=["W", "X", "Y", "Z"]
  )
  assert "Z, Y and X" in text
  assert "W" not in text.replace("What", "")


def test_labels_of_what_is_counted_are_plural():
  text = _preference(title=["A", "B"], categories=[["Board Game"]] * 2)
  assert "Board Games" in text
  text = _preference(title=["A", "B"], categories=[["Green Tea"]] * 2)
  assert "Green Tea" in text
  assert "Teas" not in text


def test_what_stands_in_brackets_is_no_topic():
  titles = ["Lantern (Blue Design)", "Candle (Blue Design)"]
  assert _preference(title=titles) is None


def test_a_general_label_is_named_with_the_one_above_it():
  text = _preference(
    title=["A", "B"], categories=[["PlayStation 4", "Games"]] * 2
  )
  assert "PlayStation 4 Games" in text


def test_a_label_of_people_is_named_with_what_is_for_them():
  text = _preference(
    title=["A", "B"], categories=[["Fashion & Style", "Women"]] * 2
  )
  assert "Fashion & Style for Women" in text


def test_titles_say_what_they_are_where_nothing_else_does():
  titles = ["Chess - Xbox 360", "Xbox 360 Cable", "Go (Xbox 360)"]
  text = _preference(title=titles)
  assert "Xbox 360" in text
  assert "series" not in text
  titles = ["Kind of Blue - Vinyl", "Blue Train - Vinyl"]
  assert "Vinyl" in _preference(title=titles)


def test_a_series_is_the_longest_shared_beginning():
  titles = ["Call of Duty: Ghosts", "Call of Duty 4", "Chess"]
  assert "the Call of Duty series" in _preference(title=titles)
  # One that is a title itself is not named.
  for titles in (
    ["Green Valley", "Green Valley Nights", "Chess"],
    ["Green Valley - Limited Edition", "Green Valley Nights", "Chess"],
  ):
    assert "series" not in (_preference(title=titles) or "")


def test_recent_low_and_usual_prices_are_told():
  categories = [["Rock"]] * 6 + [["Jazz"]] * 2
  text = _preference(title=list("abcdefgh"), categories=categories)
  assert "Rock" in text.partition(".")[0]
  assert "Jazz" in text.partition(".")[2]
  text = _preference(
    title=list("abcd"), categories=[["Rock"]] * 3 + [["Polka"]],
    rating=[5.0, 4.0, 5.0, 1.0], price=[10.0, 11.0, 12.0, 11.0],
  )  # fmt: skip
  assert "Polka" in text.partition(".")[2]
  assert " 11" in text


def test_nothing_shared_is_nothing_said():
  assert _preference(title=["Bread", "Hammer"]) is None
  assert _preference(title=["Bread"]) is None


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
