"""Keeping the split of files."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from instructrec_jax.data.sources import kept_split


def test_one_file_has_no_split_and_several_have():
  rows = pl.DataFrame({"user": ["u"], "item": ["a"]})
  assert kept_split.together({"interactions": rows}).columns == ["user", "item"]
  both = kept_split.together({"interactions": rows, "test": rows})
  assert both.rows() == [("u", "a", 0), ("u", "a", 2)]


@given(
  st.permutations("abcdefghij"),
  st.integers(1, 12),
  st.integers(1, 9),
  st.integers(1, 9),
  st.randoms(use_true_random=False),
)
def test_each_target_gets_the_split_of_its_row(items, width, a, b, random):
  parts = [0] + [(k >= min(a, b)) + (k >= max(a, b)) for k in range(1, 10)]
  rows = [
    ("u", items[max(0, k - width) : k], items[k], parts[k])
    for k in range(1, 10)
  ]
  random.shuffle(rows)
  schema = {
    "user": pl.String,
    "history": pl.List(pl.String),
    "item": pl.String,
    "split": pl.UInt8,
  }
  found, noted = kept_split.joined(pl.DataFrame(rows, schema, orient="row"))
  assert found["item"].to_list() == list(items)
  assert found["split"].to_list() == parts
  assert "after a target of a later part, moved to it" not in noted


def test_an_item_that_comes_twice_has_the_split_of_each_time():
  items, parts = "abcabd", [0, 0, 0, 1, 2, 2]
  rows = pl.DataFrame(
    [
      ("u", [*items[max(0, k - 3) : k]], items[k], parts[k])
      for k in range(1, 6)
    ],
    {"user": pl.String, "history": pl.List(pl.String), "item": pl.String,
     "split": pl.UInt8},
    orient="row",
  )  # fmt: skip
  found, noted = kept_split.joined(rows)
  assert "".join(found["item"]) == items
  assert found["split"].to_list() == parts
  assert "after a target of a later part, moved to it" not in noted
