"""Layers together are the layers apart: in trees, optimizers and steps."""

import dataclasses

import jax
import numpy as np
import optax
import pytest
from jax.sharding import PartitionSpec

from instructrec_jax.model import sharding, stacking
from instructrec_jax.optim import optimizers
from instructrec_jax.train import step
from tests.train import toy

LAYERS = {"encoder": 11, "decoder": 2}  # More than ten: 10 sorts before 2.


def tree(seed):
  """Returns parameters with kernels that Adafactor factors, and others."""
  rng = np.random.default_rng(seed)

  def layer(scale):
    kernel = rng.normal(0, scale, (130, 140)).astype(np.float32)
    return {
      "mlp": {"wi_0": {"kernel": kernel}},
      "norm": {"scale": rng.normal(0, scale, 7).astype(np.float32)},
    }

  return {
    name: {f"layers_{n}": layer(10.0 ** (n % 5 - 2)) for n in range(count)}
    | {"final_norm": {"scale": rng.normal(size=5).astype(np.float32)}}
    for name, count in LAYERS.items()
  }


def assert_same(found, expected, **tolerance):
  assert jax.tree.structure(found) == jax.tree.structure(expected)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, **tolerance),
    found,
    expected,
  )


def test_stacking_is_undone():
  apart = tree(0)
  together = stacking.stack(apart)
  assert set(together["encoder"]) == {"layers", "final_norm"}
  kernel = together["encoder"]["layers"]["mlp"]["wi_0"]["kernel"]
  assert kernel.shape == (11, 130, 140)
  last = apart["encoder"]["layers_10"]["mlp"]["wi_0"]["kernel"]
  np.testing.assert_array_equal(kernel[10], last)
  assert_same(stacking.unstack(together), apart, rtol=0)


@pytest.mark.parametrize(
  "make",
  [
    optimizers.adafactor,
    lambda: optimizers.adafactor(weight_decay_rate=0.01),
    optimizers.adamw,
  ],
  ids=["adafactor", "adafactor with decay", "adamw"],
)
def test_optimizers_update_each_layer_as_if_it_were_alone(make):
  """Layers of very different sizes, so that a mean over all would show."""
  transform = make()

  def run(convert):
    params = jax.tree.map(np.asarray, tree(0))
    state = transform.init(params)
    params, state = convert((params, state))
    update = jax.jit(transform.update)
    for n in range(1, 4):
      updates, state = update(convert(tree(n)), state, params)
      params = optax.apply_updates(params, updates)
    return params, state

  expected = run(lambda apart: apart)
  found = stacking.unstack(run(stacking.stack))
  assert_same(found, expected, rtol=2e-5, atol=1e-8)


# Compiling takes longest, so each optimizer has one of the two layouts.
@pytest.mark.parametrize(
  ("make", "num_partitions", "dims"),
  [(toy.adafactor, 2, 2), (optimizers.adamw, 1, 1)],
  ids=["adafactor", "adamw"],
)
def test_a_step_is_the_same_either_way(make, num_partitions, dims):
  """On eight devices, with dropout; places follow from the layers'."""
  assert jax.device_count() == 8
  config = dataclasses.replace(
    toy.CONFIG, num_encoder_layers=2, num_decoder_layers=2
  )
  model, transform = toy.model(config), make()
  mesh = sharding.make_mesh(num_partitions)
  shapes = step.state_shapes(model, transform)
  apart = sharding.tree_shardings(mesh, shapes.params, shapes, dims)
  stack, unstack, together = stacking.converters(apart)
  batch = sharding.put_batch(mesh, next(toy.Batches(8)))

  def run(places, convert):
    train_step = step.make_train_step(
      model,
      transform,
      0,
      mesh,
      places,
      parameter_partitioning_dims=dims,
    )
    state = convert(step.make_state(model, transform, 0, apart))
    for _ in range(2):
      state, metrics = train_step(state, batch)
    return state, float(metrics["loss"].compute())

  expected, expected_loss = run(apart, lambda state: state)
  found, loss = run(together, stack)
  assert loss == pytest.approx(expected_loss, rel=1e-6)
  kernel = found.params["encoder"]["layers"]["mlp"]["wo"]["kernel"]
  assert kernel.shape == (2, 32, 16)
  embed = "data" if dims == 2 else None
  assert kernel.sharding.spec == PartitionSpec(None, "model", embed)
  assert_same(unstack(found), expected, rtol=1e-4, atol=1e-6)
