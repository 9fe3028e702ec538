"""The log-likelihood of tokens, for training batches and for candidates.

Autodiff of a log-softmax keeps the exponentials, an array as large as the
logits, and adds the gradients of its two terms in a third. Here there is one
pass over the logits in each direction. For candidates the logits never exist as
a whole.

Letters beside those of network.py: P positions of a request, E tokens whose
likelihood is computed.
"""

import jax
import jax.numpy as jnp

from instructrec_jax.model import blocks, sharding

# Bytes of logits computed at a time: what fits a CPU's cache, and what keeps
# each other device busy.
_CPU_LOGITS = 2**20
_DEVICE_LOGITS = 2**27
# Fewer columns of the vocabulary make a slow matrix product.
_FEWEST_COLUMNS = 1024

_Pair = tuple[jax.Array, jax.Array]


@jax.custom_vjp
def token_log_likelihood(
  logits: jax.Array, targets: jax.Array
) -> tuple[jax.Array, jax.Array]:
  """Returns the log-likelihood of each target and the log of its normalizer.

  Args:
    logits: float32 [..., V].
    targets: int32 [...].

  Returns:
    Log-likelihoods and log-sum-exps, both float32 [...].
  """
  log_z = jax.nn.logsumexp(logits, axis=-1)
  return target_logit(logits, targets) - log_z, log_z


def target_logit(logits: jax.Array, targets: jax.Array) -> jax.Array:
  """Returns the logit of each target, float32 [...]."""
  if sharding.on_one_cpu():
    return jnp.take_along_axis(logits, targets[..., None], axis=-1)[..., 0]
  # A comparison and a sum fuse into one pass, also if V is sharded. Taking
  # along the axis would gather V.
  return jnp.sum(jnp.where(_at_target(logits, targets), logits, 0.0), axis=-1)


def _at_target(logits: jax.Array, targets: jax.Array) -> jax.Array:
  return jax.nn.one_hot(targets, logits.shape[-1], dtype=bool)


def _forward(
  logits: jax.Array, targets: jax.Array
) -> tuple[_Pair, tuple[jax.Array, jax.Array, jax.Array]]:
  outputs = token_log_likelihood(logits, targets)
  return outputs, (logits, targets, outputs[1])


def _backward(
  kept: tuple[jax.Array, jax.Array, jax.Array], grads: _Pair
) -> tuple[jax.Array, None]:
  """The first gradient is one-hot minus softmax, the second is softmax."""
  logits, targets, log_z = kept
  grad_logp, grad_log_z = (jnp.expand_dims(grad, -1) for grad in grads)
  softmax = jnp.exp(logits - jnp.expand_dims(log_z, -1))
  at_target = jnp.where(_at_target(logits, targets), grad_logp, 0.0)
  return softmax * (grad_log_z - grad_logp) + at_target, None


token_log_likelihood.defvjp(_forward, _backward)


def of_rows(
  x_BxPxD: jax.Array,
  kernel_DxV: jax.Array,
  first_BxC: jax.Array,
  following_BxRxS: jax.Array,
) -> tuple[jax.Array, jax.Array]:
  """Returns the log-likelihoods of candidates' tokens, in nats.

  Args:
    x_BxPxD: The decoder's output at the start, and at the R * S positions of
      the rows.
    kernel_DxV: The projection to the vocabulary.
    first_BxC: int32, tokens after the start.
    following_BxRxS: int32, the token after each position of the rows.

  Returns:
    float32 [B, C] and [B, R, S].
  """
  of = _of_vocabulary_blocks if sharding.on_one_cpu() else _of_positions
  following_BxQ = following_BxRxS.reshape(len(first_BxC), -1)
  first, rest_BxQ = of(x_BxPxD, kernel_DxV, first_BxC, following_BxQ)
  return first, rest_BxQ.reshape(following_BxRxS.shape)


