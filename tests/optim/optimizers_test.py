"""Optimizers against T5X's and by hand; schedules at their corners."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from instructrec_jax.model import sharding
from instructrec_jax.optim import optimizers


def tree(seed):
  rng = np.random.default_rng(seed)
  return {
    "factored": rng.normal(0, 2.0, (130, 140)).astype(np.float32),
    "small": rng.normal(0, 0.01, (6, 32)).astype(np.float32),
    "scale": rng.normal(0, 1e-5, 16).astype(np.float32),
  }


def run(transform, steps=4):
  params = jax.tree.map(jnp.float32, tree(0))
  state = transform.init(params)
  update = jax.jit(transform.update)
  for n in range(1, steps + 1):
    updates, state = update(tree(n), state, params)
    params = optax.apply_updates(params, updates)
  return params, state


@pytest.mark.parametrize("weight_decay_rate", [None, 0.02])
def test_adafactor_equals_t5x(weight_decay_rate):
  theirs = pytest.importorskip("t5x.adafactor", reason="T5X is not installed")
  settings = {"weight_decay_rate": weight_decay_rate}
  definition = optimizers.adafactor(t5x_adafactor=theirs.Adafactor, **settings)
  expected = definition.create(jax.tree.map(jnp.float32, tree(0)))
  for n in range(1, 5):
    expected = expected.apply_gradient(
      jax.tree.map(jnp.float32, tree(n)), learning_rate=1e-3
    )
  params, _ = run(optimizers.adafactor(**settings))
  for name, value in params.items():
    np.testing.assert_allclose(
      value, expected.target[name], rtol=1e-5, atol=1e-9, err_msg=name
    )


@pytest.mark.parametrize("devices", [1, 8])
@pytest.mark.parametrize(
  "settings",
  [
    {},
    {"decay_rate": 0.7, "clipping_threshold": None, "weight_decay_rate": 0.02},
    {"clipping_threshold": 0.5, "multiply_by_parameter_scale": False},
  ],
)
def test_adafactor_equals_optax(settings, devices):
  """Values and state, also in the ways that one CPU takes."""
  rng = np.random.default_rng(0)
  shapes = {"wide": (130, 9000), "tall": (9000, 130), "vector": (200,)}
  grads = [
    {
      name: jnp.float32(rng.normal(size=shape))
      for name, shape in shapes.items()
    }
    for _ in range(3)
  ]
  defaults = {"decay_rate": 0.8, "multiply_by_parameter_scale": True}

  def train(transform):
    params = jax.tree.map(lambda x: 0.1 * x, grads[0])
    state = transform.init(params)
    mesh = sharding.make_mesh(1, jax.devices()[:devices])
    with sharding.on_mesh(mesh):
      for grad in grads:
        updates, state = jax.jit(transform.update)(grad, state, params)
        params = optax.apply_updates(params, updates)
    return params, state

  expected, moments = train(optax.adafactor(1e-3, **defaults | settings))
  got, state = train(optimizers.adafactor(**settings))
  state = state.inner_state
  assert jax.tree.structure(state) == jax.tree.structure(moments)
  jax.tree.map(
    functools.partial(np.testing.assert_allclose, rtol=2e-5, atol=1e-8),
    (got, state),
    (expected, moments),
  )


def test_adafactor_by_hand():
  """Shazeer & Stern (2018), algorithms 4 and 5, in plain numpy."""
  params = {name: x.astype(np.float64) for name, x in tree(0).items()}
  second = {name: np.zeros_like(x) for name, x in params.items()}
  rows, columns = np.zeros(130), np.zeros(140)
  for n in range(1, 5):
    beta = 1 - n**-0.8
    for name, gradient in tree(n).items():
      square = gradient.astype(np.float64) ** 2 + 1e-30
      if name == "factored":
        rows = beta * rows + (1 - beta) * square.mean(1)
        columns = beta * columns + (1 - beta) * square.mean(0)
        estimate = np.outer(rows, columns) / rows.mean()
      else:
        second[name] = beta * second[name] + (1 - beta) * square
        estimate = second[name]
      update = gradient / np.sqrt(estimate)
      update /= max(1.0, np.sqrt((update**2).mean()))
      scale = max(1e-3, np.sqrt((params[name] ** 2).mean()))
      params[name] = params[name] - 1e-3 * scale * update
  ours, _ = run(optimizers.adafactor())
  for name, value in ours.items():
    np.testing.assert_allclose(
      value, params[name], rtol=1e-4, atol=1e-8, err_msg=name
    )


def test_adamw_clips_the_norm_of_all_gradients():
  """The first step of Adam is the learning rate times the sign, any norm."""
  transform = optimizers.adamw(
    optimizers.constant(0.01), weight_decay=0.0, eps=1e-12
  )
  params, state = run(transform, steps=1)
  np.testing.assert_allclose(
    params["small"],
    tree(0)["small"] - 0.01 * np.sign(tree(1)["small"]),
    rtol=1e-3,
    atol=1e-6,
  )
  clipped = optax.clip_by_global_norm(1.0).update(tree(1), optax.EmptyState())
  moment = state.inner_state[1][0].mu["factored"]
  np.testing.assert_allclose(moment, 0.1 * clipped[0]["factored"], rtol=1e-4)


@pytest.mark.parametrize(
  ("schedule", "values"),
  [
    (optimizers.constant(0.5), {0: 0.5, 99: 0.5}),
    (
      optimizers.warmup_linear(0.5, 10, train_steps=29),
      {0: 0.05, 9: 0.5, 19: 0.25, 28: 0.025, 29: 0.0, 50: 0.0},
    ),
  ],
)
def test_schedules(schedule, values):
  got = {count: float(schedule(jnp.int32(count))) for count in values}
  assert got == pytest.approx(values, rel=1e-6)


@pytest.mark.parametrize("make", [optimizers.adafactor, optimizers.adamw])
def test_learning_rate_is_that_of_the_last_update(make):
  _, state = run(
    make(optimizers.warmup_linear(0.5, 10, train_steps=29)), steps=3
  )
  assert float(optimizers.learning_rate(state)) == pytest.approx(0.15)


def test_adafactor_keeps_no_momentum():
  _, state = run(optimizers.adafactor(), steps=1)
  sizes = [leaf.size for leaf in jax.tree.leaves(state)]
  assert max(sizes) < 130 * 140
