"""Decoding token by token."""

import dataclasses

import jax
import jax.numpy as jnp

from instructrec_jax.model import network

EOS = 1

# The next position, tokens, which rows have ended, their scores, and caches.
_State = tuple[jax.Array, jax.Array, jax.Array, jax.Array, list[network.Cache]]


def unrolled(module: network.Transformer) -> network.Transformer:
  """Returns the network without a scan over layers.

  For one pass, copying all kernels into one array does not pay off.
  """
  config = dataclasses.replace(module.config, scan_layers=False)
  return module.clone(config=config)


def greedy(
  module: network.Transformer,
  params: network.Params,
  encoder_input_tokens_BxL: jax.Array,
  length: int,
) -> tuple[jax.Array, jax.Array]:
  """Takes the most likely token at each position, until all rows have ended.

  Args:
    module: The network.
    params: Its parameters.
    encoder_input_tokens_BxL: int32, padded with 0.
    length: The most tokens, with EOS.

  Returns:
    int32 [B, length], padded with 0, where a row ends with EOS unless it was
    cut; and float32 [B], the log-likelihoods in nats.
  """
  module = unrolled(module)
  B = len(encoder_input_tokens_BxL)
  caches = network.apply(
    module, params, encoder_input_tokens_BxL, 1, length, method="start"
  )
  state = (
    jnp.int32(0),
    jnp.zeros((B, length), jnp.int32),
    jnp.zeros(B, bool),
    jnp.zeros(B, jnp.float32),
    caches,
  )

  def goes_on(state: _State) -> jax.Array:
    position, _, ended_B, _, _ = state
    return (position < length) & ~jnp.all(ended_B)

  def step(state: _State) -> _State:
    position, tokens_BxT, ended_B, scores_B, caches = state
    before = jax.lax.dynamic_index_in_dim(
      tokens_BxT, jnp.maximum(position - 1, 0), axis=1, keepdims=False
    )
    places_T = jnp.where(jnp.arange(length) <= position, 0, -1)
    logits_Bx_xV, caches = network.apply(
      module,
      params,
      jnp.where(position > 0, before, 0)[:, None],
      caches,
      position,
      jnp.broadcast_to(places_T, (B, 1, length)),
      encoder_input_tokens_BxL,
      method="step",
    )
    logp_BxV = jax.nn.log_softmax(logits_Bx_xV[:, 0])
    best_B = jnp.argmax(logp_BxV, axis=-1).astype(jnp.int32)
    scores_B += jnp.where(ended_B, 0.0, jnp.max(logp_BxV, axis=-1))
    best_B = jnp.where(ended_B, 0, best_B)
    tokens_BxT = jax.lax.dynamic_update_index_in_dim(
      tokens_BxT, best_B, position, axis=1
    )
    return position + 1, tokens_BxT, ended_B | (best_B == EOS), scores_B, caches

  _, tokens_BxT, _, scores_B, _ = jax.lax.while_loop(goes_on, step, state)
  return tokens_BxT, scores_B
