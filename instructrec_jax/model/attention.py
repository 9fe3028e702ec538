"""Attention that keeps no weights: recomputed in the gradient, in blocks.

Of a layer's weights, [rows, heads, queries, keys], nothing is kept for the
gradient but each query's largest logit and normalizer, from which they are
computed again (Dao et al. 2022, https://arxiv.org/abs/2205.14135, section 3.1,
here without its tiling of the keys). On one CPU a few rows are done at a time,
so that what is computed is still in its cache when it is read.

Shapes are suffixes of the letters that network.py lists, and N is rows.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.ad_checkpoint import checkpoint_name

from instructrec_jax.model import sharding
from instructrec_jax.model.reductions import sum_rows

RELPOS_BUCKETS = 32
RELPOS_MAX_DISTANCE = 128
MASKED = -1e10  # As in T5X: finite, so that a wholly masked row is no NaN.

# Bytes of weights that are computed at a time on a CPU: with fewer rows it has
# more programs to start, with more they do not stay in its last cache.
_BLOCK_BYTES = 16 * 2**20


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


def attend(
  q_NxHxQxK: jax.Array,
  k_NxHxMxK: jax.Array,
  v_NxHxMxK: jax.Array,
  bias_HxQxM: jax.Array | None,
  q_segments_NxQ: jax.Array,
  k_segments_NxM: jax.Array,
  causal: bool = False,
) -> jax.Array:
  """Returns what each query gathers, [N, H, Q, K] of the values' dtype.

  A query sees the keys of its own segment; if none is, all of them alike.

  Args:
    q_NxHxQxK: queries, not scaled.
    k_NxHxMxK: keys.
    v_NxHxMxK: values.
    bias_HxQxM: float32 added to the logits, or None.
    q_segments_NxQ: int32.
    k_segments_NxM: int32.
    causal: whether keys after the query are hidden.
  """
  rows = _rows_at_a_time(q_NxHxQxK.shape, k_NxHxMxK.shape[2])
  return _attend(
    rows,
    causal,
    q_NxHxQxK,
    k_NxHxMxK,
    v_NxHxMxK,
    bias_HxQxM,
    q_segments_NxQ,
    k_segments_NxM,
  )


def _rows_at_a_time(q_shape: tuple[int, ...], num_keys: int) -> int:
  """Returns how many of the N rows to do at a time: a divisor of N."""
  n, heads, queries, _ = q_shape
  if not sharding.on_one_cpu():
    return n  # Rows that are split over devices cannot be taken in turns.
  fitting = max(1, _BLOCK_BYTES // (4 * heads * queries * num_keys))
  return max(d for d in range(1, min(fitting, n) + 1) if n % d == 0)


def _logits(causal, q, k, bias, q_segments, k_segments):
  """Returns the masked logits, float32 [n, H, Q, M]."""
  logits = jnp.einsum("nhqk,nhmk->nhqm", q, k, preferred_element_type="float32")
  if bias is not None:
    logits += bias[None]
  seen = q_segments[:, None, :, None] == k_segments[:, None, None, :]
  if causal:
    seen &= np.tri(*logits.shape[-2:], dtype=bool)[None, None]
  return jnp.where(seen, logits, MASKED)


def _forward(causal, q, k, v, bias, q_segments, k_segments):
  """Returns what is gathered, and each query's largest logit and normalizer.

  Two figures, not the log of their product: where a query sees no key, the
  largest logit is so far from 0 that its sum with a log rounds the log away.
  """
  logits = _logits(causal, q, k, bias, q_segments, k_segments)
  largest = jnp.max(logits, axis=-1, keepdims=True)
  weights = jnp.exp(logits - largest)
  total = jnp.sum(weights, axis=-1, keepdims=True)
  out = jnp.einsum(
    "nhqm,nhmk->nhqk",
    weights.astype(v.dtype),
    v,
    preferred_element_type="float32",
  )
  return (out / total).astype(v.dtype), largest, total


def _backward(
  causal, bias, q, k, v, q_segments, k_segments, out, largest, total, grad
):
  """Returns the gradients of q, k, v and the bias for one block."""
  logits = _logits(causal, q, k, bias, q_segments, k_segments)
  weights = jnp.exp(logits - largest) * (1.0 / total)
  into = functools.partial(jnp.einsum, preferred_element_type="float32")
  grad_v = into("nhqm,nhqk->nhmk", weights.astype(v.dtype), grad)
  grad_weights = into("nhqk,nhmk->nhqm", grad, v)
  mean = jnp.sum(
    grad.astype(jnp.float32) * out.astype(jnp.float32), axis=-1, keepdims=True
  )
  grad_logits = weights * (grad_weights - mean)
  grad_bias = None if bias is None else sum_rows(grad_logits)
  grad_logits = grad_logits.astype(q.dtype)
  grad_q = into("nhqm,nhmk->nhqk", grad_logits, k).astype(q.dtype)
  grad_k = into("nhqm,nhqk->nhmk", grad_logits, q).astype(k.dtype)
  return (grad_q, grad_k, grad_v.astype(v.dtype)), grad_bias


def _in_blocks(arrays: tuple[jax.Array, ...], rows: int) -> tuple:
  return tuple(x.reshape(-1, rows, *x.shape[1:]) for x in arrays)


def _whole(arrays: tuple[jax.Array, ...]) -> tuple:
  return tuple(x.reshape(-1, *x.shape[2:]) for x in arrays)


def _map_rows(function: Callable, arrays: tuple, rows: int) -> tuple:
  """Returns function(*arrays), computed `rows` rows at a time."""
  if rows == len(arrays[0]):
    return function(*arrays)
  blocks = _in_blocks(arrays, rows)
  return _whole(jax.lax.map(lambda block: function(*block), blocks))


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _attend(rows, causal, q, k, v, bias, q_segments, k_segments):
  return _attend_forward(rows, causal, q, k, v, bias, q_segments, k_segments)[0]


def _attend_forward(rows, causal, q, k, v, bias, q_segments, k_segments):
  def block(q, k, v, q_segments, k_segments):
    return _forward(causal, q, k, v, bias, q_segments, k_segments)

  inputs = q, k, v, q_segments, k_segments
  outputs = _map_rows(block, inputs, rows)
  outputs = tuple(checkpoint_name(x, "attended") for x in outputs)
  return outputs[0], (bias, *inputs, *outputs)


def _attend_backward(rows, causal, kept, grad):
  bias, *arrays = kept
  arrays = (*arrays, grad)
  if rows == len(grad):
    grads, grad_bias = _backward(causal, bias, *arrays)
    return *grads, grad_bias, None, None

  def block(total, part):
    grads, grad_bias = _backward(causal, bias, *part)
    return None if bias is None else total + grad_bias, grads

  zero = None if bias is None else jnp.zeros_like(bias)
  grad_bias, grads = jax.lax.scan(block, zero, _in_blocks(arrays, rows))
  return *_whole(grads), grad_bias, None, None


_attend.defvjp(_attend_forward, _attend_backward)
