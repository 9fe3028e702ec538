"""Processes blocks of queries with a window of the keys that they see.

If a row holds several examples or padding, a query sees only a part of its
row's keys, and most weights would be computed in vain. Blocks are for one CPU,
in whose cache the results of a block fit. A block's window of keys has the
smallest of a few widths that holds all keys it sees. (XLA needs to know widths
when it compiles, so there is a loop for each.)

Arrays are [rows, heads, positions, anything]. Segments have one head and one
number a position.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

# Bytes of weights computed at a time: few enough for a core's cache, and enough
# to outweigh the overhead of a block.
_BLOCK_BYTES = 4 * 2**20
# Windows pay off for rows with more bytes of weights than this.
_ROW_BYTES = 2**20
# The number of widths: one, two, ... of this many equal parts of all keys.
_WIDTHS = 4


class Block(NamedTuple):
  """Some queries and their window of keys. The first three are traced."""

  row: jax.Array
  query: jax.Array
  key: jax.Array
  rows: int
  queries: int
  keys: int

  def of_queries(self, x: jax.Array) -> jax.Array:
    """Returns the block's part of an array of queries."""
    return self._cut(x, self.query, self.queries)

  def of_keys(self, x: jax.Array) -> jax.Array:
    """Returns the window's part of an array of keys."""
    return self._cut(x, self.key, self.keys)

  def of_bias(self, bias_HxQxM: jax.Array) -> jax.Array:
    """Returns the block's part of the bias."""
    sizes = len(bias_HxQxM), self.queries, self.keys
    return jax.lax.dynamic_slice(bias_HxQxM, self._bias_start, sizes)

  def put_queries(self, whole: jax.Array, part: jax.Array) -> jax.Array:
    """Returns an array of queries with this part in its place."""
    start = self.row, 0, self.query, 0
    return jax.lax.dynamic_update_slice(whole, part, start)

  def add_keys(self, whole: jax.Array, part: jax.Array) -> jax.Array:
    """Returns an array of keys with this part added to its window."""
    start = self.row, 0, self.key, 0
    part += self.of_keys(whole)
    return jax.lax.dynamic_update_slice(whole, part, start)

  def add_bias(self, whole: jax.Array, part: jax.Array) -> jax.Array:
    """Returns a gradient of the bias with this part added."""
    part += self.of_bias(whole)
    return jax.lax.dynamic_update_slice(whole, part, self._bias_start)

  @property
  def _bias_start(self) -> tuple[int, jax.Array, jax.Array]:
    return 0, self.query, self.key

  def _cut(self, x: jax.Array, start: jax.Array, size: int) -> jax.Array:
    sizes = self.rows, x.shape[1], size, x.shape[3]
    return jax.lax.dynamic_slice(x, (self.row, 0, start, 0), sizes)


def shape_of_blocks(
  rows: int, heads: int, queries: int, keys: int
) -> tuple[int, int]:
  """Returns the numbers of rows and of queries of a block.

  Both divide the numbers that there are.
  """
  one_row = 4 * heads * queries * keys
  if one_row <= _ROW_BYTES:
    fitting = min(rows, _BLOCK_BYTES // one_row)
    return max(d for d in range(1, fitting + 1) if rows % d == 0), queries
  # At most half a row, or a window would have to be as wide as the row.
  half = queries
  while half % 2 == 0 and (
    half == queries or 4 * heads * half * keys > _BLOCK_BYTES
  ):
    half //= 2
  return 1, half


def for_each(
  body: Callable[[Block, Any], Any],
  carry: Any,
  shape: tuple[int, int],
  q_segments: jax.Array,
  k_segments: jax.Array,
  causal: bool,
) -> Any:
  """Calls `body` with all blocks, in any order, and returns the last carry.

  Args:
    body: Takes a block and a carry, and returns the next carry.
    carry: Any tree of arrays.
    shape: Rows and queries of a block.
    q_segments: int32 [N, 1, Q, 1]. A query sees the keys of its segment, or all
      keys if there are none.
    k_segments: int32 [N, 1, M, 1].
    causal: Whether keys after the query are hidden.
  """
  rows, queries = shape
  starts, sizes = _windows(shape, q_segments, k_segments, causal)
  order = jnp.argsort(sizes)
  in_a_row = q_segments.shape[2] // queries
  widths = _widths(k_segments.shape[2])
  ends = jnp.searchsorted(sizes[order], jnp.arange(len(widths) + 1))
  for size, width in enumerate(widths):

    def next_carry(n: jax.Array, carry: Any, width: int = width) -> Any:
      number = order[n]
      row, part = rows * (number // in_a_row), queries * (number % in_a_row)
      return body(Block(row, part, starts[number], rows, queries, width), carry)

    carry = jax.lax.fori_loop(ends[size], ends[size + 1], next_carry, carry)
  return carry


def _widths(keys: int) -> list[int]:
  """Returns the widths that windows may have, in ascending order."""
  count = _WIDTHS if keys % _WIDTHS == 0 else 1
  return [keys // count * (n + 1) for n in range(count)]


def _windows(
  shape: tuple[int, int],
  q_segments: jax.Array,
  k_segments: jax.Array,
  causal: bool,
) -> tuple[jax.Array, jax.Array]:
  """Returns the first key and the number of the width of each window."""
  rows, queries = shape
  N, _, Q, _ = q_segments.shape
  M = k_segments.shape[2]
  seen = q_segments[:, 0] == k_segments[:, 0].swapaxes(1, 2)
  if causal:
    seen &= np.tri(Q, M, dtype=bool)[None]
  # [blocks of rows, rows, blocks of queries, queries, M]
  seen = seen.reshape(N // rows, rows, Q // queries, queries, M)
  some_see_none = jnp.any(~jnp.any(seen, axis=4), axis=(1, 3))
  by_some = jnp.any(seen, axis=(1, 3))
  first = jnp.argmax(by_some, axis=2)
  end = M - jnp.argmax(by_some[..., ::-1], axis=2)
  widths = _widths(M)
  size = jnp.where(
    some_see_none, len(widths) - 1, (end - first - 1) // widths[0]
  )
  start = jnp.minimum(first, M - (size + 1) * widths[0])
  return start.reshape(-1), size.reshape(-1)
