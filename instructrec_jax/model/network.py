"""T5.1.1 with T5X's parameter tree; the decoder takes many candidates a row.

T5.1.1 (Raffel et al. 2020, https://arxiv.org/abs/1910.10683, and Shazeer 2020,
https://arxiv.org/abs/2002.05202): RMS norms before each block, gated GELU,
relative position biases shared by a stack's layers, no biases in dense layers,
output projection not tied to the embedding, and no 1 / sqrt(head_dim) in the
attention, whose query kernel is initialised smaller instead.

Shapes are written as suffixes of these letters; a `_` stands for an axis of
size one that broadcasts:
  B batch            C candidates     D embed     K head dim   V vocabulary
  L input length     T target length  H heads     F mlp        N layers
  Q query positions  M key positions  (each L, T or C * T)

Every axis that a request shares is computed once a request: the decoder's
tokens are [B, C, T], its cross-attention sees them as C * T queries against one
set of keys and values, and nothing of shape [B, C, L, ...] exists. Training is
the case C = 1.
"""

import dataclasses

import gin
import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

RELPOS_BUCKETS = 32
RELPOS_MAX_DISTANCE = 128
MASKED = -1e10  # As in T5X: finite, so that a wholly masked row is no NaN.

_scaled = nn.initializers.variance_scaling


@gin.configurable
@dataclasses.dataclass(frozen=True)
class T5Config:
  """The sizes of a T5.1.1 network.

  Attributes:
    vocab_size: rows of the embedding, at least the tokenizer's pieces.
    emb_dim: width of the residual stream.
    num_heads: attention heads.
    num_encoder_layers: layers of the encoder.
    num_decoder_layers: layers of the decoder.
    head_dim: width of a head; heads × head_dim need not equal emb_dim.
    mlp_dim: width inside the gated feed-forward block.
    dropout_rate: share of activations dropped in training.
    dtype: of activations, "float32" or "bfloat16". Parameters, norms, softmax
      and logits are float32 always.
  """

  vocab_size: int
  emb_dim: int
  num_heads: int
  num_encoder_layers: int
  num_decoder_layers: int
  head_dim: int
  mlp_dim: int
  dropout_rate: float = 0.1
  dtype: str = "float32"


class Dense(nn.Module):
  """A matrix product on the last axis, without bias."""

  features: int
  dtype: str
  kernel_init: nn.initializers.Initializer = _scaled(
    1.0, "fan_in", "truncated_normal"
  )

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Returns x [..., D] times the kernel, [..., features]."""
    shape = (x.shape[-1], self.features)
    kernel = self.param("kernel", self.kernel_init, shape, jnp.float32)
    # As one matrix product: that of more axes has a gradient with copies that
    # make it half as fast on CPU.
    rows = x.reshape(-1, x.shape[-1]).astype(self.dtype)
    out = rows @ kernel.astype(self.dtype)
    return out.reshape(*x.shape[:-1], self.features)


class RMSNorm(nn.Module):
  """Root-mean-square norm on the last axis, in float32, without bias."""

  dtype: str

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Returns x [..., D] scaled to a root mean square of `scale`."""
    scale_D = self.param(
      "scale", nn.initializers.ones, (x.shape[-1],), jnp.float32
    )
    x = x.astype(jnp.float32)
    mean_square = jnp.mean(jnp.square(x), axis=-1, keepdims=True)
    scale = jnp.expand_dims(scale_D, tuple(range(x.ndim - 1)))
    return (x * jax.lax.rsqrt(mean_square + 1e-6) * scale).astype(self.dtype)


class Dropout(nn.Module):
  """Dropout whose mask is shared along the length, as in T5X.

  The axis before the last is the length of activations [..., length, D] and the
  query axis of attention weights [..., Q, M].
  """

  rate: float

  @nn.compact
  def __call__(self, x: jax.Array, train: bool) -> jax.Array:
    """Returns x, in training with a share of its values dropped."""
    drop = nn.Dropout(self.rate, broadcast_dims=(-2,))
    return drop(x, deterministic=not train)


