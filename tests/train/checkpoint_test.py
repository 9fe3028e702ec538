"""Checkpoints come back whole, and say what does not fit."""

import dataclasses
import shutil

import jax
import numpy as np
import pytest
from flax import traverse_util

from instructrec_jax.errors import InputError
from instructrec_jax.optim import optimizers
from instructrec_jax.train import checkpoint, step
from tests.train import toy

OPTIMIZER = toy.adafactor()


def state_of(config=toy.CONFIG, seed=0):
  model = toy.model(config)
  places = jax.tree.map(
    lambda _: jax.sharding.SingleDeviceSharding(jax.devices()[0]),
    step.state_shapes(model, OPTIMIZER),
  )
  state = step.make_state(model, OPTIMIZER, seed, places)
  return dataclasses.replace(state, step=state.step + 7)


def shapes_of(state):
  return jax.tree.map(
    lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), state
  )


def assert_same(ours, theirs):
  assert jax.tree.structure(ours) == jax.tree.structure(theirs)
  jax.tree.map(np.testing.assert_array_equal, ours, theirs)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
  folder = tmp_path_factory.mktemp("run")
  state, batches = state_of(), toy.Batches()
  batches.position = 13
  with checkpoint.Checkpoints(folder, keep=None) as checkpoints:
    checkpoints.save(state, batches)
  return folder, state


def test_everything_comes_back(saved):
  folder, state = saved
  batches = toy.Batches()
  with checkpoint.Checkpoints(folder, keep=None) as checkpoints:
    assert checkpoints.latest_step() == 7
    again = checkpoints.restore(7, shapes_of(state_of(seed=1)), batches)
  assert_same(again, state)
  assert batches.position == 13


def test_a_converted_run_takes_up_the_data_at_its_step(tmp_path):
  """It has no position: another runner's means nothing to our batches."""
  with checkpoint.Checkpoints(tmp_path, keep=None) as checkpoints:
    checkpoints.save(state_of(), toy.Batches())
  shutil.rmtree(checkpoint.find(tmp_path) / "data")
  batches = toy.Batches()
  with checkpoint.Checkpoints(tmp_path, keep=None) as checkpoints:
    checkpoints.restore(7, shapes_of(state_of()), batches)
  assert batches.position == 7


def test_parameters_load_alone_from_a_run_or_a_step(saved):
  folder, state = saved
  expected = shapes_of(state).params
  for path in (folder, folder / "checkpoints" / "7"):
    assert checkpoint.find(path).name == "7"
    assert_same(checkpoint.load_params(path, expected), state.params)


def test_another_step_lists_those_there_are(saved):
  assert checkpoint.find(saved[0], step=7).name == "7"
  with pytest.raises(InputError, match=r"no checkpoint of step 8.*: 7$"):
    checkpoint.find(saved[0], step=8)


def test_no_checkpoint_says_what_was_expected(tmp_path):
  with pytest.raises(InputError, match=f"no checkpoint at {tmp_path}.*params"):
    checkpoint.load_params(tmp_path, {})


def test_other_sizes_are_named_with_both_shapes(saved):
  wider = shapes_of(state_of(dataclasses.replace(toy.CONFIG, vocab_size=72)))
  with pytest.raises(InputError) as error:
    checkpoint.load_params(saved[0], wider.params)
  assert (
    "2 parameters of another shape: decoder/logits_dense/kernel is expected "
    "to be [16, 72], found [16, 64]; "
  ).rstrip("; ") in str(error.value)


def test_missing_and_unexpected_parameters_are_named(saved):
  flat = traverse_util.flatten_dict(shapes_of(saved[1]).params, sep="/")
  flat["encoder/encoder_norms/scale"] = flat.pop("encoder/encoder_norm/scale")
  expected = traverse_util.unflatten_dict(flat, sep="/")
  with pytest.raises(InputError) as error:
    checkpoint.load_params(saved[0], expected)
  assert (
    "1 parameters missing: encoder/encoder_norms/scale "
    "(near: encoder/encoder_norm/scale); "
    "1 parameters unexpected: encoder/encoder_norm/scale"
  ) in str(error.value)


def test_another_optimizer_is_named(saved):
  model = toy.model()
  like = step.state_shapes(model, optimizers.adamw())
  with (
    checkpoint.Checkpoints(saved[0], keep=None) as checkpoints,
    pytest.raises(InputError, match=r"optimizer arrays missing.*/mu/"),
  ):
    checkpoints.restore(7, like, toy.Batches())


def test_position_of_each_process_is_an_error_for_another_number(
  tmp_path, monkeypatch
):
  monkeypatch.setattr(toy.Batches, "shares_position", False)
  with checkpoint.Checkpoints(tmp_path, keep=None) as checkpoints:
    checkpoints.save(state_of(), toy.Batches())
  monkeypatch.setattr(jax, "process_count", lambda: 3)
  folder = checkpoint.find(tmp_path) / "data"
  with pytest.raises(InputError, match=r"process_0-of-3.*process_0-of-1\."):
    checkpoint._PositionHandler().restore(folder)


def test_only_the_newest_are_kept(tmp_path):
  state = state_of()
  with checkpoint.Checkpoints(tmp_path, keep=2) as checkpoints:
    for n in range(3):
      checkpoints.save(
        dataclasses.replace(state, step=state.step + n), toy.Batches()
      )
  names = sorted(child.name for child in (tmp_path / "checkpoints").iterdir())
  assert names == ["8", "9"]
