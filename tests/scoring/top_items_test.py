"""The best items found in blocks are those of a full sort."""

import functools

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st

from instructrec_jax.model import sharding
from instructrec_jax.scoring import top_items

B, ITEMS, D = 8, 50, 3
_BEST = jax.jit(top_items.best)


def best(state, vectors, left_out, count, block, mesh=None):
  blocks = top_items.in_blocks(jnp.asarray(vectors), ITEMS, block)
  function = _BEST
  if mesh is not None:
    function = sharding.jit_on_mesh(mesh, top_items.best)
    state, left_out = (
      jax.device_put(x, sharding.batch_sharding(mesh))
      for x in (state, left_out)
    )
  return np.asarray(
    function(state, blocks, left_out, np.zeros(count, np.int32), ITEMS)
  )


def by_sorting(state, vectors, left_out, count):
  score = state @ vectors[:ITEMS].T
  for row, codes in zip(score, left_out, strict=True):
    row[codes[codes >= 0]] = -np.inf
  order = np.argsort(-score, axis=1, kind="stable")[:, :count]
  return np.where(np.take_along_axis(score, order, 1) > -np.inf, order, -1)


@hypothesis.settings(max_examples=25)
@hypothesis.given(
  st.integers(0, 999), st.sampled_from([4, 7, 50, 64]), st.sampled_from([1, 20])
)
def test_they_are_those_of_a_full_sort(seed, block, count):
  """Scores are small whole numbers, so that many are equal."""
  rng = np.random.default_rng(seed)
  state = rng.integers(-2, 3, (B, D)).astype(np.float32)
  vectors = rng.integers(-2, 3, (64, D)).astype(np.float32)
  left_out = rng.integers(-1, ITEMS, (B, 12))
  left_out[0] = -1
  np.testing.assert_array_equal(
    best(state, vectors, left_out, count, block),
    by_sorting(state, vectors, left_out, count),
  )


def test_fewer_items_than_asked_end_in_minus_one():
  left_out = np.full((B, ITEMS), -1)
  left_out[1, 2:] = np.arange(2, ITEMS)
  vectors = np.arange(64, dtype=np.float32)[:, None]
  found = best(np.ones((B, 1), np.float32), vectors, left_out, 3, 16)
  assert found[0].tolist() == [49, 48, 47]
  assert found[1].tolist() == [1, 0, -1]


@pytest.mark.parametrize("partitions", [1, 2])
def test_a_mesh_finds_the_same(partitions):
  rng = np.random.default_rng(0)
  state = rng.normal(size=(B, D)).astype(np.float32)
  vectors = rng.normal(size=(64, D)).astype(np.float32)
  left_out = rng.integers(-1, ITEMS, (B, 12))
  find = functools.partial(best, state, vectors, left_out, 10, 16)
  mesh = sharding.make_mesh(partitions)
  assert mesh.size == 8
  np.testing.assert_array_equal(find(mesh), find())