class Embedding(nn.Module):
  """Rows of the token table."""

  config: T5Config

  @nn.compact
  def __call__(self, tokens: jax.Array) -> jax.Array:
    """Returns the vectors [..., D] of int32 tokens [...]."""
    cfg = self.config
    table_VxD = self.param(
      "embedding",
      nn.initializers.normal(1.0),
      (cfg.vocab_size, cfg.emb_dim),
      jnp.float32,
    )
    return table_VxD[tokens].astype(cfg.dtype)


def relative_position_bucket(
  distance: np.ndarray, bidirectional: bool
) -> np.ndarray:
  """Returns the bucket of each key position relative to its query.

  Half of the buckets hold one distance each, the other half distances that grow
  logarithmically up to `RELPOS_MAX_DISTANCE`, beyond which all share the last
  (Raffel et al. 2020, section 2.1).

  Args:
    distance: int array, key position minus query position.
    bidirectional: whether keys after the query have buckets of their own (half
      of all); else they share bucket 0.
  """
  buckets = RELPOS_BUCKETS // 2 if bidirectional else RELPOS_BUCKETS
  offset = buckets * (distance > 0) if bidirectional else 0
  distance = np.abs(distance) if bidirectional else np.maximum(-distance, 0)
  exact = buckets // 2
  # In float32 as T5X computes it: the buckets' edges depend on the rounding.
  ratio = distance.astype(np.float32) / exact + np.finfo(np.float32).eps
  growth = np.log(ratio) / np.log(RELPOS_MAX_DISTANCE / exact)
  large = exact + (growth * (buckets - exact)).astype(np.int32)
  large = np.minimum(large, buckets - 1)
  return offset + np.where(distance < exact, distance, large)


class RelativePositionBias(nn.Module):
  """A bias for each head and pair of positions, learned per bucket."""

  num_heads: int
  bidirectional: bool

  @nn.compact
  def __call__(self, length: int) -> jax.Array:
    """Returns the bias [H, length, length], query before key."""
    table_HxR = self.param(
      "rel_embedding",
      _scaled(1.0, "fan_avg", "uniform"),
      (self.num_heads, RELPOS_BUCKETS),
      jnp.float32,
    )
    # The bias of a pair depends on its distance only. So look up the distances
    # once and lay the row of values out along the diagonals: repeat it, and
    # reshape with rows one shorter than its period, so that each row starts one
    # later. The gradient is a sum, not a scatter of length**2 entries.
    distances = np.arange(1 - length, length)
    buckets = relative_position_bucket(distances, self.bidirectional)
    values = jnp.pad(table_HxR[:, buckets], ((0, 0), (0, 1)))
    rows = jnp.tile(values, (1, length))[:, : length * (2 * length - 1)]
    rows = rows.reshape(self.num_heads, length, 2 * length - 1)
    return rows[:, :, length - 1 :]


