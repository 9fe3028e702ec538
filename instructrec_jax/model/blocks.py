"""The blocks and layers of T5.1.1, with T5X's names.

Shape suffixes use the letters of network.py. In attention N is rows: requests,
or the candidates of all requests.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import gin
import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax.ad_checkpoint import checkpoint_name

from instructrec_jax.model import attention
from instructrec_jax.model.rms_norm import rms_norm
from instructrec_jax.model.sharding import constrain, on_one_cpu
from instructrec_jax.settings import kinds, macros

# What a layer keeps for its gradient. The rest is recomputed. The names are
# scalable T5X's. "none" keeps all values that the gradient uses, "minimal" the
# results of matrix products and attention, "full" only the layer's input.
REMAT: dict[str, Callable[..., Any] | None] = {
  "none": None,
  "minimal": jax.checkpoint_policies.save_only_these_names(
    "heads", "attended", "residual", "hidden"
  ),
  "full": jax.checkpoint_policies.nothing_saveable,
}

# A decoder layer's keys and values, for its own positions and for the input's.
Cache = dict[str, tuple[jax.Array, jax.Array]]

_scaled = nn.initializers.variance_scaling


@gin.configurable(module="instructrec_jax")
@dataclasses.dataclass(frozen=True)
class T5Config:
  """The sizes of a T5.1.1 network.

  Attributes:
    vocab_size: Rows of the embedding, at least the tokenizer's pieces.
    emb_dim: The width of the residual stream.
    num_heads: The number of attention heads.
    num_encoder_layers: The number of encoder layers.
    num_decoder_layers: The number of decoder layers.
    head_dim: The width of a head. heads × head_dim need not equal emb_dim.
    mlp_dim: The width inside the gated feed-forward block.
    dropout_rate: The share of activations dropped in training.
    dtype: The dtype of activations, "float32" or "bfloat16". Parameters, norms,
      softmax and logits are always float32.
    scan_layers: Whether a stack's layers are one scan, which is compiled once
      and needs less memory. Separate parameters, see stacking.py, are copied
      into one array for it.
    remat: What the gradient recomputes, a key of `REMAT`.

  Raises:
    InputError: A size is below 1, or another value is none of its kind.
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
  scan_layers: bool = True
  remat: str = "minimal"

  def __post_init__(self) -> None:
    macros.check_parameters("T5Config", vars(self), others=kinds.Whole())


class Kernel(nn.Module):
  """The matrix of a projection without bias."""

  shape: tuple[int, int]
  initializer: nn.initializers.Initializer = _scaled(
    1.0, "fan_in", "truncated_normal"
  )

  @nn.compact
  def __call__(self) -> jax.Array:
    """Returns the matrix, float32."""
    return self.param("kernel", self.initializer, self.shape, jnp.float32)


def project(x: jax.Array, kernel_DxF: jax.Array, dtype: str) -> jax.Array:
  """Returns x [..., D] times a kernel, [..., F] in `dtype`."""
  # One matrix product, because with more axes the gradient makes copies and is
  # half as fast on CPU.
  rows = x.reshape(-1, x.shape[-1]).astype(dtype)
  return (rows @ kernel_DxF.astype(dtype)).reshape(*x.shape[:-1], -1)


def project_all(
  x: jax.Array, kernels: Sequence[jax.Array], dtype: str
) -> list[jax.Array]:
  """Returns x [..., D] times each of P kernels [D, F], P arrays [..., F].

  On accelerators one product reads x once and compiles faster. On CPU the
  gradients would first have to be copied into one array, which takes longer
  than it saves.
  """
  if on_one_cpu():
    return [project(x, kernel, dtype) for kernel in kernels]
  rows = x.reshape(-1, x.shape[-1]).astype(dtype)
  kernel_DxPxF = jnp.stack([k.astype(dtype) for k in kernels], axis=1)
  out_RxPxF = jnp.einsum("rd,dpf->rpf", rows, kernel_DxPxF)
  return [
    out_RxPxF[:, p].reshape(*x.shape[:-1], -1) for p in range(len(kernels))
  ]


