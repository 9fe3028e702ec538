"""What reads a sequence of item vectors, by name.

Several sequences may share a row: `segment_BxP` numbers them from 1, and is 0
for padding. Nothing of a sequence reaches another.

Letters: B rows, P places of a row, D the width, H heads, K the width of a head.
"""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
from flax import linen as nn

from instructrec_jax.model.items.config import ItemConfig
from instructrec_jax.model.sharding import constrain

_INITIALIZER = nn.initializers.normal(0.02)


def places(segment_BxP: jax.Array) -> jax.Array:
  """Returns the place of each item in its sequence, from 0: int32 [B, P]."""
  before_BxP = jnp.pad(segment_BxP, ((0, 0), (1, 0)))[:, :-1]
  at_P = jnp.arange(segment_BxP.shape[1])[None]
  begin_BxP = jnp.where(segment_BxP != before_BxP, at_P, 0)
  return at_P - jax.lax.cummax(begin_BxP, axis=1)


class Attention(nn.Module):
  """Self-attention within each sequence."""

  config: ItemConfig

  @nn.compact
  def __call__(
    self, x_BxPxD: jax.Array, mask_BxPxP: jax.Array, train: bool
  ) -> jax.Array:
    """Returns what each place attends to, [B, P, D]."""
    cfg = self.config
    heads = (*x_BxPxD.shape[:2], cfg.num_heads, -1)
    q, k, v = (
      _dense(cfg, cfg.emb_dim, name)(x_BxPxD).reshape(heads)
      for name in ("query", "key", "value")
    )
    scores = jnp.einsum("bqhk,bmhk->bhqm", q, k) * q.shape[-1] ** -0.5
    scores = jnp.where(
      mask_BxPxP[:, None], scores.astype(jnp.float32), jnp.float32(-1e30)
    )
    weights = jax.nn.softmax(scores).astype(x_BxPxD.dtype)
    weights = nn.Dropout(cfg.dropout_rate)(weights, deterministic=not train)
    out = jnp.einsum("bhqm,bmhk->bqhk", weights, v)
    return _dense(cfg, cfg.emb_dim, "out")(out.reshape(x_BxPxD.shape))


class FeedForward(nn.Module):
  """Two projections with a GELU between them."""

  config: ItemConfig

  @nn.compact
  def __call__(self, x_BxPxD: jax.Array, train: bool) -> jax.Array:
    """Returns [B, P, D]."""
    cfg = self.config
    hidden = nn.gelu(_dense(cfg, cfg.mlp_dim, "wi")(x_BxPxD))
    hidden = constrain(hidden, "batch", "length", "mlp")
    hidden = nn.Dropout(cfg.dropout_rate)(hidden, deterministic=not train)
    return _dense(cfg, cfg.emb_dim, "wo")(hidden)


class Layer(nn.Module):
  """A layer of a transformer that norms its inputs."""

  config: ItemConfig

  @nn.compact
  def __call__(
    self, x_BxPxD: jax.Array, mask_BxPxP: jax.Array, train: bool
  ) -> jax.Array:
    """Returns [B, P, D]."""
    cfg = self.config
    drop = nn.Dropout(cfg.dropout_rate, deterministic=not train)
    attended = Attention(cfg, name="attention")(
      _norm(cfg, "attention_norm")(x_BxPxD), mask_BxPxP, train
    )
    x_BxPxD = x_BxPxD + drop(attended)
    hidden = FeedForward(cfg, name="mlp")(
      _norm(cfg, "mlp_norm")(x_BxPxD), train
    )
    return x_BxPxD + drop(hidden)


class Transformer(nn.Module):
  """SASRec's and BERT4Rec's encoder.

  Attributes:
    config: The sizes.
    causal: Whether a place sees only itself and what is before it.
  """

  config: ItemConfig
  causal: bool

  @nn.compact
  def __call__(
    self, x_BxPxD: jax.Array, segment_BxP: jax.Array, train: bool
  ) -> jax.Array:
    """Returns what the encoder makes of each place, [B, P, D]."""
    cfg = self.config
    position_LxD = self.param(
      "positions", _INITIALIZER, (cfg.max_history, cfg.emb_dim), jnp.float32
    )
    # From the end: the newest item of a history is always at the same place.
    place_BxP = places(segment_BxP[:, ::-1])[:, ::-1]
    place_BxP = jnp.minimum(place_BxP, cfg.max_history - 1)
    x_BxPxD = x_BxPxD + position_LxD[place_BxP].astype(x_BxPxD.dtype)
    x_BxPxD = nn.Dropout(cfg.dropout_rate)(x_BxPxD, deterministic=not train)
    mask_BxPxP = segment_BxP[:, :, None] == segment_BxP[:, None]
    if self.causal:
      at_P = jnp.arange(segment_BxP.shape[1])
      mask_BxPxP &= (at_P[:, None] >= at_P[None])[None]
    for number in range(cfg.num_layers):
      layer = Layer(cfg, name=f"layers_{number}")
      x_BxPxD = layer(x_BxPxD, mask_BxPxP, train)
    return _norm(cfg, "encoder_norm")(x_BxPxD)


