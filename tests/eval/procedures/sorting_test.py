import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from instructrec_jax.eval.procedures import sorting

_COUNTS = st.lists(st.integers(1, 33), min_size=1, max_size=6)


def most_comparisons(count: int) -> int:
  """Returns how many comparisons `count` candidates take at the most.

  n ceil(log2 n) - 2^ceil(log2 n) + 1 (Knuth, The Art of Computer Programming
  3, section 5.2.4).
  """
  levels = (count - 1).bit_length() if count > 1 else 0
  return count * levels - 2**levels + 1


@settings(max_examples=60, deadline=None)
@given(counts=_COUNTS, seed=st.integers(0, 2**31))
def test_sorts_within_the_bound_each_pair_once(counts, seed):
  counts = np.array(counts)
  values = np.random.default_rng(seed).random((len(counts), counts.max()))
  asked = []

  def prefer(rows, columns):
    asked.extend(
      (row, *sorted(pair)) for row, pair in zip(rows, columns.tolist(),
                                                strict=True)
    )  # fmt: skip
    return values[rows, columns[:, 0]] > values[rows, columns[:, 1]]

  order, taken = sorting.merge_sort(counts, prefer)
  assert len(asked) == len(set(asked)) == taken.sum()
  for row, count in enumerate(counts.tolist()):
    expected = np.argsort(-values[row, :count]).tolist()
    padding = [-1] * (counts.max() - count)
    assert order[row].tolist() == expected + padding
    assert taken[row] <= most_comparisons(count)


@settings(max_examples=30, deadline=None)
@given(counts=_COUNTS, seed=st.integers(0, 2**31))
def test_answers_without_sense_still_give_an_order(counts, seed):
  counts = np.array(counts)
  rng = np.random.default_rng(seed)
  order, taken = sorting.merge_sort(
    counts, lambda rows, columns: rng.random(len(rows)) < 0.5
  )
  for row, count in enumerate(counts.tolist()):
    assert sorted(order[row, :count]) == list(range(count))
    assert taken[row] <= most_comparisons(count)


def test_rounds_do_not_grow_with_the_requests():
  calls = []

  def prefer(rows, columns):
    calls.append(len(rows))
    return columns[:, 0] < columns[:, 1]

  sorting.merge_sort(np.full(1000, 10), prefer)
  assert len(calls) <= 9 + 4 + 2 + 1
