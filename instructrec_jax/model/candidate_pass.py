"""One pass of the decoder over all candidates of a request.

Shape suffixes use the letters of network.py and candidate_rows.py. P is the
positions of a request, 1 + R × S: the start, which all candidates share, and
the positions of the rows.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from instructrec_jax.model import attention, blocks, likelihood, network
from instructrec_jax.model.candidate_rows import CandidateRows


def log_likelihoods(
  module: network.Transformer,
  encoder_input_tokens_BxL: jax.Array,
  rows: CandidateRows[jax.Array],
) -> tuple[jax.Array, jax.Array]:
  """Returns the log-likelihood of each candidate's tokens, in nats.

  It is a method of the network for `module.apply`.

  Args:
    module: The network, bound to its parameters.
    encoder_input_tokens_BxL: int32, padded with 0.
    rows: The candidates.

  Returns:
    float32 [B, C] for first tokens, and [B, R, S] for the tokens that follow.
    Values without a token are meaningless.
  """
  segments_BxL = network.one_segment(encoder_input_tokens_BxL)
  encoded_BxLxD = module.encoder(
    module.token_embedder(encoder_input_tokens_BxL), segments_BxL, False
  )
  x_BxPxD, context = _begin(module, rows)
  x_BxPxD = network.run_layers(
    module.decoder,
    x_BxPxD,
    encoded_BxLxD,
    segments_BxL,
    *context,
    train=False,
    method=_layer_after_encoder,
  )
  return _end(module, x_BxPxD, rows)


def after_input(
  module: network.Transformer,
  encoder_input_tokens_BxL: jax.Array,
  cross: Sequence[tuple[jax.Array, jax.Array]],
  rows: CandidateRows[jax.Array],
) -> tuple[jax.Array, jax.Array]:
  """Returns the result of `log_likelihoods`, for an encoded input.

  Args:
    module: The network, bound to its parameters.
    encoder_input_tokens_BxL: int32, padded with 0.
    cross: Each layer's keys and values of the input.
    rows: The candidates.
  """
  segments_BxL = network.one_segment(encoder_input_tokens_BxL)
  x_BxPxD, context = _begin(module, rows)
  for layer, keys_values in zip(
    network.bound_layers(module.decoder), cross, strict=True
  ):
    x_BxPxD = layer(_layer, x_BxPxD, keys_values, segments_BxL, *context)
  return _end(module, x_BxPxD, rows)


def _begin(
  module: network.Transformer, rows: CandidateRows[jax.Array]
) -> tuple[jax.Array, tuple[jax.Array, jax.Array, jax.Array]]:
  """Returns the first layer's input, and the last arguments of `_layer`."""
  B, _, S = rows.tokens.shape
  start_Bx_ = jnp.zeros((B, 1), rows.tokens.dtype)
  tokens_BxP = jnp.concatenate([start_Bx_, rows.tokens.reshape(B, -1)], axis=1)
  bias_HxTxT = module.decoder.relpos_bias(S + 1, False)
  return blocks.residual(module.token_embedder(tokens_BxP)), (
    rows.candidate,
    bias_HxTxT[:, :S, :S],
    jnp.moveaxis(bias_HxTxT[:, :, 0][:, rows.place], 0, 1),
  )


def _end(
  module: network.Transformer,
  x_BxPxD: jax.Array,
  rows: CandidateRows[jax.Array],
) -> tuple[jax.Array, jax.Array]:
  """Returns the log-likelihoods from the last layer's output."""
  decoder = module.decoder
  return likelihood.of_rows(
    decoder.decoder_norm(x_BxPxD),
    decoder.logits_dense(),
    rows.first,
    rows.following,
  )


