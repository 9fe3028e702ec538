"""The root-mean-square norm, with a gradient in few passes.

Autodiff writes the scale for every row. With XLA on a CPU it also sums the
scale's gradient over rows at a tenth of the memory's speed.
"""

import jax
import jax.numpy as jnp

_EPSILON = 1e-6


@jax.custom_vjp
def rms_norm(x_RxD: jax.Array, scale_D: jax.Array) -> jax.Array:
  """Returns each row, divided by its root mean square, times the scale.

  Zhang & Sennrich 2019, https://arxiv.org/abs/1910.07467, equation 4.

  Args:
    x_RxD: float32.
    scale_D: float32.

  Returns:
    float32 [R, D].
  """
  return x_RxD * _inverse(x_RxD) * scale_D[None]


def _inverse(x_RxD: jax.Array) -> jax.Array:
  """Returns 1 / the root mean square, [R, 1]."""
  square_Rx_ = jnp.mean(jnp.square(x_RxD), axis=-1, keepdims=True)
  return jax.lax.rsqrt(square_Rx_ + _EPSILON)


def _forward(
  x_RxD: jax.Array, scale_D: jax.Array
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
  return rms_norm(x_RxD, scale_D), (x_RxD, scale_D)


def _backward(
  kept: tuple[jax.Array, jax.Array], grad_RxD: jax.Array
) -> tuple[jax.Array, jax.Array]:
  x_RxD, scale_D = kept
  inverse_Rx_ = _inverse(x_RxD)
  scaled_RxD = grad_RxD * scale_D[None]
  mean_Rx_ = jnp.mean(scaled_RxD * x_RxD, axis=-1, keepdims=True)
  grad_x_RxD = inverse_Rx_ * (scaled_RxD - x_RxD * inverse_Rx_**2 * mean_Rx_)
  # A product with ones, because a sum over rows is slow on a CPU.
  ones_R = jnp.ones(len(x_RxD), jnp.float32)
  return grad_x_RxD, ones_R @ (grad_RxD * x_RxD * inverse_Rx_)


rms_norm.defvjp(_forward, _backward)
