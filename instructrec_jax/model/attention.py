"""Attention whose weights are recomputed in the gradient.

The gradient keeps only each query's largest logit and normalizer, and
recomputes the weights [rows, heads, queries, keys] from them (Dao et al. 2022,
https://arxiv.org/abs/2205.14135, section 3.1, without its tiling of the keys).
On one CPU queries are processed in blocks, each with the keys that it sees, see
windows.py.

Shape suffixes use the letters of network.py; N is rows.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.ad_checkpoint import checkpoint_name

from instructrec_jax.model import sharding, windows
from instructrec_jax.model.reductions import sum_rows

RELPOS_BUCKETS = 32
RELPOS_MAX_DISTANCE = 128
MASKED = -1e10  # Finite as in T5X, so that a fully masked row is not NaN.


def relative_position_bucket(
  distance: np.ndarray, bidirectional: bool
) -> np.ndarray:
  """Returns the bucket of each key position relative to its query.

  Half of the buckets hold one distance each. The other half hold ranges that
  grow logarithmically up to `RELPOS_MAX_DISTANCE`; all longer distances share
  the last (Raffel et al. 2020, section 2.1).

  Args:
    distance: int array, key position minus query position.
    bidirectional: Whether keys after the query have half of the buckets.
      Otherwise they share bucket 0.
  """
  buckets = RELPOS_BUCKETS // 2 if bidirectional else RELPOS_BUCKETS
  offset = buckets * (distance > 0) if bidirectional else 0
  distance = np.abs(distance) if bidirectional else np.maximum(-distance, 0)
  exact = buckets // 2
  # In float32 as in T5X, because the buckets' edges depend on rounding.
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
  """Returns the attention output of each query, [N, H, Q, K] in v's dtype.

  A query sees the keys of its own segment. If there are none, it attends to all
  keys equally.

  Args:
    q_NxHxQxK: Queries, not scaled.
    k_NxHxMxK: Keys.
    v_NxHxMxK: Values.
    bias_HxQxM: float32 added to the logits, or None.
    q_segments_NxQ: int32.
    k_segments_NxM: int32.
    causal: Whether keys after the query are hidden.
  """
  N, H, Q, _ = q_NxHxQxK.shape
  shape = _shape_of_blocks(N, H, Q, k_NxHxMxK.shape[2])
  inputs = _Inputs(q_NxHxQxK, k_NxHxMxK, v_NxHxMxK, bias_HxQxM)
  segments = _Segments(
    q_segments_NxQ[:, None, :, None], k_segments_NxM[:, None, :, None]
  )
  return _attend(shape, causal, inputs, segments)


def _shape_of_blocks(
  rows: int, heads: int, queries: int, keys: int
) -> tuple[int, int] | None:
  """Returns the rows and queries of a block, or None for all at once."""
  if not sharding.on_one_cpu():
    return None  # Rows split over devices cannot be processed in turns.
  shape = windows.shape_of_blocks(rows, heads, queries, keys)
  return None if shape == (rows, queries) else shape


class _Inputs(NamedTuple):
  """The differentiable inputs of attention, or their gradients."""

  q: jax.Array
  k: jax.Array
  v: jax.Array
  bias: jax.Array | None


class _Segments(NamedTuple):
  """The segments of queries, [N, 1, Q, 1], and of keys, [N, 1, M, 1]."""

  q: jax.Array
  k: jax.Array


class _Outputs(NamedTuple):
  """The output, and each query's largest logit and normalizer.

  The two are kept apart. If a query sees no key, its largest logit is so far
  from 0 that adding the log of the normalizer would round the log away.
  """

  out: jax.Array
  largest: jax.Array
  total: jax.Array


# Below, `ahead` is the position of the first query after the first key.


def _logits(
  causal: bool, ahead: jax.Array | int, inputs: _Inputs, segments: _Segments
) -> jax.Array:
  """Returns the masked logits, float32 [N, H, Q, M]."""
  logits = jnp.einsum(
    "nhqk,nhmk->nhqm", inputs.q, inputs.k, preferred_element_type="float32"
  )
  if inputs.bias is not None:
    logits += inputs.bias[None]
  seen = segments.q == segments.k.swapaxes(2, 3)
  if causal:
    Q, M = logits.shape[-2:]
    seen &= (ahead + jnp.arange(Q)[:, None] >= jnp.arange(M)[None])[None, None]
  return jnp.where(seen, logits, MASKED)


def _forward(
  causal: bool, ahead: jax.Array | int, inputs: _Inputs, segments: _Segments
) -> _Outputs:
  logits = _logits(causal, ahead, inputs, segments)
  largest = jnp.max(logits, axis=-1, keepdims=True)
  weights = jnp.exp(logits - largest)
  total = jnp.sum(weights, axis=-1, keepdims=True)
  v = inputs.v
  out = jnp.einsum(
    "nhqm,nhmk->nhqk",
    weights.astype(v.dtype),
    v,
    preferred_element_type="float32",
  )
  return _Outputs((out / total).astype(v.dtype), largest, total)


def _backward(
  causal: bool,
  ahead: jax.Array | int,
  inputs: _Inputs,
  segments: _Segments,
  outputs: _Outputs,
  grad: jax.Array,
) -> _Inputs:
  q, k, v, bias = inputs
  logits = _logits(causal, ahead, inputs, segments)
  weights = jnp.exp(logits - outputs.largest) * (1.0 / outputs.total)
  into = functools.partial(jnp.einsum, preferred_element_type="float32")
  grad_v = into("nhqm,nhqk->nhmk", weights.astype(v.dtype), grad)
  grad_weights = into("nhqk,nhmk->nhqm", grad, v)
  mean = jnp.sum(
    grad.astype(jnp.float32) * outputs.out.astype(jnp.float32),
    axis=-1,
    keepdims=True,
  )
  grad_logits = weights * (grad_weights - mean)
  grad_bias = None if bias is None else sum_rows(grad_logits)
  grad_logits = grad_logits.astype(q.dtype)
  grad_q = into("nhqm,nhmk->nhqk", grad_logits, k).astype(q.dtype)
  grad_k = into("nhqm,nhqk->nhmk", grad_logits, q).astype(k.dtype)
  return _Inputs(grad_q, grad_k, grad_v.astype(v.dtype), grad_bias)


def _of_block(
  block: windows.Block, inputs: _Inputs, segments: _Segments
) -> tuple[_Inputs, _Segments]:
  """Returns the parts of a block of queries and the keys that it sees."""
  q, k, v, bias = inputs
  return _Inputs(
    block.of_queries(q),
    block.of_keys(k),
    block.of_keys(v),
    None if bias is None else block.of_bias(bias),
  ), _Segments(block.of_queries(segments.q), block.of_keys(segments.k))


def _forward_in_blocks(
  shape: tuple[int, int], causal: bool, inputs: _Inputs, segments: _Segments
) -> _Outputs:
  """Returns the result of `_forward`, computed in blocks."""

  def add(block: windows.Block, outputs: _Outputs) -> _Outputs:
    read = _of_block(block, inputs, segments)
    parts = _forward(causal, block.query - block.key, *read)
    return _Outputs(*map(block.put_queries, outputs, parts))

  q, v = inputs.q, inputs.v
  figure = jnp.zeros((*q.shape[:3], 1), jnp.float32)
  out = jnp.zeros((*q.shape[:3], v.shape[3]), v.dtype)
  outputs = _Outputs(out, figure, figure)
  return windows.for_each(add, outputs, shape, *segments, causal)


def _backward_in_blocks(
  shape: tuple[int, int],
  causal: bool,
  inputs: _Inputs,
  segments: _Segments,
  outputs: _Outputs,
  grad: jax.Array,
) -> _Inputs:
  """Returns the result of `_backward`, computed in blocks."""

  def add(block: windows.Block, grads: _Inputs) -> _Inputs:
    read = _of_block(block, inputs, segments)
    written = _Outputs(*map(block.of_queries, outputs)), block.of_queries(grad)
    parts = _backward(causal, block.query - block.key, *read, *written)
    bias = None
    if grads.bias is not None and parts.bias is not None:
      bias = block.add_bias(grads.bias, parts.bias)
    return _Inputs(
      block.put_queries(grads.q, parts.q),
      block.add_keys(grads.k, parts.k),
      block.add_keys(grads.v, parts.v),
      bias,
    )

  zeros = jax.tree.map(jnp.zeros_like, inputs)
  return windows.for_each(add, zeros, shape, *segments, causal)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _attend(
  shape: tuple[int, int] | None,
  causal: bool,
  inputs: _Inputs,
  segments: _Segments,
) -> jax.Array:
  return _attend_forward(shape, causal, inputs, segments)[0]


def _attend_forward(
  shape: tuple[int, int] | None,
  causal: bool,
  inputs: _Inputs,
  segments: _Segments,
) -> tuple[jax.Array, tuple[_Inputs, _Segments, _Outputs]]:
  if shape is None:
    outputs = _forward(causal, 0, inputs, segments)
  else:
    outputs = _forward_in_blocks(shape, causal, inputs, segments)
  outputs = _Outputs(*(checkpoint_name(x, "attended") for x in outputs))
  return outputs.out, (inputs, segments, outputs)


def _attend_backward(
  shape: tuple[int, int] | None,
  causal: bool,
  kept: tuple[_Inputs, _Segments, _Outputs],
  grad: jax.Array,
) -> tuple[_Inputs, None]:
  if shape is None:
    return _backward(causal, 0, *kept, grad), None
  return _backward_in_blocks(shape, causal, *kept, grad), None


_attend.defvjp(_attend_forward, _attend_backward)
