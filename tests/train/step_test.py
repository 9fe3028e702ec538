"""A step does the same on any mesh, and truly splits what it works on."""

import jax
import numpy as np
import pytest
from jax.sharding import Mesh

from instructrec_jax.model import sharding
from instructrec_jax.train import step
from tests.train import toy

MODEL, OPTIMIZER = toy.model(), toy.adafactor()
SHAPES = step.state_shapes(MODEL, OPTIMIZER)


def two_steps(mesh):
  shardings = sharding.tree_shardings(mesh, SHAPES.params, SHAPES)
  state = step.make_state(MODEL, OPTIMIZER, 0, shardings)
  train_step = step.make_train_step(MODEL, OPTIMIZER, 0, mesh, shardings)
  batches = toy.Batches()
  for _ in range(2):
    state, metrics = train_step(state, sharding.put_batch(mesh, next(batches)))
  return state, {name: float(m.compute()) for name, m in metrics.items()}


@pytest.fixture(scope="module")
def alone():
  mesh = Mesh(np.array(jax.devices()[:1]).reshape(1, 1), ("data", "model"))
  return two_steps(mesh)


@pytest.mark.parametrize("num_partitions", [1, 2, 4])
def test_mesh_changes_nothing_but_places(alone, num_partitions):
  """Also with dropout: its masks do not depend on the mesh."""
  assert jax.device_count() == 8
  mesh = sharding.make_mesh(num_partitions)
  assert mesh.devices.shape == (8 // num_partitions, num_partitions)
  state, metrics = two_steps(mesh)
  assert metrics == pytest.approx(alone[1], rel=1e-4)
  jax.tree.map(
    lambda ours, theirs: np.testing.assert_allclose(
      ours, theirs, rtol=2e-3, atol=2e-5
    ),
    state,
    alone[0],
  )
  kernel = state.params["encoder"]["layers_0"]["mlp"]["wi_0"]["kernel"]
  assert kernel.shape == (16, 32)
  shapes = {shard.data.shape for shard in kernel.addressable_shards}
  assert shapes == {(16, 32 // num_partitions)}
  assert len(kernel.addressable_shards) == 8


def test_step_consumes_its_state(alone):
  mesh = sharding.make_mesh(1)
  shardings = sharding.tree_shardings(mesh, SHAPES.params, SHAPES)
  state = step.make_state(MODEL, OPTIMIZER, 0, shardings)
  before = jax.tree.leaves(state.params)
  train_step = step.make_train_step(MODEL, OPTIMIZER, 0, mesh, shardings)
  train_step(state, sharding.put_batch(mesh, next(toy.Batches())))
  assert all(leaf.is_deleted() for leaf in before)
