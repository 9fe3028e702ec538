"""The losses are those of their papers, and have their gradients."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from instructrec_jax.errors import InputError
from instructrec_jax.model import sharding
from instructrec_jax.model.items import full_softmax, losses

T, R, D, ITEMS = 300, 128, 8, 100


@dataclasses.dataclass(frozen=True)
class _Made:
  hidden: jax.Array
  table: jax.Array
  targets: jax.Array
  weights: jax.Array


@pytest.fixture(scope="module")
def made():
  keys = jax.random.split(jax.random.key(0), 4)
  return _Made(
    jax.random.normal(keys[0], (T, D)),
    jax.random.normal(keys[1], (R, D)),
    jax.random.randint(keys[2], (T,), 0, ITEMS),
    (jax.random.uniform(keys[3], (T,)) < 0.7).astype(jnp.float32),
  )


def places(made, key=0, **changes):
  return dataclasses.replace(
    losses.Places(
      made.hidden,
      made.targets,
      made.weights,
      lambda rows: made.table[rows],
      lambda: made.table,
      ITEMS,
      jax.random.key(key),
      jnp.log(jnp.bincount(made.targets, length=ITEMS)[made.targets] / T),
    ),
    **changes,
  )


def by_optax(hidden, table, made):
  scores = hidden @ table[:ITEMS].T
  each = optax.softmax_cross_entropy_with_integer_labels(scores, made.targets)
  return jnp.sum(each * made.weights)


@pytest.mark.parametrize("devices", [1, 8], ids=["one CPU", "a mesh"])
def test_full_softmax_is_that_of_optax(made, devices):
  """Its value and gradients, in blocks on one CPU and as a whole on a mesh."""

  def ours(hidden, table):
    total, _ = full_softmax.log_likelihood(
      hidden, table, made.targets, made.weights, ITEMS
    )
    return -2.0 * total

  mesh = sharding.make_mesh(1, jax.devices()[:devices])
  gradient = sharding.jit_on_mesh(mesh, jax.value_and_grad(ours, (0, 1)))
  value, grads = gradient(made.hidden, made.table)
  expected, expected_grads = jax.value_and_grad(
    lambda hidden, table: 2.0 * by_optax(hidden, table, made), (0, 1)
  )(made.hidden, made.table)
  np.testing.assert_allclose(value, expected, rtol=1e-5)
  for grad, one in zip(grads, expected_grads, strict=True):
    np.testing.assert_allclose(grad, one, atol=2e-4)


@pytest.mark.parametrize("devices", [1, 8], ids=["one CPU", "a mesh"])
def test_full_softmax_counts_targets_that_are_first(made, devices):
  mesh = sharding.make_mesh(1, jax.devices()[:devices])
  count = sharding.jit_on_mesh(
    mesh,
    lambda: full_softmax.log_likelihood(
      made.hidden, made.table, made.targets, made.weights, ITEMS
    )[1],
  )()
  best_T = np.argmax(made.hidden @ made.table[:ITEMS].T, axis=1)
  assert count == np.sum((best_T == made.targets) * made.weights)


def test_sampled_softmax_by_hand(made):
  """Each of N sampled items stands for items / N."""
  loss = losses.ItemLoss("sampled_softmax", num_negatives=16)
  total, _ = loss(places(made))
  item_N = np.asarray(
    jax.random.randint(jax.random.key(0), (16,), 0, ITEMS), np.int64
  )
  expected = 0.0
  for hidden, target, weight in zip(
    *map(np.asarray, (made.hidden, made.targets, made.weights)), strict=True
  ):
    own = hidden @ made.table[target]
    others = [hidden @ made.table[i] for i in item_N if i != target]
    z = np.exp(own) + ITEMS / 16 * np.exp(others).sum()
    expected -= weight * (own - np.log(z))
  np.testing.assert_allclose(total, expected, rtol=1e-5)


def test_sampled_softmax_of_many_draws_is_the_full_one(made):
  few = places(made, hidden=made.hidden / 4)
  sampled, _ = losses.ItemLoss("sampled_softmax", 20_000)(few)
  full, _ = losses.ItemLoss("softmax")(few)
  np.testing.assert_allclose(sampled, full, rtol=2e-3)


def test_bce_is_that_of_optax_with_an_item_that_is_not_the_target(made):
  seen = []

  def embed(rows):
    seen.append(rows)
    return made.table[rows]

  total, _ = losses.ItemLoss("bce")(places(made, embed=embed))
  target, other = seen
  assert not (other == target).any()
  assert len(np.unique(other)) > ITEMS / 2
  assert other.min() >= 0
  assert other.max() < ITEMS
  each = [
    optax.sigmoid_binary_cross_entropy(
      jnp.sum(made.hidden * made.table[rows], axis=1), label
    )
    for rows, label in ((target, 1.0), (other, 0.0))
  ]
  expected = jnp.sum(sum(each) * made.weights)
  np.testing.assert_allclose(total, expected, rtol=1e-5)


@pytest.mark.parametrize(
  ("calibration", "beta"),
  # α = 25 / 99; β = α (t (1 - 1 / α) + 1 / α), worked by hand.
  [(0.0, 1.0), (0.75, 0.439394), (1.0, 0.252525)],
)
def test_gbce_by_hand(made, calibration, beta):
  loss = losses.ItemLoss("gbce", num_negatives=25, calibration=calibration)
  total, _ = loss(places(made))
  item_N = jax.random.randint(jax.random.key(0), (25,), 0, ITEMS)
  own_T = jnp.sum(made.hidden * made.table[made.targets], axis=1)
  scores_TxN = made.hidden @ made.table[item_N].T
  of_own = optax.sigmoid_binary_cross_entropy(own_T, jnp.float32(1))
  of_others = optax.sigmoid_binary_cross_entropy(scores_TxN, jnp.float32(0))
  is_other = item_N[None] != made.targets[:, None]
  each_T = beta * of_own + jnp.sum(of_others * is_other, axis=1)
  expected = jnp.sum(each_T * made.weights)
  np.testing.assert_allclose(total, expected, rtol=1e-4)


@pytest.mark.parametrize("name", losses.LOSSES)
def test_a_place_without_weight_has_no_gradient(made, name):
  def total(hidden):
    return losses.ItemLoss(name, 16)(places(made, hidden=hidden))[0]

  grad_TxD = jax.grad(total)(made.hidden)
  assert not np.asarray(grad_TxD)[np.asarray(made.weights) == 0].any()
  assert np.asarray(grad_TxD)[np.asarray(made.weights) > 0].any()


@pytest.mark.parametrize("name", losses.LOSSES)
def test_a_perfect_model_is_always_first(made, name):
  table = jnp.eye(R)
  ideal = 50 * table[made.targets]
  total, first = losses.ItemLoss(name, 16)(
    places(made, hidden=ideal, embed=table.__getitem__, table=lambda: table)
  )
  assert first == made.weights.sum()
  assert total / made.weights.sum() < 16  # log 2 for each item scored 0.


@pytest.mark.parametrize(
  ("settings", "told"),
  [
    ({"name": "ce"}, 'ItemLoss.name.*"softmax", "sampled_softmax"'),
    ({"num_negatives": 0}, "ItemLoss.num_negatives.*whole number"),
    ({"calibration": 1.5}, "ItemLoss.calibration.*at most 1"),
  ],
)
def test_settings_are_checked(settings, told):
  with pytest.raises(InputError, match=told):
    losses.ItemLoss(**settings)


def test_in_batch_is_its_formula(made):
  some = places(made)
  score = np.asarray(made.hidden @ made.table[made.targets].T, np.float64)
  logq = np.asarray(some.log_shares, np.float64)
  target, real = np.asarray(made.targets), np.asarray(made.weights) > 0
  total = first = 0.0
  for t in np.flatnonzero(real):
    others = np.flatnonzero((target != target[t]) & real)
    each = score[t, others] - logq[others] - np.log(real.sum() - 1)
    total += np.log(np.exp(score[t, t]) + np.exp(each).sum()) - score[t, t]
    first += score[t, t] >= score[t, others].max()
  loss, highest = losses.ItemLoss("in_batch")(some)
  np.testing.assert_allclose(loss, total, rtol=1e-5)
  assert float(highest) == first


@pytest.mark.parametrize("corrected", [True, False])
def test_in_batch_estimates_the_whole_catalogue(corrected):
  """A batch drawn by popularity has the gradient of the full softmax.

  All places have the same output, which knows nothing of its target: then the
  mean loss has one gradient, and a large batch comes close to it.
  """
  rng = np.random.default_rng(0)
  share = np.array([0.5, 0.2, 0.15, 0.1, 0.05])
  table = jnp.asarray(rng.normal(size=(5, 3)), jnp.float32)
  targets = jnp.asarray(rng.choice(5, 2000, p=share))
  shares = jnp.asarray(share if corrected else np.full(5, 1 / 5), jnp.float32)

  def loss(name, hidden):
    total, _ = losses.ItemLoss(name)(
      losses.Places(
        jnp.tile(hidden, (2000, 1)), targets, jnp.ones(2000),
        lambda rows: table[rows], lambda: table, 5, jax.random.key(0),
        jnp.log(shares)[targets],
      )
    )  # fmt: skip
    return total / 2000

  hidden = jnp.array([[0.4, -0.3, 0.8]])
  ours, full = (
    jax.value_and_grad(lambda h, name=name: loss(name, h))(hidden)
    for name in ("in_batch", "softmax")
  )
  near = np.allclose(ours[0], full[0], atol=0.03)
  near &= np.allclose(ours[1], full[1], atol=0.03)
  assert near == corrected