class RMSNorm(nn.Module):
  """Root-mean-square norm on the last axis, in float32, without bias."""

  dtype: str

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Returns x [..., D] scaled to a root mean square of `scale`."""
    D = x.shape[-1]
    scale_D = self.param("scale", nn.initializers.ones, (D,), jnp.float32)
    x_RxD = x.reshape(-1, D).astype(jnp.float32)
    return rms_norm(x_RxD, scale_D).astype(self.dtype).reshape(x.shape)


class Dropout(nn.Module):
  """Dropout whose mask is shared along the length, as in T5X.

  The axis before the last is the length of activations [..., length, D] and the
  query axis of attention weights [..., Q, M].
  """

  rate: float

  @nn.compact
  def __call__(self, x: jax.Array, train: bool) -> jax.Array:
    """Returns x, with a share of its values dropped in training."""
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


class RelativePositionBias(nn.Module):
  """A bias for each head and pair of positions, learned per bucket."""

  num_heads: int
  bidirectional: bool

  @nn.compact
  def __call__(self, length: int, train: bool) -> jax.Array:
    """Returns the bias [H, length, length], query before key."""
    table_HxR = self.param(
      "rel_embedding",
      _scaled(1.0, "fan_avg", "uniform"),
      (self.num_heads, attention.RELPOS_BUCKETS),
      jnp.float32,
    )
    pairs = np.arange(length)[None, :] - np.arange(length)[:, None]
    buckets = attention.relative_position_bucket(pairs, self.bidirectional)
    if not train:
      return table_HxR[:, buckets]
    # A one-hot product, because the gradient of a lookup scatters length**2
    # values, and slices of one row per distance compile slowly.
    chosen = jax.nn.one_hot(buckets, attention.RELPOS_BUCKETS, axis=0)
    return jnp.einsum("hr,rqm->hqm", table_HxR, chosen, precision="highest")


class Attention(nn.Module):
  """Multi-head attention."""

  config: T5Config

  def setup(self) -> None:
    """Declares the four projections."""
    cfg = self.config
    inwards = cfg.emb_dim, cfg.num_heads * cfg.head_dim
    init = _scaled(1.0, "fan_in", "normal")
    # 1 / K of the variance scales values by 1 / sqrt(K).
    smaller = _scaled(1.0 / cfg.head_dim, "fan_in", "normal")
    self.query = Kernel(inwards, smaller)
    self.key = Kernel(inwards, init)
    self.value = Kernel(inwards, init)
    self.out = Kernel(inwards[::-1], init)
    # T5X drops a key's weights for all queries, which equals dropping its
    # value.
    self.drop = nn.Dropout(cfg.dropout_rate, broadcast_dims=(-1,))

  def __call__(
    self,
    x_NxQxD: jax.Array,
    y_NxMxD: jax.Array,
    bias_HxQxM: jax.Array | None,
    x_segments_NxQ: jax.Array,
    y_segments_NxM: jax.Array,
    *,
    causal: bool = False,
    train: bool = False,
  ) -> jax.Array:
    """Returns the output of attention from x to y, [N, Q, D].

    Args:
      x_NxQxD: The positions that attend.
      y_NxMxD: The positions attended to.
      bias_HxQxM: float32 added to the attention logits, or None.
      x_segments_NxQ: int32. A position sees the positions of its own segment.
      y_segments_NxM: int32.
      causal: Whether later positions are hidden.
      train: Whether to drop attention weights.
    """
    if x_NxQxD is y_NxMxD:
      query, key, value = self.heads(x_NxQxD, self.query, self.key, self.value)
    else:
      [query] = self.heads(x_NxQxD, self.query)
      key, value = self.keys_values(y_NxMxD)
    value = self.drop(value, deterministic=not train)
    return self.joined(
      attention.attend(
        query, key, value, bias_HxQxM, x_segments_NxQ, y_segments_NxM, causal
      )
    )

  def keys_values(self, y_NxMxD: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns the keys and the values of positions, each [N, H, M, K]."""
    key, value = self.heads(y_NxMxD, self.key, self.value)
    return key, value

  def gather(
    self,
    x_NxQxD: jax.Array,
    key_NxHxMxK: jax.Array,
    value_NxHxMxK: jax.Array,
    bias_HxQxM: jax.Array | None,
    x_segments_NxQ: jax.Array,
    y_segments_NxM: jax.Array,
  ) -> jax.Array:
    """Returns the result of `__call__`, from keys and values."""
    [query] = self.heads(x_NxQxD, self.query)
    return self.joined(
      attention.attend(
        query,
        key_NxHxMxK,
        value_NxHxMxK,
        bias_HxQxM,
        x_segments_NxQ,
        y_segments_NxM,
      )
    )

  def look_back(
    self,
    x_BxWxD: jax.Array,
    key_BxHxTxWxK: jax.Array,
    value_BxHxTxWxK: jax.Array,
    bias_Hx_xT: jax.Array,
    ancestors_BxWxT: jax.Array,
  ) -> jax.Array:
    """Returns the output of attention from each beam to its past, [B, W, D].

    One attention has the keys of all beams, and each beam sees those of its
    ancestors. So nothing moves when beams change places.

    Args:
      x_BxWxD: One position of each beam.
      key_BxHxTxWxK: Keys of all positions, by the place of a beam there.
      value_BxHxTxWxK: Values, in the same way.
      bias_Hx_xT: float32 added to the attention logits.
      ancestors_BxWxT: int32, the place of each beam at each position, or -1 at
        later positions.
    """
    [query_BxHxWxK] = self.heads(x_BxWxD, self.query)
    logits_BxHxWxTxP = jnp.einsum(
      "bhwk,bhtpk->bhwtp",
      query_BxHxWxK,
      key_BxHxTxWxK,
      preferred_element_type="float32",
    )
    logits_BxHxWxTxP += bias_Hx_xT[None, ..., None]
    places_P = jnp.arange(x_BxWxD.shape[1])
    seen_BxWxTxP = ancestors_BxWxT[..., None] == places_P[None, None, None]
    logits_BxHxWxTxP = jnp.where(
      seen_BxWxTxP[:, None], logits_BxHxWxTxP, attention.MASKED
    )
    weights = jax.nn.softmax(logits_BxHxWxTxP, axis=(-2, -1))
    out_BxHxWxK = jnp.einsum(
      "bhwtp,bhtpk->bhwk",
      weights.astype(value_BxHxTxWxK.dtype),
      value_BxHxTxWxK,
    )
    return self.joined(out_BxHxWxK)

  def joined(self, out_NxHxQxK: jax.Array) -> jax.Array:
    """Returns the projection of the heads' outputs, [N, Q, D]."""
    N, _, Q, _ = out_NxHxQxK.shape
    out = out_NxHxQxK.swapaxes(1, 2).reshape(N, Q, -1)
    return project(out, self.out(), self.config.dtype)

  def heads(
    self, x_NxMxD: jax.Array, *kernels: Kernel
  ) -> tuple[jax.Array, ...]:
    """Returns projections of x, each [N, H, M, K].

    Heads come first, so each head's products are plain matrix products.
    """
    cfg = self.config
    N, M, _ = x_NxMxD.shape

    def split(x: jax.Array) -> jax.Array:
      x_NxMxHxK = x.reshape(N, M, cfg.num_heads, cfg.head_dim)
      x_NxMxHxK = constrain(x_NxMxHxK, "batch", "length", "heads", None)
      return checkpoint_name(x_NxMxHxK.swapaxes(1, 2), "heads")

    projected = project_all(
      x_NxMxD, [kernel() for kernel in kernels], cfg.dtype
    )
    return tuple(split(x) for x in projected)


