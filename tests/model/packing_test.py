import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from instructrec_jax.model import packing


def _lengths(examples, seed=0, target_median=12, row=(512, 128)):
  """Lengths as InstructRec's have: log-normal, cut at a row's length."""
  rng = np.random.default_rng(seed)
  columns = [
    np.exp(rng.normal(np.log(median), sigma, examples)).round()
    for median, sigma in ((180, 0.8), (target_median, 0.7))
  ]
  return np.clip(np.stack(columns, 1), 1, row).astype(np.int64)


def _check(lengths_Ex2, row_lengths, row_E):
  assert row_E.shape == (len(lengths_Ex2),)
  assert set(row_E.tolist()) == set(range(row_E.max(initial=-1) + 1))
  for feature, capacity in enumerate(row_lengths):
    used = np.bincount(row_E, weights=lengths_Ex2[:, feature])
    assert used.max(initial=0) <= capacity


def _share(lengths_Ex2, row_lengths, row_E):
  return lengths_Ex2.sum() / (row_E.max() + 1) / sum(row_lengths)


def _first_fit_decreasing(lengths_Ex2, row_lengths):
  """The textbook's algorithm, one example after the other."""
  rows, row_E = [], [None] * len(lengths_Ex2)
  size_E = (lengths_Ex2 / np.array(row_lengths)).max(axis=1)
  for example in sorted(range(len(size_E)), key=lambda e: -size_E[e]):
    fitting = [
      number
      for number, room in enumerate(rows)
      if (room >= lengths_Ex2[example]).all()
    ]
    if not fitting:
      fitting = [len(rows)]
      rows.append(np.array(row_lengths))
    rows[fitting[0]] -= lengths_Ex2[example]
    row_E[example] = fitting[0]
  return row_E


@hypothesis.given(
  st.integers(0, 1300),
  st.tuples(st.integers(1, 40), st.integers(1, 40)),
  st.integers(0, 2**32 - 1),
)
@hypothesis.settings(deadline=None, max_examples=60)
def test_every_example_has_a_row_with_room_for_it(examples, row_lengths, seed):
  rng = np.random.default_rng(seed)
  lengths_Ex2 = rng.integers(1, np.array(row_lengths) + 1, (examples, 2))
  row_E = packing.pack(lengths_Ex2, row_lengths)
  _check(lengths_Ex2, row_lengths, row_E)


@pytest.mark.parametrize("examples", [1, 7, 200, 1023])
@pytest.mark.parametrize("row_lengths", [(512, 128), (512, 32)])
def test_one_group_is_packed_as_the_textbook_says(examples, row_lengths):
  lengths_Ex2 = _lengths(examples, row=row_lengths)
  expected = _first_fit_decreasing(lengths_Ex2, row_lengths)
  assert packing.pack(lengths_Ex2, row_lengths).tolist() == expected


def test_rows_are_almost_as_full_as_they_can_be():
  row_lengths = (512, 128)
  lengths_Ex2 = _lengths(2**15)
  row_E = packing.pack(lengths_Ex2, row_lengths)
  _check(lengths_Ex2, row_lengths, row_E)
  bound = lengths_Ex2.sum() / (lengths_Ex2[:, 0].sum() / 512) / 640
  assert _share(lengths_Ex2, row_lengths, row_E) > 0.845
  assert _share(lengths_Ex2, row_lengths, row_E) > bound - 0.01


def test_long_targets_fill_rows_as_well_as_long_inputs():
  lengths_Ex2 = _lengths(4096)
  row_E = packing.pack(lengths_Ex2, (512, 128))
  swapped_E = packing.pack(lengths_Ex2[:, ::-1], (128, 512))
  np.testing.assert_array_equal(row_E, swapped_E)


@pytest.mark.parametrize("length", [1, 257, 512])
def test_examples_all_alike(length):
  lengths_Ex2 = np.full((3000, 2), [length, 1])
  row_E = packing.pack(lengths_Ex2, (512, 512))
  _check(lengths_Ex2, (512, 512), row_E)
  groups = 3000 // 512
  assert 0 <= row_E.max() + 1 - -(-3000 // (512 // length)) <= groups


def test_by_row():
  order_E, begin_R = packing.by_row(np.array([1, 0, 2, 0]))
  assert order_E.tolist() == [1, 3, 0, 2]
  assert begin_R.tolist() == [0, 2, 3, 4]
