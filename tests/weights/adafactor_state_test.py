"""The optimizer's state goes along."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from instructrec_jax.errors import InputError
from instructrec_jax.model import sharding
from instructrec_jax.optim import optimizers
from instructrec_jax.train import checkpoint, step
from instructrec_jax.weights import (
  adafactor_state,
  convert,
  tensor,
)
from tests.train import toy


@pytest.fixture(scope="module")
def saved_adamw(tmp_path_factory):
  """A run of another optimizer, with a checkpoint of step 4."""
  folder = tmp_path_factory.mktemp("adamw") / "run"
  like = step.state_shapes(toy.model(), optimizers.adamw())
  state = jax.tree.map(
    lambda x: jnp.arange(x.size, dtype=x.dtype).reshape(x.shape), like
  )
  state = dataclasses.replace(state, step=jnp.int32(4))
  batches = toy.Batches()
  batches.position = 9
  with checkpoint.Checkpoints(folder, keep=None) as checkpoints:
    checkpoints.save(state, batches)
  return folder, state


def test_state_comes_back_from_t5x_to_the_bit(trained, tmp_path):
  run, state, _ = trained
  carry = {"optimizer": "carry"}
  convert.convert(run, tmp_path / "t5x", "t5x", **carry)
  convert.convert(tmp_path / "t5x", tmp_path / "back", "native", **carry)
  like = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), state)
  with checkpoint.Checkpoints(tmp_path / "back", keep=1) as checkpoints:
    again = checkpoints.restore(6, like, toy.Batches())
  # The last learning rate is only shown; T5X does not keep it.
  rate = state.opt_state.hyperparams
  opt_state = again.opt_state._replace(hyperparams=rate)
  again = dataclasses.replace(again, opt_state=opt_state)
  jax.tree.map(np.testing.assert_array_equal, again, state)


def test_ours_to_ours_carries_whatever_the_optimizer_is(saved_adamw, tmp_path):
  run, state = saved_adamw
  convert.convert(run, tmp_path / "b", "native", optimizer="carry")
  like = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), state)
  batches = toy.Batches()
  with checkpoint.Checkpoints(tmp_path / "b", keep=1) as checkpoints:
    again = checkpoints.restore(4, like, batches)
  jax.tree.map(np.testing.assert_array_equal, again, state)
  assert batches.position == 9


def test_only_adafactor_can_be_carried_to_t5x(saved_adamw, tmp_path):
  run, _ = saved_adamw
  with pytest.raises(InputError, match=r"state of Adafactor.*/mu/.*reset"):
    convert.convert(run, tmp_path / "b", "t5x", optimizer="carry")
  convert.convert(run, tmp_path / "b", "t5x")


def test_fresh_state_is_that_of_the_optimizer(trained):
  _, state, _ = trained
  params = {
    sharding.path_name(path): tensor.Tensor.of(np.asarray(leaf))
    for path, leaf in jax.tree_util.tree_leaves_with_path(state.params)
  }
  ours = adafactor_state.to_native(adafactor_state.fresh(params), params)
  first = toy.adafactor().init(state.params)
  rate = {"learning_rate": np.float32(0)}  # Of no update yet.
  jax.tree.map(
    lambda x, theirs: np.testing.assert_array_equal(x.read(), theirs),
    ours,
    {"step": 0, "opt_state": first._replace(hyperparams=rate)},
  )
