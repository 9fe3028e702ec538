"""Splitting a column of labels."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instructrec_jax.data.sources import labels


def _split(*texts):
  column = pl.Series("x", texts, pl.String)
  separator = labels.separator_of(column)
  return separator, labels.split(column, separator).to_list()


@pytest.mark.parametrize(
  ("texts", "separator", "expected"),
  [
    (
      ("Country; Classic Country", "Rock Opera", None),
      ";",
      [["Country", "Classic Country"], ["Rock Opera"], []],
    ),
    (("Comedy Drama", "Sci-Fi", ""), "blank", [["Comedy", "Drama"],
                                               ["Sci-Fi"], []]),
    (("Action, Free to Play", "Indie"), ",", [["Action", "Free to Play"],
                                              ["Indie"]]),
    (("Action|Comedy", "Film Noir"), "|", [["Action", "Comedy"],
                                           ["Film Noir"]]),
    (
      ("'Video Games', 'Children's'", "'Home, Garden'", "PC"),
      "quoted list",
      [["Video Games", "Children's"], ["Home, Garden"], ["PC"]],
    ),
    (
      ("""["Board Games", 'Children\\'s']""", "['PC']", "[]"),
      "quoted list",
      [["Board Games", "Children's"], ["PC"], []],
    ),
    (("[Board Games, PC]", "[PC]"), ",", [["Board Games", "PC"], ["PC"]]),
    # The mark in more of the rows separates, and the other one is text.
    (
      ("Rock, Pop; Live", "Folk; Jazz", "Blues; Soul"),
      ";",
      [["Rock, Pop", "Live"], ["Folk", "Jazz"], ["Blues", "Soul"]],
    ),
  ],
)  # fmt: skip
def test_one_separator_for_the_column(texts, separator, expected):
  assert _split(*texts) == (separator, expected)


def test_a_stray_comma_does_not_join_the_labels_of_all_other_rows():
  separator, found = _split(*["Comedy Drama"] * 500, "Action, Drama")
  assert separator == "blank"
  assert found[0] == ["Comedy", "Drama"]


@pytest.mark.parametrize("mark", ["; ", ", ", "|"])
@given(
  st.lists(
    st.lists(
      st.from_regex(r"[A-Za-z]{1,5}( [A-Za-z]{1,5})?", fullmatch=True),
      min_size=1,
      max_size=4,
    ),
    min_size=1,
  )
)
def test_labels_come_back(mark, rows):
  rows = [["Long Label", "Other"], *rows]
  assert _split(*(mark.join(row) for row in rows))[1] == rows
