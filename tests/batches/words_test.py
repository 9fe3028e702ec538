"""Texts become the same buckets everywhere."""

import zlib

import hypothesis
import numpy as np
import polars as pl
from hypothesis import strategies as st

from instructrec_jax.batches import words


def lists(texts, buckets=1000, most=50):
  values, offsets = words.hashed(
    pl.Series(texts, dtype=pl.String), buckets, most
  )
  return [part.tolist() for part in np.split(values, offsets[1:-1])]


def expected(text, buckets=1000, most=50):
  """The words of a text in a loop; letters and digits only."""
  kept = "".join(c if c.isalnum() else " " for c in (text or "").lower())
  pieces = [f" {word}" for word in kept.split()]
  trigrams = []
  for word in kept.split():
    marked = f"#{word}#"
    trigrams += [
      marked[i : i + 3]
      for start in range(3)
      for i in range(start, len(marked) - 2, 3)
    ]
  return [zlib.crc32(p.encode()) % buckets + 1 for p in pieces + trigrams][
    :most
  ]


@hypothesis.given(
  st.lists(
    st.one_of(st.none(), st.text("abC 1-é,", max_size=30)),
    min_size=1,
    max_size=8,
  )
)
def test_words_then_letter_trigrams(texts):
  assert lists(texts) == [expected(text) for text in texts]


def test_a_text_keeps_its_first_words():
  [found] = lists(["one two three"], most=4)
  assert found == expected("one two three")[:4]
  assert lists(["", "a"], most=2)[0] == []


def test_buckets_never_change():
  """The vectors of a checkpoint belong to them."""
  [found] = lists(["Red mug"])
  assert found == [776, 402, 353, 456, 393, 251, 410, 220]


def test_rows_are_padded():
  rows = words.padded(np.array([5, 6, 7]), np.array([0, 2, 2, 3]), 3)
  assert rows.tolist() == [[5, 6, 0], [0, 0, 0], [7, 0, 0]]
