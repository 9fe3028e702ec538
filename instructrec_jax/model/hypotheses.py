"""Beams as arrays: the W sequences of a request that a search keeps.

The best come first.
"""

from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp


class Hypotheses(NamedTuple):
  """Sequences and what they are worth, of each request the best first.

  Attributes:
    scores: float32 [B, W], -inf where there is none.
    tokens: int32 [B, W, T], padded with 0.
    node: int32 [B, W], where in the trie each has come to.
  """

  scores: jax.Array
  tokens: jax.Array
  node: jax.Array


class Step(NamedTuple):
  """How W beams go on: whence, with which token, and whither in the trie.

  All [B, W], int32 but for the scores, which are -inf where there is none.
  """

  scores: jax.Array
  parent: jax.Array
  token: jax.Array
  node: jax.Array


Kept = TypeVar("Kept", Hypotheses, Step)


def put(
  x_BxWxT: jax.Array, new_BxW: jax.Array, position: jax.Array
) -> jax.Array:
  """Returns x with new values at one position."""
  return jax.lax.dynamic_update_index_in_dim(
    x_BxWxT, new_BxW.astype(x_BxWxT.dtype), position, axis=2
  )


def at(x: jax.Array, places_BxW: jax.Array) -> jax.Array:
  """Returns [B, W, ...] of x [B, M, ...]: each request's own places."""
  places = places_BxW.reshape(*places_BxW.shape, *[1] * (x.ndim - 2))
  return jnp.take_along_axis(x, places, axis=1)


def best_of(kept: Kept, new: Kept) -> Kept:
  """Returns as many of both as are kept, the best first."""
  both = jax.tree.map(lambda *xs: jnp.concatenate(xs, axis=1), kept, new)
  scores, places_BxW = jax.lax.top_k(both.scores, kept.scores.shape[1])
  chosen = jax.tree.map(lambda x: at(x, places_BxW), both)
  return chosen._replace(scores=scores)
