"""The items of highest score, found in blocks of items on the devices.

Requests are split over the devices of the mesh's data axis. The best items so
far are merged with those of each block, so ten million items need no array of
all scores.

Letters: B requests, D the width, X items to leave out, K items to find, N
blocks, S items of a block.
"""

import jax
import jax.numpy as jnp

from instructrec_jax.model import sharding

# Items of a block, by default.
BLOCK = 2**14


def in_blocks(vector_RxD: jax.Array, num_items: int, block: int) -> jax.Array:
  """Returns the vectors of items in blocks, [N, S, D], padded with zeros."""
  size = min(block, num_items)
  more = -num_items % size
  vectors = jnp.pad(vector_RxD[:num_items], ((0, more), (0, 0)))
  return vectors.reshape(-1, size, vectors.shape[1])


def best(
  state_BxD: jax.Array,
  vector_NxSxD: jax.Array,
  left_out_BxX: jax.Array,
  like_K: jax.Array,
  num_items: jax.Array,
) -> jax.Array:
  """Returns the items of highest score of each request, best first.

  It is exact. Items of equal score are in the order of their codes.

  Args:
    state_BxD: What a model makes of requests.
    vector_NxSxD: The vectors of items, in blocks.
    left_out_BxX: int32, items to leave out; -1 for none.
    like_K: Any array whose length is the number of items to find.
    num_items: The number of items.

  Returns:
    int32 [B, K], item codes, with -1 after the last if there are fewer.
  """
  (count,), size = like_K.shape, vector_NxSxD.shape[1]
  row_Bx_ = jnp.arange(len(state_BxD))[:, None]

  def step(
    carry: tuple[jax.Array, jax.Array], block: tuple[jax.Array, jax.Array]
  ) -> tuple[tuple[jax.Array, jax.Array], None]:
    found_BxK, score_BxK = carry
    number, vector_SxD = block
    code_S = number * size + jnp.arange(size)
    score_BxS = state_BxD @ vector_SxD.T
    score_BxS = jnp.where((code_S < num_items)[None], score_BxS, -jnp.inf)
    # An index beyond the block is dropped; a negative one would not be.
    at_BxX = left_out_BxX - number * size
    at_BxX = jnp.where(at_BxX < 0, size, at_BxX)
    score_BxS = score_BxS.at[row_Bx_, at_BxX].set(-jnp.inf, mode="drop")
    score_BxS = sharding.constrain(score_BxS, "batch", None)
    new_BxK, at_BxK = jax.lax.top_k(score_BxS, min(count, size))
    # Of equal scores `top_k` takes the first, and earlier blocks come first.
    both = jnp.concatenate([found_BxK, code_S[at_BxK]], axis=1)
    score_BxK, place = jax.lax.top_k(
      jnp.concatenate([score_BxK, new_BxK], axis=1), count
    )
    return (jnp.take_along_axis(both, place, axis=1), score_BxK), None

  shape = len(state_BxD), count
  start = jnp.full(shape, -1, jnp.int32), jnp.full(shape, -jnp.inf)
  blocks = jnp.arange(len(vector_NxSxD)), vector_NxSxD
  (found_BxK, score_BxK), _ = jax.lax.scan(step, start, blocks)
  return jnp.where(score_BxK > -jnp.inf, found_BxK, -1)
