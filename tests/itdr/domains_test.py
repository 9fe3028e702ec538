"""Domains by name."""

import pytest

from instructrec_jax.itdr import ranking


@pytest.mark.parametrize(
  ("dataset", "name"),
  [
    ("cds_and_vinyl_2023", "CDs and Vinyl"),
    ("grocery_and_gourmet_food_2023", "Grocery and Gourmet Food"),
  ],
)
def test_domains_have_names(dataset, name):
  assert ranking.domain_name(dataset) == name
