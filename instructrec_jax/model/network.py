"""T5.1.1 with T5X's parameter tree, and many candidates a row in the decoder.

T5.1.1 (Raffel et al. 2020, https://arxiv.org/abs/1910.10683, and Shazeer 2020,
https://arxiv.org/abs/2002.05202) has RMS norms before each block, gated GELU,
relative position biases shared by a stack's layers, no biases in dense layers,
an output projection not tied to the embedding, and no 1 / sqrt(head_dim) in the
attention, whose query kernel has a smaller initialization instead.

Shape suffixes use these letters. A `_` stands for an axis of size one that
broadcasts:
  B batch            C candidates     D embed     K head dim   V vocabulary
  L input length     T target length  H heads     F mlp        N layers
  Q query positions  M key positions  (each L, T or C * T)
  W beams            P places of beams

What the candidates of a request share is computed once. The decoder's tokens
are [B, C, T], its cross-attention has C * T queries and one set of keys and
values, and nothing of shape [B, C, L, ...] exists. In training C = 1.

The layers of a stack have separate parameters with T5X's names. They run one
after the other or as one scan, see `run_layers`. For decoding token by token,
`start` and `step` keep the keys and values of earlier tokens.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from instructrec_jax.model import stacking
from instructrec_jax.model.blocks import (
  REMAT,
  Cache,
  DecoderLayer,
  Dropout,
  Embedding,
  EncoderLayer,
  Kernel,
  RelativePositionBias,
  RMSNorm,
  T5Config,
  project,
  residual,
)
from instructrec_jax.model.sharding import constrain

Params = Mapping[str, Any]  # A tree of arrays, under T5X's names.


def run_layers(
  stack: nn.Module,
  x: jax.Array,
  *context: jax.Array,
  train: bool,
  method: Callable[..., jax.Array] | None = None,
) -> jax.Array:
  """Runs a stack's layers in order, and returns the last one's output.

  Args:
    stack: The stack, with a list `layers` and parameters layers_0, layers_1, ….
    x: [..., D], the first layer's input.
    *context: Further arguments of all layers.
    train: Whether to use dropout, with the stack's rng "dropout".
    method: The method of a layer to call. By default the layer itself.
  """
  cfg = stack.config
  if stack.is_initializing():
    for layer in stack.layers:
      x = layer(x, *context, train)
    return x

  def step(
    x: jax.Array, inputs: tuple[Params, jax.Array | None]
  ) -> tuple[jax.Array, None]:
    params, key = inputs
    rngs = None if key is None else {"dropout": key}
    layer, arguments = _unbound(stack), (x, *context, train)
    return apply(layer, params, *arguments, rngs=rngs, method=method), None

  if REMAT[cfg.remat] is not None:
    # Inside a scan, common subexpressions cannot be merged anyway.
    step = jax.checkpoint(
      step, policy=REMAT[cfg.remat], prevent_cse=not cfg.scan_layers
    )
  keys = None
  if train and cfg.dropout_rate:
    keys = jax.random.split(stack.make_rng("dropout"), len(stack.layers))
  if cfg.scan_layers:
    return jax.lax.scan(step, x, (_layers_together(stack), keys))[0]
  for n, params in enumerate(_layer_params(stack)):
    x, _ = step(x, (params, None if keys is None else keys[n]))
  return x


def apply(
  module: nn.Module, params: Params, *arguments: Any, **options: Any
) -> Any:
  """Returns what a module, or a `method` of it, returns with its parameters.

  It is Flax's `apply`, whose type has the variables that a module may change as
  a second result; ours change none.
  """
  return module.apply({"params": params}, *arguments, **options)


def _unbound(stack: nn.Module) -> nn.Module:
  """Returns an unbound layer, to apply with any layer's parameters."""
  return type(stack.layers[0])(stack.config, parent=None)


def bound_layers(stack: nn.Module) -> list[Callable[..., Any]]:
  """Returns for each layer a function that calls a method with arguments."""

  def bind(params: dict[str, Any]) -> Callable[..., Any]:
    def call(method: Callable[..., Any] | str, *arguments: Any) -> Any:
      return apply(_unbound(stack), params, *arguments, method=method)

    return call

  return [bind(params) for params in _layer_params(stack)]


