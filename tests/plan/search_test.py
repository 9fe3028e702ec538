"""The search for the largest batch, on memory that grows with the batch."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instructrec_jax.plan import search


@given(
  fixed=st.integers(0, 900),
  per_row=st.integers(1, 40),
  unit=st.sampled_from([1, 4, 16]),
  first=st.integers(1, 12),
)
def test_a_line_is_found_exactly_in_three_compilations(
  fixed, per_row, unit, first
):
  compiled = []

  def peak_of(rows):
    compiled.append(rows)
    return fixed + per_row * rows

  memory, first = 1000, first * unit
  known = {first: fixed + per_row * first}
  largest = search.largest_batch(peak_of, memory, unit, known)
  truth = (memory - fixed) // per_row // unit * unit
  assert len(compiled) <= 3
  assert all(rows % unit == 0 for rows in compiled)
  assert len(set(compiled) | {first}) == len(compiled) + 1
  assert largest.fits <= truth
  assert largest.fails is None or largest.fails > truth
  if truth and first <= truth:
    assert largest.fits == truth


def test_memory_that_jumps_gives_bounds_and_no_more():
  largest = search.largest_batch(
    lambda rows: 100 * rows + 500 * (rows > 5), 1000, 1, {2: 200}
  )
  assert largest.fits <= 5 < largest.fails


@pytest.mark.parametrize(("first", "compiled"), [(4, []), (64, [32])])
def test_nothing_fits_whatever_the_batch(first, compiled):
  """Half of it is tried, and then no line leads to less memory."""
  tried = []

  def peak_of(rows):
    tried.append(rows)
    return 5000

  largest = search.largest_batch(peak_of, 1000, 4, {first: 5000})
  assert tried == compiled
  assert largest.fits == 0
  assert largest.fails == min(first, *compiled, 64)
