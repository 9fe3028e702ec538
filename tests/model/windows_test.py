"""Windows hold every key that a block sees, and are as narrow as they can."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instructrec_jax.model import windows

Q, M = 8, 12


@functools.partial(jax.jit, static_argnums=(0, 3))
def visit(shape, q_segments, k_segments, causal):
  """Counts how often each query and each pair were in a block, and widths."""
  rows, Q = q_segments.shape
  queries_NxQ = jnp.zeros((rows, 1, Q, 1), jnp.int32)
  pairs_NxQxM = jnp.zeros((rows, 1, Q, k_segments.shape[1]), jnp.int32)

  def count(block, carry):
    queries, pairs, widths = carry
    place = jnp.arange(pairs.shape[3]) - block.key
    held = (place >= 0) & (place < block.keys)
    return (
      block.put_queries(queries, block.of_queries(queries) + 1),
      block.put_queries(
        pairs, block.of_queries(pairs) + held[None, None, None]
      ),
      widths + block.keys,
    )

  queries, pairs, widths = windows.for_each(
    count,
    (queries_NxQ, pairs_NxQxM, 0),
    shape,
    q_segments[:, None, :, None],
    k_segments[:, None, :, None],
    causal,
  )
  return queries[:, 0, :, 0], pairs[:, 0], widths


def visited(shape, q_segments, k_segments, causal):
  result = visit(shape, np.int32(q_segments), np.int32(k_segments), causal)
  return tuple(map(np.asarray, result))


def segments(length):
  row = st.lists(st.integers(0, 3), min_size=length, max_size=length)
  return st.lists(row, min_size=4, max_size=4)


@settings(deadline=None, max_examples=50)
@given(
  segments(Q),
  segments(M),
  st.sampled_from([(1, 8), (1, 2), (2, 4), (4, 8)]),
  st.booleans(),
)
def test_every_query_comes_once_with_all_that_it_sees(
  q_segments, k_segments, shape, causal
):
  k_segments = q_segments if causal else k_segments
  queries, pairs, _ = visited(shape, q_segments, k_segments, causal)
  seen = np.equal.outer(q_segments, k_segments)
  seen = np.stack([seen[row, :, row] for row in range(4)])
  if causal:
    seen &= np.tri(Q, dtype=bool)
  none = ~seen.any(axis=2, keepdims=True)
  assert (queries == 1).all()
  assert (pairs[np.broadcast_to(seen | none, pairs.shape)] == 1).all()


@pytest.mark.parametrize(
  ("q_segments", "k_segments", "causal", "widths"),
  [
    # Two examples, half of the keys each.
    ([1, 1, 1, 1, 2, 2, 2, 2], [1] * 6 + [2] * 6, False, 12),
    # The second half asks for the last quarter.
    ([1, 1, 1, 1, 2, 2, 2, 2], [1] * 9 + [2] * 3, False, 12),
    # The first example's last query falls into the second block.
    ([1, 1, 1, 1, 1, 2, 2, 2], [1] * 6 + [2] * 6, False, 18),
    # One that sees none looks at all.
    ([1, 1, 1, 3, 2, 2, 2, 2], [1] * 6 + [2] * 6, False, 18),
    ([1] * 8, [1] * 8, True, 12),
  ],
)
def test_windows_are_narrow(q_segments, k_segments, causal, widths):
  *_, total = visited((1, 4), [q_segments], [k_segments], causal)
  assert total == widths