def _layer_params(stack: nn.Module) -> list[dict[str, Any]]:
  params = stack.variables["params"]
  return [params[f"layers_{n}"] for n in range(len(stack.layers))]


def _layers_together(stack: nn.Module) -> dict[str, Any]:
  """Returns the layers' parameters as one tree of arrays [N, ...]."""
  dtype = stack.config.dtype
  params = stack.variables["params"]

  def cast(x: jax.Array, ndim: int) -> jax.Array:
    """Casts kernels before they are copied, which halves bfloat16 copies."""
    return x.astype(dtype) if x.ndim == ndim else x

  if stacking.is_stacked(params):
    return jax.tree.map(lambda x: cast(x, 3), params[stacking.TOGETHER])
  return jax.tree.map(
    lambda *layers: jnp.stack([cast(x, 2) for x in layers]),
    *_layer_params(stack),
  )


class Encoder(nn.Module):
  """The encoder's stack."""

  config: T5Config

  def setup(self) -> None:
    """Declares the parts, with T5X's names."""
    cfg = self.config
    self.relpos_bias = RelativePositionBias(cfg.num_heads, True)
    self.layers = [EncoderLayer(cfg) for _ in range(cfg.num_encoder_layers)]
    self.encoder_norm = RMSNorm(cfg.dtype)
    self.drop = Dropout(cfg.dropout_rate)

  def __call__(
    self, x_BxLxD: jax.Array, segments_BxL: jax.Array, train: bool
  ) -> jax.Array:
    """Returns the normalized encoding of the input, [B, L, D]."""
    x = run_layers(
      self,
      residual(self.drop(x_BxLxD, train)),
      segments_BxL,
      self.relpos_bias(x_BxLxD.shape[1], train),
      train=train,
    )
    return self.drop(self.encoder_norm(x), train)


class Decoder(nn.Module):
  """The decoder's stack and the projection to the vocabulary."""

  config: T5Config

  def setup(self) -> None:
    """Declares the parts, with T5X's names."""
    cfg = self.config
    self.relpos_bias = RelativePositionBias(cfg.num_heads, False)
    self.layers = [DecoderLayer(cfg) for _ in range(cfg.num_decoder_layers)]
    self.decoder_norm = RMSNorm(cfg.dtype)
    self.drop = Dropout(cfg.dropout_rate)
    self.logits_dense = Kernel((cfg.emb_dim, cfg.vocab_size))

  def __call__(
    self,
    x_BxCxTxD: jax.Array,
    encoded_BxLxD: jax.Array,
    segments_BxCxT: jax.Array,
    encoder_segments_BxL: jax.Array,
    train: bool,
  ) -> jax.Array:
    """Returns the logits, float32 [B, C, T, V]."""
    x = run_layers(
      self,
      residual(self.drop(x_BxCxTxD, train)),
      encoded_BxLxD,
      segments_BxCxT,
      encoder_segments_BxL,
      self.relpos_bias(x_BxCxTxD.shape[2], train),
      train=train,
    )
    logits = self._logits(self.drop(self.decoder_norm(x), train))
    return constrain(logits, "batch", None, "length", "vocab")

  def start(
    self, encoded_BxLxD: jax.Array, beams: int, length: int
  ) -> list[Cache]:
    """Returns each layer's cache, see `DecoderLayer.start`."""
    return [
      layer("start", encoded_BxLxD, beams, length)
      for layer in bound_layers(self)
    ]

  def step(
    self,
    x_BxWxD: jax.Array,
    caches: list[Cache],
    position: jax.Array,
    ancestors_BxWxT: jax.Array,
    encoder_segments_BxL: jax.Array,
  ) -> tuple[jax.Array, list[Cache]]:
    """Returns the logits after one more token, [B, W, V], and the caches."""
    bias_HxTxT = self.relpos_bias(ancestors_BxWxT.shape[2], False)
    bias_Hx_xT = jax.lax.dynamic_slice_in_dim(bias_HxTxT, position, 1, axis=1)
    x = x_BxWxD
    after: list[Cache] = []
    for layer, cache in zip(bound_layers(self), caches, strict=True):
      x, cache = layer(
        "step",
        x,
        cache,
        position,
        ancestors_BxWxT,
        encoder_segments_BxL,
        bias_Hx_xT,
      )
      after.append(cache)
    logits = self._logits(self.decoder_norm(x))
    return constrain(logits, "batch", None, "vocab"), after

  def _logits(self, x: jax.Array) -> jax.Array:
    """Returns [..., V] in float32, because the loss needs the precision."""
    return project(x, self.logits_dense(), "float32")


