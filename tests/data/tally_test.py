"""Rows read, kept and dropped."""

import polars as pl

from instructrec_jax.data import tally
from instructrec_jax.data.formats.raw import Bad, Raw


def test_what_a_reader_left_out_is_read_and_dropped():
  raw = Raw(
    pl.DataFrame(),
    pl.DataFrame(),
    bad={"interactions": [Bad("rating is not a number", 2, "u.data:17")]},
    noted={"items": {"no title": 3}},
  )
  found = tally.Tally(raw)
  found.read("interactions", 8)
  found.read("items", 5)
  found.drop("interactions", "duplicate", 1)
  found.drop("interactions", "duplicate", 2)
  found.drop("items", "unused", 0)
  found.keep("interactions", 5)
  found.keep("items", 5)
  assert found.counts() == {
    "interactions": {
      "read": 10,
      "dropped": {"rating is not a number": 2, "duplicate": 3},
      "kept": 5,
    },
    "items": {"read": 5, "dropped": {}, "kept": 5, "noted": {"no title": 3}},
    "first_bad": {"interactions: rating is not a number": "u.data:17"},
  }
  assert str(found) == ("interactions: 2 rating is not a number, 3 duplicate")


def test_rows_that_are_kept_without_a_value_are_noted():
  fault = "price is not a number, so unknown"
  raw = Raw(
    pl.DataFrame(),
    pl.DataFrame(),
    bad={"items": [Bad(fault, 3, "'-' at items.csv:4", kept=True)]},
  )
  found = tally.Tally(raw)
  found.read("items", 5)
  found.note("items", "HTML in brand removed", 2)
  found.note("items", "HTML in brand removed", 0)
  found.keep("items", 5)
  assert found.counts() == {
    "items": {
      "read": 5,
      "dropped": {},
      "kept": 5,
      "noted": {fault: 3, "HTML in brand removed": 2},
    },
    "first_bad": {},
    "first_noted": {f"items: {fault}": "'-' at items.csv:4"},
  }
