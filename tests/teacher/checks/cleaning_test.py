"""What datasets say of items, by examples."""

import polars as pl
import pytest

from instructrec_jax.teacher.checks import cleaning


def _each(function, *values, dtype=None):
  return pl.select(
    function(pl.lit(pl.Series("x", list(values), dtype)))
  ).to_series().to_list()  # fmt: skip


@pytest.mark.parametrize(
  ("label", "written"),
  [
    ("Sci-Fi", "sci-fi"),
    ("RPG", "RPG"),
    ("film-noir", "noir"),
    ("football_nfl", "NFL football"),
    ("newscrime", "crime news"),
    ("Italian Food", "Italian food"),
    ("Arts &amp; Crafts", "arts & crafts"),
    ("American (New)", "new American"),
  ],
)
def test_labels_in_a_sentence(label, written):
  assert _each(cleaning.lower, label) == [written]


def test_markup_is_no_text():
  found = _each(cleaning.plain, "<b>Fine</b> &amp; good.<br/>It&#39;s\n new ")
  assert found == ["Fine & good.. It's new"]


def test_makers_without_their_form_of_company():
  names = ["Leaf Media, Inc.", "Visit the Acme", "Unknown", "x" * 31, None]
  assert _each(cleaning.brand, *names) == [
    "Leaf Media", "Acme", None, None, None,
  ]  # fmt: skip


def test_names_are_joined_as_words():
  names = [["a"], ["a", "b"], ["a", "b", "c"], [], None]
  found = _each(cleaning.joined, *names, dtype=pl.List(pl.String))
  assert found == ["a", "a and b", "a, b and c", None, None]


def test_a_label_that_nearly_all_have_says_nothing():
  labels = pl.Series(
    "categories",
    [["Games", "Chess", "Chess"], ["Games", "<b>"], ["Games", "Go"]],
  )
  assert cleaning.labels(labels).to_list() == [["Chess"], ["Games"], ["Go"]]


def test_sentences_are_rows_and_what_was_masked_is_left_out():
  frame = pl.DataFrame(
    {"n": [1, 2], "text": ["One. Two! Mail [e-mail]. Three", None]}
  )
  found = cleaning.sentences(frame, "text")
  assert found.rows() == [(1, "One"), (1, "Two"), (1, "Three")]
