"""Lists of unequal lengths, against lists of Python's."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from instructrec_jax.data import ragged

_LISTS = st.lists(st.lists(st.integers(0, 9), max_size=5), min_size=1)


@given(lists=_LISTS, data=st.data())
def test_gathered_lists_are_those_asked_for(lists, data):
  at = data.draw(st.lists(st.integers(0, len(lists) - 1)))
  values = np.array([x for one in lists for x in one], np.int64)
  offsets = np.cumsum([0, *map(len, lists)])
  rows, found = ragged.gather(values, offsets, np.array(at, np.int64))
  expected = [(row, x) for row, n in enumerate(at) for x in lists[n]]
  assert list(zip(rows.tolist(), found.tolist(), strict=True)) == expected


@given(lists=_LISTS)
def test_places_count_from_0_in_each_row(lists):
  rows = np.repeat(np.arange(len(lists)), [len(one) for one in lists])
  places = ragged.places(rows, len(lists))
  assert places.tolist() == [n for one in lists for n in range(len(one))]


@given(data=st.data(), count=st.integers(1, 6))
def test_the_best_are_those_of_a_stable_sort(data, count):
  row = st.lists(st.sampled_from([0.0, 1.0, 2.0, -np.inf]), min_size=4,
                 max_size=4)  # fmt: skip
  scores = np.array(data.draw(st.lists(row, min_size=1, max_size=4)))
  last = np.array(
    data.draw(
      st.lists(
        st.lists(st.booleans(), min_size=4, max_size=4),
        min_size=len(scores),
        max_size=len(scores),
      )
    )
  )
  rows, columns = ragged.best(scores, count, last)
  expected = []
  for n, (values, behind) in enumerate(zip(scores, last, strict=True)):
    order = sorted(range(4), key=lambda c: (-values[c], behind[c], c))
    there = [c for c in order if values[c] > -np.inf]
    expected += [(n, c) for c in there[:count]]
  assert list(zip(rows.tolist(), columns.tolist(), strict=True)) == expected