class Attention(nn.Module):
  """Multi-head attention; leading axes of queries and keys must agree."""

  config: T5Config

  @nn.compact
  def __call__(
    self,
    queries: jax.Array,
    keys: jax.Array,
    mask: jax.Array,
    bias_HxQxM: jax.Array | None,
    train: bool,
  ) -> jax.Array:
    """Returns what each query position gathers.

    Args:
      queries: [..., Q, D].
      keys: [..., M, D], what is attended to.
      mask: bool [..., Q, M], true where the query may see the key.
      bias_HxQxM: float32 added to the attention logits, or None.
      train: whether to drop attention weights.

    Returns:
      [..., Q, D] of the config's dtype.
    """
    cfg = self.config

    def heads(name: str, x: jax.Array, scale: float = 1.0) -> jax.Array:
      init = _scaled(scale, "fan_in", "normal")
      features = cfg.num_heads * cfg.head_dim
      x = Dense(features, cfg.dtype, init, name=name)(x)
      x = x.reshape(*x.shape[:-1], cfg.num_heads, cfg.head_dim)
      # Heads first, so that each head's products are plain matrix products.
      return jnp.swapaxes(x, -3, -2)

    # variance_scaling takes the variance: 1 / K of it is 1 / sqrt(K) of values.
    query = heads("query", queries, scale=1.0 / cfg.head_dim)
    key, value = heads("key", keys), heads("value", keys)
    logits = jnp.einsum(
      "...qk,...mk->...qm", query, key, preferred_element_type=jnp.float32
    )
    if bias_HxQxM is not None:
      leading = tuple(range(logits.ndim - bias_HxQxM.ndim))
      logits += jnp.expand_dims(bias_HxQxM, leading)
    logits = jnp.where(jnp.expand_dims(mask, -3), logits, MASKED)
    weights = jax.nn.softmax(logits).astype(cfg.dtype)
    weights = Dropout(cfg.dropout_rate)(weights, train)
    out = jnp.swapaxes(weights @ value, -3, -2)
    out = out.reshape(*out.shape[:-2], -1)
    init = _scaled(1.0, "fan_in", "normal")
    return Dense(cfg.emb_dim, cfg.dtype, init, name="out")(out)


class MLP(nn.Module):
  """Feed-forward block with a gate of tanh-approximated GELU."""

  config: T5Config

  @nn.compact
  def __call__(self, x: jax.Array, train: bool) -> jax.Array:
    """Returns what the block adds to x, [..., D]."""
    cfg = self.config
    gate = nn.gelu(Dense(cfg.mlp_dim, cfg.dtype, name="wi_0")(x))
    hidden = gate * Dense(cfg.mlp_dim, cfg.dtype, name="wi_1")(x)
    hidden = Dropout(cfg.dropout_rate)(hidden, train)
    return Dense(cfg.emb_dim, cfg.dtype, name="wo")(hidden)


class EncoderLayer(nn.Module):
  """Self-attention, then the feed-forward block."""

  config: T5Config

  @nn.compact
  def __call__(
    self,
    x_BxLxD: jax.Array,
    mask_BxLxL: jax.Array,
    bias_HxLxL: jax.Array,
    train: bool,
  ) -> jax.Array:
    """Returns the layer's output [B, L, D]."""
    cfg = self.config
    drop = Dropout(cfg.dropout_rate)
    x = x_BxLxD
    y = RMSNorm(cfg.dtype, name="pre_attention_layer_norm")(x)
    y = Attention(cfg, name="attention")(y, y, mask_BxLxL, bias_HxLxL, train)
    x += drop(y, train)
    y = RMSNorm(cfg.dtype, name="pre_mlp_layer_norm")(x)
    return x + drop(MLP(cfg, name="mlp")(y, train), train)


class DecoderLayer(nn.Module):
  """Self-attention in a candidate, attention to the input, feed-forward."""

  config: T5Config

  @nn.compact
  def __call__(
    self,
    x_BxCxTxD: jax.Array,
    encoded_BxLxD: jax.Array,
    self_mask_BxCxTxT: jax.Array,
    cross_mask_BxQxL: jax.Array,
    bias_HxTxT: jax.Array,
    train: bool,
  ) -> jax.Array:
    """Returns the layer's output [B, C, T, D]; Q is C * T."""
    cfg = self.config
    drop = Dropout(cfg.dropout_rate)
    x = x_BxCxTxD
    y = RMSNorm(cfg.dtype, name="pre_self_attention_layer_norm")(x)
    y = Attention(cfg, name="self_attention")(
      y, y, self_mask_BxCxTxT, bias_HxTxT, train
    )
    x += drop(y, train)
    y = RMSNorm(cfg.dtype, name="pre_cross_attention_layer_norm")(x)
    # All candidates are queries of one attention, so its keys and values are
    # projected once a request.
    y = y.reshape(y.shape[0], -1, y.shape[-1])
    y = Attention(cfg, name="encoder_decoder_attention")(
      y, encoded_BxLxD, cross_mask_BxQxL, None, train
    )
    x += drop(y.reshape(x.shape), train)
    y = RMSNorm(cfg.dtype, name="pre_mlp_layer_norm")(x)
    return x + drop(MLP(cfg, name="mlp")(y, train), train)


