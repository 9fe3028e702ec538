"""Adafactor with few passes over memory.

State and arithmetic are those of `optax.adafactor`, up to rounding. Optax
updates in stages, each of which writes an array as large as the parameter. Here
a parameter and its gradient are read once for the means and once for the new
parameter, without intermediate arrays of their size.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from instructrec_jax.model import reductions, sharding

# Shazeer & Stern 2018, https://arxiv.org/abs/1804.04235, algorithm 6.
_SQUARE_EPSILON = 1e-30
_SCALE_EPSILON = 1e-3


def adafactor(
  learning_rate: jax.Array,
  decay_rate: float,
  clipping_threshold: float | None,
  multiply_by_parameter_scale: bool,
  weight_decay_rate: float | None,
) -> optax.GradientTransformation:
  """Returns Adafactor without momentum, as `optax.adafactor` defines it.

  Args:
    learning_rate: float32 scalar.
    decay_rate: The exponent of the second moment's decay.
    clipping_threshold: The largest root mean square of a parameter's update,
      before the learning rate is applied, or None.
    multiply_by_parameter_scale: Whether the learning rate is relative to the
      root mean square of each parameter.
    weight_decay_rate: The share of each parameter subtracted in a step, or
      None.
  """
  init = optax.adafactor(
    learning_rate,
    clipping_threshold=clipping_threshold,
    multiply_by_parameter_scale=multiply_by_parameter_scale,
    weight_decay_rate=weight_decay_rate,
  ).init

  def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
    moments, *stages = state
    decay = 1.0 - jnp.float32(moments.count + 1) ** -decay_rate

    def of_parameter(
      grad: jax.Array,
      param: jax.Array,
      row: jax.Array,
      col: jax.Array,
      full: jax.Array,
    ) -> tuple[jax.Array, ...]:
      kept, factors = _second_moment(grad, row, col, full, decay)
      rate = learning_rate
      if clipping_threshold is not None:
        rate /= jnp.maximum(1.0, _rms(grad, *factors) / clipping_threshold)
      if multiply_by_parameter_scale:
        rate *= jnp.maximum(_rms(param), _SCALE_EPSILON)
      change = -rate * _product(grad, *factors)
      if weight_decay_rate is not None:
        change -= weight_decay_rate * param
      return change, *kept

    changes, *kept = _unzip(
      jax.tree.map(
        of_parameter, updates, params, moments.v_row, moments.v_col, moments.v
      ),
      like=updates,
    )
    moments = optax.FactoredState(moments.count + 1, *kept)
    return changes, (moments, *stages)

  return optax.GradientTransformation(init, update)


def _second_moment(
  grad: jax.Array,
  row: jax.Array,
  col: jax.Array,
  full: jax.Array,
  decay: jax.Array,
) -> tuple[tuple[jax.Array, ...], tuple[jax.Array, ...]]:
  """Returns the new second moment, and factors of its inverse square root.

  This is algorithm 4 of the paper, or Adam's moment if it is not factored.

  Args:
    grad: The gradient of a parameter.
    row: Mean squares over the largest axis, or a placeholder [1] if unused.
    col: Mean squares over the second largest axis, or a placeholder.
    full: The squares themselves, or a placeholder.
    decay: The weight of the old values.

  Returns:
    The new row, col and full; and arrays that broadcast to the gradient's
    shape, whose product is one over the square root of the second moment.
  """

  def mix(old: jax.Array, mean: jax.Array) -> jax.Array:
    return decay * old + (1.0 - decay) * (mean + _SQUARE_EPSILON)

  if full.shape == grad.shape:
    full = mix(full, jnp.square(grad))
    return (row, col, full), (jax.lax.rsqrt(full),)
  second, largest = np.argsort(grad.shape)[-2:].tolist()
  row = mix(row, _mean_square(grad, largest))
  col = mix(col, _mean_square(grad, second))
  row_whole = jnp.expand_dims(row, largest)
  row_mean = jnp.mean(row_whole, second, keepdims=True)
  return (row, col, full), (
    jax.lax.rsqrt(row_whole / row_mean),
    jax.lax.rsqrt(jnp.expand_dims(col, second)),
  )


def _mean_square(x: jax.Array, axis: int) -> jax.Array:
  if axis == 0:
    return reductions.sum_rows(x, jnp.square) / len(x)
  if sharding.on_one_cpu():
    # Otherwise XLA shares the squares of both axes, and writes them to memory.
    x = jax.lax.optimization_barrier(x)
  return jnp.mean(jnp.square(x), axis)


def _rms(x: jax.Array, *factors: jax.Array) -> jax.Array:
  """Returns the root mean square of `_product`."""
  # Multiply squares of the factors: XLA on a CPU would write the product, and
  # that of x with itself, to memory.
  first, second = (*factors, 1.0, 1.0)[:2]
  square = (x * jnp.square(first)) * (x * jnp.square(second))
  return jnp.sqrt(jnp.mean(square))


def _product(x: jax.Array, *factors: jax.Array) -> jax.Array:
  for factor in factors:
    x *= factor
  return x


def _unzip(tree: Any, like: Any) -> list[Any]:
  """Turns a tree of tuples into a list of trees."""
  return list(jax.tree.transpose(jax.tree.structure(like), None, tree))
