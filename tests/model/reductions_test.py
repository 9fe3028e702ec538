"""Sums over rows are numpy's, whichever way they are taken."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from instructrec_jax.model import reductions, sharding


@pytest.mark.parametrize("devices", [1, 8])
@pytest.mark.parametrize("shape", [(7, 5), (7, 9000), (1, 9000), (3, 2, 5000)])
def test_sum_rows(shape, devices):
  x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
  with sharding.on_mesh(sharding.make_mesh(1, jax.devices()[:devices])):
    total = jax.jit(reductions.sum_rows)(x)
    squares = jax.jit(lambda x: reductions.sum_rows(x, jnp.square))(x)
  np.testing.assert_allclose(total, x.sum(0), rtol=1e-5, atol=1e-5)
  np.testing.assert_allclose(squares, (x**2).sum(0), rtol=1e-5)
