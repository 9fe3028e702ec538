"""Flops against formulas, and against the compiler where it counts right."""

import dataclasses

import jax
import jax.numpy as jnp
import pytest

from instructrec_jax.model import network, ranking_model
from instructrec_jax.plan import counting

A = jax.ShapeDtypeStruct((8, 16), jnp.float32)
B = jax.ShapeDtypeStruct((16, 16), jnp.float32)
ONE = 2 * 8 * 16 * 16  # Of A @ B.

CONFIG = network.T5Config(
  vocab_size=512,
  emb_dim=128,
  num_heads=4,
  num_encoder_layers=2,
  num_decoder_layers=2,
  head_dim=32,
  mlp_dim=256,
  # The compiler counts a scan's body once.
  scan_layers=False,
  remat="none",
)


def scanned(a, b, n=5):
  return jax.lax.scan(lambda x, _: (x @ b, None), a, None, n)[0]


def nested(a, b):
  return jax.lax.fori_loop(0, 3, lambda _, x: scanned(x, b), a)


def again(a, b):
  def loss(a):
    return jnp.sum(jax.checkpoint(lambda x: jnp.sin(jnp.sin(x @ b) @ b))(a))

  return jax.grad(loss)(a)


def branches(a, b):
  return jax.lax.cond(a[0, 0] > 0, lambda: a @ b, lambda: a @ b @ b)


@pytest.mark.parametrize(
  ("function", "expected"),
  [
    (lambda a, b: a @ b, ONE),
    (lambda a, b: jax.jit(jnp.matmul)(a, b) + jnp.sin(a), ONE),
    (lambda a, b: jax.vmap(lambda x: x @ b)(a), ONE),
    (lambda a, b: jnp.einsum("ik,jk,jl->il", a, b, b), 2 * ONE),
    (scanned, 5 * ONE),
    (nested, 15 * ONE),
    (lambda a, b: jax.grad(lambda b: jnp.sum(scanned(a, b)))(b), 15 * ONE),
    # Two products forward, two again, and one gradient of each.
    (again, 6 * ONE),
    (branches, 2 * ONE),
  ],
)
def test_products_count_as_often_as_they_run(function, expected):
  jaxpr = jax.make_jaxpr(function)(A, B)
  assert counting.product_flops(jaxpr) == expected


def test_a_loop_of_unknown_length_is_an_error():
  def function(a, b):
    return jax.lax.while_loop(lambda x: x[0, 0] < 9, lambda x: x @ b, a)

  with pytest.raises(ValueError, match="unknown number of iterations"):
    counting.product_flops(jax.make_jaxpr(function)(A, B))


def network_flops(config, of):
  """Returns our count and the compiler's of a loss or its gradient."""
  model = ranking_model.RankingModel(config)
  batch = {
    name: jax.ShapeDtypeStruct((8, length), jnp.int32)
    for name, length in {
      "encoder_input_tokens": 64,
      "decoder_input_tokens": 16,
      "decoder_target_tokens": 16,
    }.items()
  }

  def loss(params, batch):
    return model.loss_fn(params, batch, None)[0]

  traced = jax.jit(of(loss)).trace(model.parameter_shapes(), batch)
  compiled = traced.lower().compile()
  return counting.product_flops(traced.jaxpr), compiled.cost_analysis()["flops"]


@pytest.mark.parametrize(
  "of", [lambda f: f, jax.grad], ids=["loss", "gradient"]
)
def test_an_unrolled_network_is_as_the_compiler_counts_it(of):
  ours, theirs = network_flops(CONFIG, of)
  # Beside products it counts norms, softmax and the like.
  assert ours == pytest.approx(theirs, rel=0.06)
  assert ours < theirs


def forward_flops(config):
  model = ranking_model.RankingModel(config)
  tokens = jax.ShapeDtypeStruct((8, 64), jnp.int32)

  def logits(params, tokens):
    return model.module.apply({"params": params}, tokens, tokens[:, None, :16])

  jaxpr = jax.make_jaxpr(logits)(model.parameter_shapes(), tokens)
  return counting.product_flops(jaxpr)


def test_a_layer_more_costs_its_formula():
  """Of one encoder layer: 4 projections, attention, 3 of the gated MLP."""
  deeper = dataclasses.replace(CONFIG, num_encoder_layers=3)
  tokens, embed, mlp = 8 * 64, 128, 256
  layer = 2 * tokens * (4 * embed**2 + 2 * 64 * embed + 3 * embed * mlp)
  assert forward_flops(deeper) - forward_flops(CONFIG) == layer