class MLP(nn.Module):
  """Feed-forward block with a gate of tanh-approximated GELU."""

  config: T5Config

  @nn.compact
  def __call__(self, x: jax.Array, train: bool) -> jax.Array:
    """Returns the block's output for x, [..., D]."""
    cfg = self.config

    inwards = cfg.emb_dim, cfg.mlp_dim
    wi = [Kernel(inwards, name=name)() for name in ("wi_0", "wi_1")]
    gate, hidden = (
      checkpoint_name(x, "hidden") for x in project_all(x, wi, cfg.dtype)
    )
    hidden = Dropout(cfg.dropout_rate)(nn.gelu(gate) * hidden, train)
    return project(hidden, Kernel(inwards[::-1], name="wo")(), cfg.dtype)


class EncoderLayer(nn.Module):
  """Self-attention, then the feed-forward block."""

  config: T5Config

  @nn.compact
  def __call__(
    self,
    x_BxLxD: jax.Array,
    segments_BxL: jax.Array,
    bias_HxLxL: jax.Array,
    train: bool,
  ) -> jax.Array:
    """Returns the layer's output [B, L, D]."""
    cfg = self.config
    drop = Dropout(cfg.dropout_rate)
    x = x_BxLxD
    y = RMSNorm(cfg.dtype, name="pre_attention_layer_norm")(x)
    y = Attention(cfg, name="attention")(
      y, y, bias_HxLxL, segments_BxL, segments_BxL, train=train
    )
    x = residual(x + drop(y, train))
    y = RMSNorm(cfg.dtype, name="pre_mlp_layer_norm")(x)
    return residual(x + drop(MLP(cfg, name="mlp")(y, train), train))


