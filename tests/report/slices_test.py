"""Every request is in exactly one slice of each attribute."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from instructrec_jax.report.slices import slices


def test_by_hand():
  found = slices(
    {
      "length": np.array([1, 1, 2, 3, 5, 8, 13, 21]),
      "template": np.array(["b", "a", "b", "b", "a", "a", "a", "a"]),
    }
  )
  assert [(s.attribute, s.label, s.n) for s in found] == [
    ("length", "1", 2),
    ("length", "2 to 3", 2),
    ("length", "5 to 8", 2),
    ("length", "13 to 21", 2),
    ("template", "a", 5),
    ("template", "b", 3),
  ]
  assert found[2].rows.tolist() == [0, 0, 0, 0, 1, 1, 0, 0]


@given(st.lists(st.integers(0, 30), min_size=1, max_size=60))
def test_each_request_is_in_one(numbers):
  found = slices({"x": np.array(numbers)})
  assert np.sum([s.rows for s in found], axis=0).tolist() == [1] * len(numbers)
  assert len(found) <= 4
  assert all(s.n for s in found)


def test_what_is_the_same_for_all_is_one_slice():
  (only,) = slices({"x": np.full(7, 3)})
  assert (only.label, only.n) == ("3", 7)
