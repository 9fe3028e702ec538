"""What the rules say of a history."""

import polars as pl

from instructrec_jax.teacher.protocol import INSTANCE, ORDERED, PREFERENCE
from instructrec_jax.teacher.rules import preferences


def _preference(drawn=0, ordered=True, **lists):
  frame = pl.DataFrame(
    {INSTANCE: [0], **{k: [v] for k, v in lists.items()}},
    schema_overrides={
      INSTANCE: pl.UInt32,
      **{k: v for k, v in PREFERENCE.inputs.items() if k in lists},
    },
  )
  if not ordered:
    frame = frame.with_columns(pl.lit(False).alias(ORDERED))
  return preferences.write(frame, [drawn])["preference"][0]


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


def test_nothing_is_said_of_the_newest_items_where_there_are_none():
  lists = {
    "title": list("abcdefgh"),
    "categories": [["Tea"]] * 6 + [["Cups"]] * 2,
    "brand": list("RSTUVXYZ"),
  }
  texts = [
    [_preference(drawn, ordered, **lists) for drawn in range(20)]
    for ordered in (True, False)
  ]
  told = [any("Cups" in t or "X, Y" in t for t in some) for some in texts]
  assert told == [True, False]
  assert all("Tea" in text for some in texts for text in some)


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
