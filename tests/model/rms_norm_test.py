"""The norm against flax's, its gradient against autodiff's."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from instructrec_jax.model import rms_norm


def test_norm_and_gradient_equal_flax():
  rng = np.random.default_rng(0)
  x, grad = (rng.normal(size=(6, 10)).astype(np.float32) for _ in range(2))
  x[2] = 0.0  # Nothing but epsilon to divide by.
  scale = rng.normal(size=10).astype(np.float32)

  def theirs(x, scale):
    norm = nn.RMSNorm(epsilon=1e-6)
    return norm.apply({"params": {"scale": scale}}, x)

  expected, expected_pullback = jax.vjp(theirs, x, scale)
  found, pullback = jax.vjp(rms_norm.rms_norm, x, scale)
  np.testing.assert_allclose(found, expected, rtol=1e-5)
  for a, b in zip(
    pullback(jnp.asarray(grad)),
    expected_pullback(jnp.asarray(grad)),
    strict=True,
  ):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
