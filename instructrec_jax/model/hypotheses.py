"""Beams as arrays: the W sequences of a request, best first."""

from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp


class Hypotheses(NamedTuple):
  """Sequences and their scores, best first.

  Attributes:
    scores: float32 [B, W], -inf for none.
    tokens: int32 [B, W, T], padded with 0.
    node: int32 [B, W], the node of each in the trie.
  """

  scores: jax.Array
  tokens: jax.Array
  node: jax.Array


class Step(NamedTuple):
  """The continuations of W beams: the parent, the token, and the trie's node.

  All are [B, W] and int32. The scores are float32, -inf for none.
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
  """Takes [B, W, ...] from x [B, M, ...], at each request's own places."""
  places = places_BxW.reshape(*places_BxW.shape, *[1] * (x.ndim - 2))
  return jnp.take_along_axis(x, places, axis=1)


def best_of(kept: Kept, new: Kept) -> Kept:
  """Returns the best of both, best first, as many as `kept` has."""
  both = jax.tree.map(lambda *xs: jnp.concatenate(xs, axis=1), kept, new)
  scores, places_BxW = jax.lax.top_k(both.scores, kept.scores.shape[1])
  chosen = jax.tree.map(lambda x: at(x, places_BxW), both)
  return chosen._replace(scores=scores)
