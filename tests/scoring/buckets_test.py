"""Buckets hold every request once, and save more than they cost."""

import hypothesis
import hypothesis.strategies as st
import numpy as np

from instructrec_jax.scoring import buckets


def computed(plan, width, batch_size):
  """Returns the positions that a plan computes."""
  return sum(
    -(-len(b.requests) // batch_size) * batch_size
    * (b.inputs + 2 * b.rows * width)
    for b in plan
  )  # fmt: skip


@hypothesis.settings(deadline=None, max_examples=60)
@hypothesis.given(st.integers(0, 400), st.integers(1, 8), st.integers(0, 99))
def test_each_request_is_in_one_bucket_where_it_fits(total, batch_size, seed):
  rng = np.random.default_rng(seed)
  inputs, rows = rng.integers(1, 513, total), rng.integers(1, 9, total)
  plan = buckets.plan(inputs, rows, 16, batch_size)
  everything = np.concatenate([[], *[b.requests for b in plan]])
  np.testing.assert_array_equal(np.sort(everything), np.arange(total))
  for bucket in plan:
    assert inputs[bucket.requests].max() <= bucket.inputs
    assert rows[bucket.requests].max() <= bucket.rows
    assert bucket.inputs % 32 == 0
  assert len({bucket[1:] for bucket in plan}) == len(plan) <= 8


def test_much_to_do_is_divided_and_little_is_not():
  rng = np.random.default_rng(0)
  inputs = np.clip(rng.lognormal(np.log(180), 0.5, 6400), 10, 512).astype(int)
  rows = rng.integers(4, 11, 6400)
  assert len(buckets.plan(inputs[:64], rows[:64], 32, 32)) == 1
  plan = buckets.plan(inputs, rows, 32, 32)
  assert 3 <= len(plan) <= 8
  one = [buckets.Bucket(np.arange(6400), 512, 10)]
  assert computed(plan, 32, 32) < 0.75 * computed(one, 32, 32)
  floor = (inputs + 2 * 32 * rows).sum()
  assert computed(plan, 32, 32) < 1.3 * floor