class Transformer(nn.Module):
  """An encoder and a decoder that share the token table.

  Segment ids separate packed examples: a position sees only positions with its
  own id, and padding has id 0. Without them a row is one example. Padding is
  token 0. Positions of packed examples are not needed, because relative
  distances inside an example do not depend on its place in the row.
  """

  config: T5Config

  def setup(self) -> None:
    """Declares the three parts, with T5X's names."""
    self.token_embedder = Embedding(self.config)
    self.encoder = Encoder(self.config)
    self.decoder = Decoder(self.config)

  def __call__(
    self,
    encoder_input_tokens_BxL: jax.Array,
    decoder_input_tokens_BxCxT: jax.Array,
    encoder_segment_ids_BxL: jax.Array | None = None,
    decoder_segment_ids_BxCxT: jax.Array | None = None,
    *,
    train: bool = False,
  ) -> jax.Array:
    """Returns the logits of every candidate's tokens.

    Args:
      encoder_input_tokens_BxL: int32, padded with 0.
      decoder_input_tokens_BxCxT: int32, each candidate shifted right by one,
        with 0 in front.
      encoder_segment_ids_BxL: int32, for packed rows. Give both ids or none.
      decoder_segment_ids_BxCxT: int32.
      train: Whether to use dropout, which needs the rng "dropout".

    Returns:
      float32 [B, C, T, V].
    """
    if encoder_segment_ids_BxL is None:
      encoder_segment_ids_BxL = one_segment(encoder_input_tokens_BxL)
    if decoder_segment_ids_BxCxT is None:
      decoder_segment_ids_BxCxT = jnp.ones_like(decoder_input_tokens_BxCxT)
    encoded_BxLxD = self.encoder(
      self.token_embedder(encoder_input_tokens_BxL),
      encoder_segment_ids_BxL,
      train,
    )
    return self.decoder(
      self.token_embedder(decoder_input_tokens_BxCxT),
      encoded_BxLxD,
      decoder_segment_ids_BxCxT,
      encoder_segment_ids_BxL,
      train,
    )

  def start(
    self, encoder_input_tokens_BxL: jax.Array, beams: int, length: int
  ) -> list[Cache]:
    """Encodes the input, and returns the caches for `step`.

    Args:
      encoder_input_tokens_BxL: int32, padded with 0.
      beams: W, the sequences of a request decoded in parallel.
      length: T, the most steps.
    """
    encoded_BxLxD = self.encoder(
      self.token_embedder(encoder_input_tokens_BxL),
      one_segment(encoder_input_tokens_BxL),
      False,
    )
    return self.decoder.start(encoded_BxLxD, beams, length)

  def step(
    self,
    tokens_BxW: jax.Array,
    caches: list[Cache],
    position: jax.Array,
    ancestors_BxWxT: jax.Array,
    encoder_input_tokens_BxL: jax.Array,
  ) -> tuple[jax.Array, list[Cache]]:
    """Returns the logits after one more token of each beam.

    Between steps beams may change places, end, or split. `ancestors_BxWxT`
    records where each came from, so the caches do not change.

    Args:
      tokens_BxW: int32, 0 at the first position, then the chosen tokens.
      caches: The caches from `start`, or from the step before.
      position: int32, from 0.
      ancestors_BxWxT: int32, the place below W that each beam had at each
        position up to this one, and -1 at later positions.
      encoder_input_tokens_BxL: int32, as given to `start`.

    Returns:
      float32 [B, W, V], and the caches for the next step.
    """
    return self.decoder.step(
      self.token_embedder(tokens_BxW),
      caches,
      position,
      ancestors_BxWxT,
      one_segment(encoder_input_tokens_BxL),
    )


def one_segment(tokens: jax.Array) -> jax.Array:
  """Returns 1 where there is a token, 0 for padding."""
  return (tokens > 0).astype(jnp.int32)
