"""The softmax over a whole catalogue, without an array of all its scores.

A batch of 1,600 places and 17,000 items has 27 million scores, 109 MB. On one
CPU the scores of some places are computed, turned into their part of the
gradient, and dropped before the next, so that they stay in the cache. With 64
columns this takes two thirds of the time of an array of all scores. On
accelerators, where the table may be sharded, the array is left to the compiler.

Letters: T places, R rows of the table, D the width.
"""

import jax
import jax.numpy as jnp

from instructrec_jax.model import sharding
from instructrec_jax.model.likelihood import token_log_likelihood

# A block's outputs, targets and weights.
_Block = tuple[jax.Array, jax.Array, jax.Array]
# Two sums, and the gradient of the table.
_Carry = tuple[jax.Array, jax.Array, jax.Array]

# Places whose scores are computed at a time on one CPU.
_AT_ONCE = 256


def log_likelihood(
  hidden_TxD: jax.Array,
  table_RxD: jax.Array,
  target_T: jax.Array,
  weight_T: jax.Array,
  num_items: int,
) -> tuple[jax.Array, jax.Array]:
  """Returns the weighted log-likelihood of the targets, and how many are first.

  Args:
    hidden_TxD: float32, the network's output at each place.
    table_RxD: float32, the vectors of the items. Rows from `num_items` on are
      no items.
    target_T: int32, the row of each target.
    weight_T: float32, the weight of each place; 0 leaves it out.
    num_items: The number of items.

  Returns:
    Two float32 scalars: the sum of weight × log softmax, in nats, and of weight
    × whether no item scores higher than the target.
  """
  if sharding.on_one_cpu():
    more = -len(hidden_TxD) % _AT_ONCE
    hidden_TxD = jnp.pad(hidden_TxD, ((0, more), (0, 0)))
    target_T, weight_T = (jnp.pad(x, (0, more)) for x in (target_T, weight_T))
    return _in_blocks(hidden_TxD, table_RxD, target_T, weight_T, num_items)
  scores_TxR = _scores(hidden_TxD, table_RxD, num_items)
  scores_TxR = sharding.constrain(scores_TxR, "batch", "vocab")
  logp_T, _ = token_log_likelihood(scores_TxR, target_T)
  highest_T = jnp.max(scores_TxR, axis=1)
  target_score_T = jnp.sum(hidden_TxD * table_RxD[target_T], axis=1)
  first_T = target_score_T >= highest_T - 1e-5 * jnp.abs(highest_T)
  return jnp.sum(logp_T * weight_T), jnp.sum(first_T * weight_T)


def _scores(
  hidden_TxD: jax.Array, table_RxD: jax.Array, num_items: int | jax.Array
) -> jax.Array:
  is_item_R = jnp.arange(len(table_RxD)) < num_items
  scores_TxR = hidden_TxD @ table_RxD.T
  return scores_TxR + jnp.where(is_item_R, 0.0, -jnp.inf)[None]


def _block(
  block: _Block,
  table_RxD: jax.Array,
  num_items: int | jax.Array,
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
  """Returns a block's two sums, exponentials [T, R], and their sums [T, 1]."""
  hidden_TxD, target_T, weight_T = block
  scores_TxR = _scores(hidden_TxD, table_RxD, num_items)
  highest_Tx_ = jnp.max(scores_TxR, axis=1, keepdims=True)
  exp_TxR = jnp.exp(scores_TxR - highest_Tx_)
  total_Tx_ = jnp.sum(exp_TxR, axis=1, keepdims=True)
  target_Tx_ = jnp.take_along_axis(scores_TxR, target_T[:, None], axis=1)
  logp_T = (target_Tx_ - highest_Tx_ - jnp.log(total_Tx_))[:, 0]
  first_T = (target_Tx_ >= highest_Tx_)[:, 0]
  return (
    jnp.sum(logp_T * weight_T), jnp.sum(first_T * weight_T), exp_TxR, total_Tx_
  )  # fmt: skip


def _blocks(*arrays: jax.Array) -> _Block:
  h, t, w = (x.reshape(-1, _AT_ONCE, *x.shape[1:]) for x in arrays)
  return h, t, w


@jax.custom_vjp
def _in_blocks_of(
  hidden_TxD: jax.Array,
  table_RxD: jax.Array,
  target_T: jax.Array,
  weight_T: jax.Array,
  num_items_: jax.Array,
) -> tuple[jax.Array, jax.Array]:
  sums = jax.lax.map(
    lambda block: _block(block, table_RxD, num_items_)[:2],
    _blocks(hidden_TxD, target_T, weight_T),
  )
  return jnp.sum(sums[0]), jnp.sum(sums[1])


def _forward(
  hidden_TxD: jax.Array,
  table_RxD: jax.Array,
  target_T: jax.Array,
  weight_T: jax.Array,
  num_items_: jax.Array,
) -> tuple[tuple[jax.Array, jax.Array], tuple[jax.Array, jax.Array]]:
  """Computes the gradient along with the value: softmax minus one-hot."""

  def step(carry: _Carry, block: _Block) -> tuple[_Carry, jax.Array]:
    logp, first, grad_RxD = carry
    hidden, target, weight = block
    more_logp, more_first, exp_TxR, total = _block(block, table_RxD, num_items_)
    share_TxR = exp_TxR * (weight[:, None] / total)
    grad_TxD = weight[:, None] * table_RxD[target] - share_TxR @ table_RxD
    grad_RxD = grad_RxD - share_TxR.T @ hidden
    return (logp + more_logp, first + more_first, grad_RxD), grad_TxD

  zero = jnp.float32(0)
  (logp, first, grad_RxD), grad_TxD = jax.lax.scan(
    step,
    (zero, zero, jnp.zeros_like(table_RxD)),
    _blocks(hidden_TxD, target_T, weight_T),
  )
  grad_RxD = grad_RxD.at[target_T].add(weight_T[:, None] * hidden_TxD)
  return (logp, first), (grad_TxD.reshape(hidden_TxD.shape), grad_RxD)


def _backward(
  grads: tuple[jax.Array, jax.Array], cotangents: tuple[jax.Array, jax.Array]
) -> tuple[jax.Array, jax.Array, None, None, None]:
  of_logp, _ = cotangents  # How many are first has no gradient.
  return of_logp * grads[0], of_logp * grads[1], None, None, None


_in_blocks_of.defvjp(_forward, _backward)


def _in_blocks(
  hidden_TxD: jax.Array,
  table_RxD: jax.Array,
  target_T: jax.Array,
  weight_T: jax.Array,
  num_items: int,
) -> tuple[jax.Array, jax.Array]:
  return _in_blocks_of(
    hidden_TxD, table_RxD, target_T, weight_T, jnp.int32(num_items)
  )
