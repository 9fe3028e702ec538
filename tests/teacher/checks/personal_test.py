"""Personal data is found and taken out."""

import polars as pl
import pytest

from instructrec_jax.teacher.checks import personal
from tests.teacher.checks import personal_forms


@pytest.mark.parametrize(("kind", "text", "secret"), personal_forms.SEEN)
def test_personal_data_is_taken_out_and_counted(kind, text, secret):
  texts = pl.Series("text", [text, None, *personal_forms.NONE])
  counts = personal.count(texts)
  assert {k for k, n in counts.items() if n} == {kind}
  masked = texts.to_frame().select(personal.mask(pl.col("text")))["text"]
  assert masked[1:].equals(texts[1:])
  assert personal.MARKS[kind] in masked[0]
  assert secret not in masked[0]
  found = texts.to_frame().select(personal.present(pl.col("text")))["text"]
  assert found.to_list() == [True, None, *[False] * len(personal_forms.NONE)]
  # What stands for it is none, but a text with it is useless.
  assert personal.masked(masked[0]) == masked[0]
  assert masked.to_frame().select(personal.present(pl.col("text")))["text"][0]


def test_most_forms_that_no_pattern_was_written_for_are_taken_out():
  found = [
    secret not in personal.masked(text)
    for _, text, secret in personal_forms.HELD
  ]
  # docs/teacher.md has the figure.
  assert sum(found) == 39
  assert len(found) == 57


@pytest.mark.parametrize(
  ("text", "sent"),
  [
    ("Mail bob0@corp.example.com today", "Mail [e-mail] today"),
    ("Vacuum, call 555-123-4567", "Vacuum, call [phone]"),
    ("Vacuum of https://example.org/jo", "Vacuum of [link]"),
    ("Card 4111 1111 1111 1111", "Card [card]"),
    # Titles stay what they are.
    ("84 Charing Cross Road", None),
    ("221B Baker Street", None),
    ("Call Northside 777 (1948)", None),
    ("My Name Is Earl", None),
    ("Stamps.com", None),
    ("Amazon.com Gift Card", None),
    ("10.0.0.1: A History of Networks", None),
    ("The 39 Steps: 1915-1935", None),
    ("ISBN 978-3-16-148410-0", None),
    ("020 7946 0958", None),
  ],
)
def test_less_counts_as_personal_data_in_titles(text, sent):
  assert personal.masked(text, of_item=True) == (sent or text)