class DecoderLayer(nn.Module):
  """Self-attention in a candidate, attention to the input, feed-forward."""

  config: T5Config

  def setup(self) -> None:
    """Declares the blocks and their norms, named as T5X does."""
    cfg = self.config
    self.pre_self_attention_layer_norm = RMSNorm(cfg.dtype)
    self.self_attention = Attention(cfg)
    self.pre_cross_attention_layer_norm = RMSNorm(cfg.dtype)
    self.encoder_decoder_attention = Attention(cfg)
    self.pre_mlp_layer_norm = RMSNorm(cfg.dtype)
    self.mlp = MLP(cfg)
    self.drop = Dropout(cfg.dropout_rate)

  def __call__(
    self,
    x_BxCxTxD: jax.Array,
    encoded_BxLxD: jax.Array,
    segments_BxCxT: jax.Array,
    encoder_segments_BxL: jax.Array,
    bias_HxTxT: jax.Array,
    train: bool,
  ) -> jax.Array:
    """Returns the layer's output [B, C, T, D]."""
    B, C, T, D = x_BxCxTxD.shape
    x = x_BxCxTxD
    # Each candidate is a row.
    y = self.pre_self_attention_layer_norm(x).reshape(B * C, T, D)
    segments_NxT = segments_BxCxT.reshape(B * C, T)
    y = self.self_attention(
      y, y, bias_HxTxT, segments_NxT, segments_NxT, causal=True, train=train
    )
    x = residual(x + self.drop(y.reshape(x.shape), train))
    # One attention has all candidates as queries, so its keys and values are
    # projected once a request.
    y = self.encoder_decoder_attention(
      self.pre_cross_attention_layer_norm(x).reshape(B, C * T, D),
      encoded_BxLxD,
      None,
      segments_BxCxT.reshape(B, C * T),
      encoder_segments_BxL,
      train=train,
    )
    x = residual(x + self.drop(y.reshape(x.shape), train))
    y = self.mlp(self.pre_mlp_layer_norm(x), train)
    return residual(x + self.drop(y, train))

  def start(self, encoded_BxLxD: jax.Array, beams: int, length: int) -> Cache:
    """Returns the cache before the first of `length` steps of `beams` beams.

    The beams of a request share the keys and values of the input.
    """
    cfg = self.config
    shape = (
      len(encoded_BxLxD), cfg.num_heads, length, beams, cfg.head_dim
    )  # fmt: skip
    empty = jnp.zeros(shape, cfg.dtype)
    cross = self.encoder_decoder_attention.keys_values(encoded_BxLxD)
    return {"self": (empty, empty), "cross": cross}

  def step(
    self,
    x_BxWxD: jax.Array,
    cache: Cache,
    position: jax.Array,
    ancestors_BxWxT: jax.Array,
    encoder_segments_BxL: jax.Array,
    bias_Hx_xT: jax.Array,
  ) -> tuple[jax.Array, Cache]:
    """Returns the layer's output at one position, [B, W, D], and the cache.

    Args:
      x_BxWxD: The layer's input at that position, for each beam.
      cache: The cache of the positions before it.
      position: int32, from 0.
      ancestors_BxWxT: int32, see `Transformer.step`.
      encoder_segments_BxL: int32, 1 where there is input.
      bias_Hx_xT: The position's biases.
    """
    x = x_BxWxD
    y = self.pre_self_attention_layer_norm(x)
    keys, values = (
      jax.lax.dynamic_update_index_in_dim(old, new, position, axis=2)
      for old, new in zip(
        cache["self"], self.self_attention.keys_values(y), strict=True
      )
    )
    x += self.self_attention.look_back(
      y, keys, values, bias_Hx_xT, ancestors_BxWxT
    )
    # One attention to the input has all beams as queries.
    y = self.encoder_decoder_attention.gather(
      self.pre_cross_attention_layer_norm(x),
      *cache["cross"],
      None,
      jnp.ones(x.shape[:2], jnp.int32),
      encoder_segments_BxL,
    )
    x += y
    x += self.mlp(self.pre_mlp_layer_norm(x), train=False)
    return x, cache | {"self": (keys, values)}


def residual(x: jax.Array) -> jax.Array:
  """Returns the residual stream [B, ..., D], split by rows."""
  x = constrain(x, "batch", *[None] * (x.ndim - 2), "embed")
  return checkpoint_name(x, "residual")
