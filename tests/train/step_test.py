"""A step does the same on any mesh, and truly splits what it works on."""

import dataclasses

import jax
import numpy as np
import pytest

from instructrec_jax.errors import InputError
from instructrec_jax.model import sharding
from instructrec_jax.train import step
from tests.train import toy

MODEL, OPTIMIZER = toy.model(), toy.adafactor()
SHAPES = step.state_shapes(MODEL, OPTIMIZER)


def two_steps(mesh, model=MODEL, rows=8, dims=1, parts=None):
  shardings = sharding.tree_shardings(mesh, SHAPES.params, SHAPES, dims)
  state = step.make_state(model, OPTIMIZER, 0, shardings)
  train_step = step.make_train_step(
    model,
    OPTIMIZER,
    0,
    mesh,
    shardings,
    parameter_partitioning_dims=dims,
    num_microbatches=parts,
  )
  batches = toy.Batches(rows)
  for _ in range(2):
    state, metrics = train_step(state, sharding.put_batch(mesh, next(batches)))
  return state, {name: float(m.compute()) for name, m in metrics.items()}


def one_device():
  return sharding.make_mesh(1, jax.devices()[:1])


@pytest.fixture(scope="module")
def alone():
  return two_steps(one_device())


def assert_same(run, other):
  assert run[1] == pytest.approx(other[1], rel=1e-4)
  jax.tree.map(
    lambda ours, theirs: np.testing.assert_allclose(
      ours, theirs, rtol=2e-3, atol=2e-5
    ),
    run[0],
    other[0],
  )


@pytest.mark.parametrize("dims", [1, 2])
@pytest.mark.parametrize("num_partitions", [1, 2, 4])
def test_mesh_changes_nothing_but_places(alone, num_partitions, dims):
  """Also with dropout: its masks do not depend on the mesh."""
  assert jax.device_count() == 8
  mesh = sharding.make_mesh(num_partitions)
  assert mesh.devices.shape == (8 // num_partitions, num_partitions)
  state, metrics = two_steps(mesh, dims=dims)
  assert_same((state, metrics), alone)
  kernel = state.params["encoder"]["layers_0"]["mlp"]["wi_0"]["kernel"]
  assert kernel.shape == (16, 32)
  shapes = {shard.data.shape for shard in kernel.addressable_shards}
  embed = 16 if dims == 1 else 16 // (8 // num_partitions)
  assert shapes == {(embed, 32 // num_partitions)}
  assert len(kernel.addressable_shards) == 8


@pytest.mark.parametrize(("num_partitions", "parts"), [(1, 2), (2, 4)])
def test_parts_of_a_batch_add_up_to_it(num_partitions, parts):
  """Without dropout, whose masks are drawn for each part."""
  model = toy.model(dataclasses.replace(toy.CONFIG, dropout_rate=0.0))
  whole = two_steps(one_device(), model, rows=16)
  mesh = sharding.make_mesh(num_partitions)
  assert_same(two_steps(mesh, model, rows=16, parts=parts), whole)


def test_parts_that_do_not_divide_a_batch_are_named():
  with pytest.raises(InputError, match=r"num_microbatches = 3.*multiple of 24"):
    two_steps(sharding.make_mesh(1), parts=3)


def test_step_consumes_its_state(alone):
  mesh = sharding.make_mesh(1)
  shardings = sharding.tree_shardings(mesh, SHAPES.params, SHAPES)
  state = step.make_state(MODEL, OPTIMIZER, 0, shardings)
  before = jax.tree.leaves(state.params)
  train_step = step.make_train_step(MODEL, OPTIMIZER, 0, mesh, shardings)
  train_step(state, sharding.put_batch(mesh, next(toy.Batches())))
  assert all(leaf.is_deleted() for leaf in before)
