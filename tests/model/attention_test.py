"""Attention without its weights equals the formula, and its gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from instructrec_jax.model import attention, sharding

N, H, Q, M, K = 6, 3, 8, 12, 4


def arrays(causal=False):
  rng = np.random.default_rng(0)
  keys = Q if causal else M

  def draw(*shape):
    return rng.normal(size=shape).astype(np.float32)

  q_segments = rng.integers(1, 3, (N, Q)).astype(np.int32)
  k_segments = rng.integers(0, 3, (N, keys)).astype(np.int32)
  k_segments[0] = 0  # The first row's queries see nothing.
  return (
    (draw(N, H, Q, K), draw(N, H, keys, K), draw(N, H, keys, K)),
    draw(H, Q, keys),
    (q_segments, q_segments if causal else k_segments),
  )


def formula(q, k, v, bias, q_segments, k_segments, causal):
  logits = jnp.einsum("nhqk,nhmk->nhqm", q, k)
  if bias is not None:
    logits += bias[None]
  seen = q_segments[:, None, :, None] == k_segments[:, None, None, :]
  if causal:
    seen &= np.tri(Q, dtype=bool)[None, None]
  # As T5X does it: also the gradient of a query that sees nothing is as here.
  weights = jax.nn.softmax(logits + jnp.where(seen, 0.0, attention.MASKED))
  return jnp.einsum("nhqm,nhmk->nhqk", weights, v)


@pytest.mark.parametrize("shape", [None, (1, Q), (2, 2), (6, 4)])
@pytest.mark.parametrize(("with_bias", "causal"), [(1, 0), (0, 0), (1, 1)])
def test_values_and_gradients_equal_the_formula(
  monkeypatch, shape, with_bias, causal
):
  """In blocks of any shape, also where a query sees no key."""
  qkv, bias, segments = arrays(causal)
  bias = bias if with_bias else None
  target = np.random.default_rng(1).normal(size=(N, H, Q, K)).astype("float32")
  monkeypatch.setattr(attention, "_shape_of_blocks", lambda *_: shape)

  def run(function):
    def loss(qkv, bias):
      out = function(*qkv, bias, *segments, causal)
      return jnp.sum(out * target), out

    return jax.jit(jax.grad(loss, argnums=(0, 1), has_aux=True))(qkv, bias)

  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5),
    run(attention.attend),
    run(formula),
  )


@pytest.mark.parametrize(
  ("shape", "keys", "block"),
  [
    ((8, 6, 512, 64), 512, (1, 256)),
    ((8, 6, 128, 64), 512, (1, 64)),
    ((8, 16, 512, 64), 512, (1, 128)),
    ((12, 6, 128, 64), 128, (6, 128)),
    ((8, 4, 8, 4), 9, None),
  ],
)
def test_one_cpu_takes_what_its_cache_holds(shape, keys, block):
  one = sharding.make_mesh(1, jax.devices()[:1])
  with sharding.on_mesh(one):
    assert attention._shape_of_blocks(*shape[:3], keys) == block
  with sharding.on_mesh(sharding.make_mesh(1)):
    assert attention._shape_of_blocks(*shape[:3], keys) is None