class Recurrent(nn.Module):
  """GRU4Rec's encoder: gated recurrent units, one layer over the other.

  The units are those of cuDNN and PyTorch: the reset gate is applied after the
  product with the state.
  """

  config: ItemConfig

  @nn.compact
  def __call__(
    self, x_BxPxD: jax.Array, segment_BxP: jax.Array, train: bool
  ) -> jax.Array:
    """Returns the state after each place, [B, P, D]."""
    cfg = self.config
    goes_on_PxBx_ = (places(segment_BxP) > 0).T[..., None]
    for number in range(cfg.num_layers):
      x_BxPxD = nn.Dropout(cfg.dropout_rate)(x_BxPxD, deterministic=not train)
      cell = _Cell(cfg, name=f"layers_{number}")
      x_BxPxD = cell(x_BxPxD, goes_on_PxBx_)
    return _dense(cfg, cfg.emb_dim, "out")(x_BxPxD)


class _Cell(nn.Module):
  config: ItemConfig

  @nn.compact
  def __call__(self, x_BxPxD: jax.Array, goes_on_PxBx_: jax.Array) -> jax.Array:
    cfg = self.config
    given_BxPx3D = _dense(cfg, 3 * cfg.emb_dim, "input")(x_BxPxD)
    kernel_Dx3D = self.param(
      "hidden_kernel",
      nn.initializers.orthogonal(),
      (cfg.emb_dim, 3 * cfg.emb_dim),
      jnp.float32,
    ).astype(x_BxPxD.dtype)
    bias_3D = self.param(
      "hidden_bias", nn.initializers.zeros, (3 * cfg.emb_dim,), jnp.float32
    ).astype(x_BxPxD.dtype)

    def step(
      state_BxD: jax.Array, given: tuple[jax.Array, jax.Array]
    ) -> tuple[jax.Array, jax.Array]:
      given_Bx3D, goes_on_Bx_ = given
      state_BxD = jnp.where(goes_on_Bx_, state_BxD, 0)
      reset, update, new = jnp.split(given_Bx3D, 3, axis=1)
      from_state = state_BxD @ kernel_Dx3D + bias_3D[None]
      s_reset, s_update, s_new = jnp.split(from_state, 3, axis=1)
      reset = jax.nn.sigmoid(reset + s_reset)
      update = jax.nn.sigmoid(update + s_update)
      new = jnp.tanh(new + reset * s_new)
      state_BxD = (1 - update) * new + update * state_BxD
      return state_BxD, state_BxD

    start_BxD = jnp.zeros((len(x_BxPxD), cfg.emb_dim), x_BxPxD.dtype)
    given_PxBx3D = jnp.moveaxis(given_BxPx3D, 1, 0)
    _, states_PxBxD = jax.lax.scan(
      step, start_BxD, (given_PxBx3D, goes_on_PxBx_)
    )
    return jnp.moveaxis(states_PxBxD, 0, 1)


class Mean(nn.Module):
  """The tower of two towers: the mean up to each place, and projections of it.

  The mean itself is added to the projections, so that a tower begins as the
  mean of item vectors.
  """

  config: ItemConfig

  @nn.compact
  def __call__(
    self, x_BxPxD: jax.Array, segment_BxP: jax.Array, train: bool
  ) -> jax.Array:
    """Returns what the tower makes of the items up to each place, [B, P, D]."""
    cfg = self.config
    at_P = jnp.arange(segment_BxP.shape[1])
    mask_BxPxP = segment_BxP[:, :, None] == segment_BxP[:, None]
    mask_BxPxP &= (at_P[:, None] >= at_P[None])[None]
    weight_BxPxP = mask_BxPxP / jnp.sum(mask_BxPxP, axis=2, keepdims=True)
    mean_BxPxD = jnp.einsum(
      "bpq,bqd->bpd", weight_BxPxP.astype(x_BxPxD.dtype), x_BxPxD
    )
    drop = nn.Dropout(cfg.dropout_rate, deterministic=not train)
    hidden = nn.gelu(_dense(cfg, cfg.mlp_dim, "wi")(drop(mean_BxPxD)))
    return mean_BxPxD + _dense(cfg, cfg.emb_dim, "wo")(hidden)


def _dense(config: ItemConfig, width: int, name: str) -> nn.Dense:
  return nn.Dense(
    width, dtype=config.dtype, kernel_init=_INITIALIZER, name=name
  )


def _norm(config: ItemConfig, name: str) -> nn.LayerNorm:
  return nn.LayerNorm(dtype=config.dtype, name=name)


ENCODERS: Mapping[str, Callable[..., nn.Module]] = {
  "causal": lambda config, name: Transformer(config, causal=True, name=name),
  "bidirectional": lambda config, name: Transformer(
    config, causal=False, name=name
  ),
  "recurrent": lambda config, name: Recurrent(config, name=name),
  "mean": lambda config, name: Mean(config, name=name),
}
