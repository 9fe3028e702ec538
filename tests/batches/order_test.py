import time
from collections import Counter

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from instructrec_jax.batches import order


@hypothesis.given(st.integers(1, 3000), st.integers(0, 2**40), st.text())
@hypothesis.settings(deadline=None, max_examples=60)
def test_a_permutation_hits_everything_once(size, seed, name):
  images = order.permute(np.arange(size), size, seed, name)
  assert sorted(images.tolist()) == list(range(size))


def test_what_decides_on_a_permutation():
  numbers = np.arange(1000)
  base = order.permute(numbers, 1000, 0, "a")
  np.testing.assert_array_equal(base, order.permute(numbers, 1000, 0, "a"))
  for other in (
    order.permute(numbers, 1000, 1, "a"),
    order.permute(numbers, 1000, 0, "b"),
  ):
    assert (base == other).mean() < 0.02
  # It is the same on every machine and with every release of numpy.
  assert order.permute(np.arange(8), 8, 0, "a").tolist() == _EIGHT


_EIGHT = [0, 7, 3, 2, 4, 6, 5, 1]


def test_every_place_is_as_likely_as_any():
  size, draws = 30, 6000
  images = np.stack(
    [order.permute(np.arange(size), size, s, "x") for s in range(draws)]
  )
  expected = draws / size
  # Each a chi-squared of about 1 a degree of freedom, if all are alike.
  places = np.stack(
    [np.bincount(column, minlength=size) for column in images.T]
  )
  assert 0.85 < ((places - expected) ** 2 / expected).sum() / 29**2 < 1.15
  steps = np.bincount((images[:, 1] - images[:, 0]) % size, minlength=size)[1:]
  expected = draws / (size - 1)
  assert ((steps - expected) ** 2 / expected).sum() / 28 < 2


def test_a_place_far_away_costs_no_more_than_a_near_one():
  huge = order.Order([order.Part(0, 10**12, 1.0)], 1, seed=0)
  started = time.perf_counter()
  examples = huge.examples(10**6, 10**12 - 1000, 10**12)
  assert time.perf_counter() - started < 5
  assert len(set(examples.tolist())) == 1000
  assert examples.max() - examples.min() > 10**11


def _epochs(parts, renderings, epochs, seed=0):
  made = order.Order(parts, renderings, seed)
  return [
    made.examples(epoch, 0, made.epoch_examples).tolist()
    for epoch in range(epochs)
  ]


@hypothesis.given(
  st.integers(1, 300), st.integers(1, 4), st.integers(0, 2**32 - 1)
)
@hypothesis.settings(deadline=None, max_examples=30)
def test_an_epoch_has_every_example_of_tasks_alike_once(size, tasks, seed):
  parts = [order.Part(i * size, size, 0.5) for i in range(tasks)]
  first, second = _epochs(parts, 1, 2, seed)
  assert sorted(first) == sorted(second) == list(range(size * tasks))
  assert size * tasks < 8 or first != second


def test_renderings_are_taken_one_after_the_other():
  epochs = _epochs([order.Part(0, 50, 1.0), order.Part(50, 50, 1.0)], 5, 6)
  for number, epoch in enumerate(epochs):
    rendering = number % 5
    assert sorted(epoch) == [
      *range(10 * rendering, 10 * rendering + 10),
      *range(50 + 10 * rendering, 60 + 10 * rendering),
    ]


@pytest.mark.parametrize("rates", [(1.0, 3.0), (0.25, 0.75), (1.0, 1.0)])
def test_tasks_are_mixed_by_their_rates(rates):
  sizes = (100, 60)
  parts = [
    order.Part(0, sizes[0], rates[0]),
    order.Part(sizes[0], sizes[1], rates[1]),
  ]
  epochs = _epochs(parts, 1, 7)
  shown = Counter(example for epoch in epochs for example in epoch)
  share = sum(n for example, n in shown.items() if example < 100) / sum(
    shown.values()
  )
  assert share == pytest.approx(rates[0] / sum(rates), abs=0.005)
  # No example comes again before all of its task have come.
  for task in (range(100), range(100, 160)):
    times = [shown[example] for example in task]
    assert max(times) - min(times) <= 1
  # Not one task after the other.
  assert {example < 100 for example in epochs[0][:20]} == {True, False}


def test_a_task_of_next_to_no_rate_is_not_left_out():
  parts = [order.Part(0, 100, 1.0), order.Part(100, 10, 1e-6)]
  epochs = _epochs(parts, 1, 10)
  rare = [example for epoch in epochs for example in epoch if example >= 100]
  assert sorted(rare) == list(range(100, 110))