def _of_vocabulary_blocks(
  x_BxPxD: jax.Array,
  kernel_DxV: jax.Array,
  first_BxC: jax.Array,
  following_BxQ: jax.Array,
) -> _Pair:
  """Computes a block of the vocabulary at a time, to read the kernel once."""
  (B, P, _), V, C = x_BxPxD.shape, kernel_DxV.shape[1], first_BxC.shape[1]
  tokens_BxE = jnp.concatenate([first_BxC, following_BxQ], axis=1)
  at_E = jnp.concatenate([jnp.zeros(C, jnp.int32), jnp.arange(1, P)])

  def block(
    state: tuple[jax.Array, jax.Array, jax.Array],
    start: jax.Array | int,
    width: int,
  ) -> tuple[jax.Array, jax.Array, jax.Array]:
    before, total, logit_BxE = state
    columns = jax.lax.dynamic_slice_in_dim(kernel_DxV, start, width, axis=1)
    logits = blocks.project(x_BxPxD, columns, "float32")
    largest = jnp.maximum(before, jnp.max(logits, axis=-1, keepdims=True))
    total *= jnp.exp(before - largest)
    total += jnp.sum(jnp.exp(logits - largest), axis=-1, keepdims=True)
    column_BxE = tokens_BxE - start
    is_here_BxE = (column_BxE >= 0) & (column_BxE < width)
    found_BxE = jax.vmap(lambda logits, column: logits[at_E, column])(
      logits, jnp.where(is_here_BxE, column_BxE, 0)
    )
    return largest, total, jnp.where(is_here_BxE, found_BxE, logit_BxE)

  width = min(max(_CPU_LOGITS // (4 * B * P), _FEWEST_COLUMNS), V)
  none = jnp.full((B, P, 1), -jnp.inf)
  state = none, jnp.zeros_like(none), jnp.zeros(tokens_BxE.shape)
  state, _ = jax.lax.scan(
    lambda state, start: (block(state, start, width), None),
    state,
    jnp.arange(0, V - width + 1, width),
  )
  if V % width:
    state = block(state, V - V % width, V % width)
  largest, total, logit_BxE = state
  log_z_BxP = (largest + jnp.log(total))[..., 0]
  first, rest_BxQ = jnp.split(logit_BxE - log_z_BxP[:, at_E], [C], axis=1)
  return first, rest_BxQ


def _of_positions(
  x_BxPxD: jax.Array,
  kernel_DxV: jax.Array,
  first_BxC: jax.Array,
  following_BxQ: jax.Array,
) -> _Pair:
  """Computes a block of positions at a time. The vocabulary may be sharded."""

  def logits_of(x_BxQxD: jax.Array) -> jax.Array:
    logits = blocks.project(x_BxQxD, kernel_DxV, "float32")
    return sharding.constrain(logits, "batch", "length", "vocab")

  B, Q = following_BxQ.shape
  logits_Bx_xV = logits_of(x_BxPxD[:, :1])
  first_BxC = target_logit(logits_Bx_xV, first_BxC) - jax.nn.logsumexp(
    logits_Bx_xV, axis=-1
  )
  a_position = 4 * B * kernel_DxV.shape[1]
  budget = _DEVICE_LOGITS * len(sharding.devices())
  at_once = min(max(budget // a_position, 1), Q)
  more = -Q % at_once

  def in_blocks(array: jax.Array) -> jax.Array:
    widths = [(0, 0), (0, more), *[(0, 0)] * (array.ndim - 2)]
    array = jnp.pad(array, widths)
    array = array.reshape(B, -1, at_once, *array.shape[2:])
    return jnp.moveaxis(array, 1, 0)

  logp = jax.lax.map(
    lambda block: token_log_likelihood(logits_of(block[0]), block[1])[0],
    (in_blocks(x_BxPxD[:, 1:]), in_blocks(following_BxQ)),
  )
  return first_BxC, jnp.moveaxis(logp, 0, 1).reshape(B, -1)[:, :Q]