class Encoder(nn.Module):
  """The encoder's stack."""

  config: T5Config

  @nn.compact
  def __call__(
    self, x_BxLxD: jax.Array, segments_BxL: jax.Array, train: bool
  ) -> jax.Array:
    """Returns the encoded input [B, L, D], normed."""
    cfg = self.config
    drop = Dropout(cfg.dropout_rate)
    mask_BxLxL = segments_BxL[:, :, None] == segments_BxL[:, None, :]
    bias = RelativePositionBias(cfg.num_heads, True, name="relpos_bias")
    bias_HxLxL = bias(x_BxLxD.shape[1])
    x = drop(x_BxLxD, train)
    for n in range(cfg.num_encoder_layers):
      layer = EncoderLayer(cfg, name=f"layers_{n}")
      x = layer(x, mask_BxLxL, bias_HxLxL, train)
    return drop(RMSNorm(cfg.dtype, name="encoder_norm")(x), train)


class Decoder(nn.Module):
  """The decoder's stack and the projection to the vocabulary."""

  config: T5Config

  @nn.compact
  def __call__(
    self,
    x_BxCxTxD: jax.Array,
    encoded_BxLxD: jax.Array,
    segments_BxCxT: jax.Array,
    encoder_segments_BxL: jax.Array,
    train: bool,
  ) -> jax.Array:
    """Returns the logits, float32 [B, C, T, V]."""
    cfg = self.config
    drop = Dropout(cfg.dropout_rate)
    B, C, T, _ = x_BxCxTxD.shape
    causal_TxT = np.tri(T, dtype=bool)[None, None]
    same = segments_BxCxT[:, :, :, None] == segments_BxCxT[:, :, None, :]
    cross_mask_BxQxL = (
      segments_BxCxT.reshape(B, C * T, 1) == encoder_segments_BxL[:, None, :]
    )
    bias = RelativePositionBias(cfg.num_heads, False, name="relpos_bias")
    bias_HxTxT = bias(T)
    x = drop(x_BxCxTxD, train)
    for n in range(cfg.num_decoder_layers):
      layer = DecoderLayer(cfg, name=f"layers_{n}")
      x = layer(
        x,
        encoded_BxLxD,
        causal_TxT & same,
        cross_mask_BxQxL,
        bias_HxTxT,
        train,
      )
    x = drop(RMSNorm(cfg.dtype, name="decoder_norm")(x), train)
    # In float32 whatever the dtype: the loss needs the precision.
    return Dense(cfg.vocab_size, "float32", name="logits_dense")(x)


class Transformer(nn.Module):
  """An encoder and a decoder that share the token table.

  Segment ids keep packed examples apart: a position sees only positions of its
  own id, and padding has id 0. Without them a row is one example. Padding is
  token 0. Positions of packed examples are not asked for: relative distances
  inside an example do not depend on where in the row it stands.
  """

  config: T5Config

  def setup(self):
    """Names the three parts as T5X does."""
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
      encoder_segment_ids_BxL: int32 of packed rows, both or neither of the two.
      decoder_segment_ids_BxCxT: int32.
      train: whether to drop out, which needs the rng "dropout".

    Returns:
      float32 [B, C, T, V].
    """
    if encoder_segment_ids_BxL is None:
      encoder_segment_ids_BxL = (encoder_input_tokens_BxL > 0).astype(jnp.int32)
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
