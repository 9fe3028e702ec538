"""Items as entries of a text."""

import polars as pl

from instructrec_jax.itdr import entries
from instructrec_jax.itdr.domains import DOMAINS


def test_facts_that_are_not_there_are_left_out():
  items = pl.DataFrame(
    {
      "title": ["Dune.", "Tar"],
      "brand": ["Frank Herbert", None],
      "categories": [["Science Fiction"], []],
      "year": [1965, None],
      "description": ["Sand, spice and worms!", ""],
    }
  )
  domain = DOMAINS["amazon_books_reviews"]
  assert entries.facts(items, domain).to_list() == [
    "Dune. Author: Frank Herbert. Categories: Science Fiction. Year: 1965. "
    "About: Sand, spice and worms!",
    "Tar.",
  ]