def _layer_after_encoder(
  layer: blocks.DecoderLayer,
  x_BxPxD: jax.Array,
  encoded_BxLxD: jax.Array,
  encoder_segments_BxL: jax.Array,
  candidate_BxRxS: jax.Array,
  bias_HxSxS: jax.Array,
  start_bias_BxHxRxS: jax.Array,
  train: bool,
) -> jax.Array:
  """Returns a layer's output [B, P, D]."""
  del train
  # One attention has all positions as queries, so its keys and values are
  # projected once a request.
  keys_values = layer.encoder_decoder_attention.keys_values(encoded_BxLxD)
  return _layer(
    layer,
    x_BxPxD,
    keys_values,
    encoder_segments_BxL,
    candidate_BxRxS,
    bias_HxSxS,
    start_bias_BxHxRxS,
  )


def _layer(
  layer: blocks.DecoderLayer,
  x_BxPxD: jax.Array,
  keys_values: tuple[jax.Array, jax.Array],
  encoder_segments_BxL: jax.Array,
  candidate_BxRxS: jax.Array,
  bias_HxSxS: jax.Array,
  start_bias_BxHxRxS: jax.Array,
) -> jax.Array:
  """Returns a layer's output [B, P, D]."""
  x = x_BxPxD
  x += _look_back(
    layer.self_attention,
    layer.pre_self_attention_layer_norm(x),
    candidate_BxRxS,
    bias_HxSxS,
    start_bias_BxHxRxS,
  )
  x += layer.encoder_decoder_attention.gather(
    layer.pre_cross_attention_layer_norm(x),
    *keys_values,
    None,
    jnp.ones(x.shape[:2], jnp.int32),
    encoder_segments_BxL,
  )
  return blocks.residual(x + layer.mlp(layer.pre_mlp_layer_norm(x), False))


def _look_back(
  module: blocks.Attention,
  x_BxPxD: jax.Array,
  candidate_BxRxS: jax.Array,
  bias_HxSxS: jax.Array,
  start_bias_BxHxRxS: jax.Array,
) -> jax.Array:
  """Returns the output of attention to each candidate's past, [B, P, D].

  Args:
    module: The self-attention.
    x_BxPxD: The positions.
    candidate_BxRxS: int32. In a row, a position sees the positions of its own
      candidate up to itself. All see the start, which sees only itself.
    bias_HxSxS: Added to the logits between positions of a row.
    start_bias_BxHxRxS: Added to the logits of the start.
  """
  S = candidate_BxRxS.shape[2]

  def split(x_BxHxPxK: jax.Array) -> tuple[jax.Array, jax.Array]:
    B, H, P, K = x_BxHxPxK.shape
    rest = x_BxHxPxK[:, :, 1:].reshape(B, H, (P - 1) // S, S, K)
    return x_BxHxPxK[:, :, 0], rest

  heads = module.heads(x_BxPxD, module.query, module.key, module.value)
  (_, q_BxHxRxSxK), (start_k, k), (start_v, v) = map(split, heads)
  start = jnp.einsum(
    "bhrsk,bhk->bhrs", q_BxHxRxSxK, start_k, preferred_element_type="float32"
  )
  start = (start + start_bias_BxHxRxS)[..., None]
  own = jnp.einsum(
    "bhrsk,bhrmk->bhrsm", q_BxHxRxSxK, k, preferred_element_type="float32"
  )
  own += bias_HxSxS[None, :, None]
  same = candidate_BxRxS[..., None] == candidate_BxRxS[..., None, :]
  seen_BxRxSxS = same & jnp.tri(S, dtype=bool)[None, None]
  own = jnp.where(seen_BxRxSxS[:, None], own, attention.MASKED)
  largest = jnp.maximum(jnp.max(own, axis=-1, keepdims=True), start)
  own, start = jnp.exp(own - largest), jnp.exp(start - largest)
  total = jnp.sum(own, axis=-1, keepdims=True) + start
  out = jnp.einsum(
    "bhrsm,bhrmk->bhrsk",
    own.astype(v.dtype),
    v,
    preferred_element_type="float32",
  )
  out += start * start_v[:, :, None, None].astype(jnp.float32)
  out_BxHxRSxK = (out / total).astype(v.dtype).reshape(heads[0][:, :, 1:].shape)
  return module.joined(
    jnp.concatenate([start_v[:, :, None], out_BxHxRSxK], axis=2)
  )
