"""Checkpoints come back whole, and say what does not fit."""

import dataclasses
import errno
import logging
import os
import shutil
import sys
import types

import jax
import numpy as np
import pytest
from flax import traverse_util

from instructrec_jax.errors import InputError
from instructrec_jax.optim import optimizers
from instructrec_jax.train import checkpoint, step
from instructrec_jax.weights import checksums
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


@pytest.fixture(scope="module")
def saved_three(tmp_path_factory):
  folder, state = tmp_path_factory.mktemp("three"), state_of()
  with checkpoint.Checkpoints(folder, keep=3) as checkpoints:
    for n in range(3):
      checkpoints.save(
        dataclasses.replace(state, step=state.step + n), toy.Batches()
      )
  return folder


@pytest.fixture
def three(saved_three, tmp_path):
  """A run with checkpoints 7, 8 and 9."""
  return shutil.copytree(saved_three, tmp_path / "run")


def largest(folder):
  files = [path for path in folder.rglob("*") if path.is_file()]
  return max(files, key=lambda path: path.stat().st_size)


def flip(folder):
  data = bytearray(largest(folder).read_bytes())
  data[len(data) // 2] ^= 1
  largest(folder).write_bytes(data)


def cut(folder):
  largest(folder).write_bytes(largest(folder).read_bytes()[:100])


def restore(folder, step):
  with checkpoint.Checkpoints(folder, keep=3) as checkpoints:
    assert checkpoints.latest_step() == step
    checkpoints.restore(step, shapes_of(state_of()), toy.Batches())


def save(folder, *steps):
  with checkpoint.Checkpoints(folder, keep=5) as checkpoints:
    for step in steps:
      state = state_of()
      checkpoints.save(
        dataclasses.replace(state, step=state.step * 0 + step), toy.Batches()
      )


def refused(folder, step=9):
  """Returns the one line on a checkpoint that cannot be gone on from."""
  with pytest.raises(InputError) as error:
    restore(folder, step)
  assert "\n" not in str(error.value)
  return str(error.value)


@pytest.mark.parametrize(
  ("item", "damage"),
  [
    ("params", shutil.rmtree),
    ("optimizer", cut),
    ("optimizer", shutil.rmtree),
    ("data", flip),
  ],
)
def test_a_damaged_checkpoint_says_what_to_go_on_from(three, item, damage):
  newest = three / "checkpoints" / "9"
  damage(newest / item)
  told = refused(three)
  assert told.startswith(f"{newest} is damaged ("), told
  assert item in told
  assert "remove it, and training goes on from 8" in told


def test_what_is_proposed_is_whole_itself(three):
  flip(three / "checkpoints/9/params")
  flip(three / "checkpoints/8/params")
  assert "goes on from 7" in refused(three)
  shutil.rmtree(three / "checkpoints/7/params")
  assert "training starts anew; no other is whole there" in refused(three)
  assert len(list((three / "checkpoints").iterdir())) == 3, "nothing is removed"


def test_an_empty_folder_of_a_number_is_damaged(three):
  (three / "checkpoints/10").mkdir()
  assert "10 is damaged (it has no params): remove" in refused(three, step=10)
  with pytest.raises(InputError, match="10 is damaged"):
    checkpoint.load_params(three, shapes_of(state_of()).params)


def test_checkpoints_of_earlier_versions_are_read_and_told_of(three):
  for folder in (three / "checkpoints").iterdir():
    shutil.rmtree(folder / "checksums")
  restore(three, 9)
  cut(three / "checkpoints/9/optimizer")
  told = refused(three)
  assert "9 is damaged (optimizer: " in told
  assert "goes on from 8" in told


def test_a_checkpoint_with_parameters_only_was_saved_so(three):
  for name in ("optimizer", "checksums"):
    shutil.rmtree(three / "checkpoints/9" / name)
  assert "has only parameters" in refused(three)


def test_half_deleted_checkpoints_have_no_number_and_go(three, monkeypatch):
  """As if the program was killed while it deleted an old checkpoint."""
  with monkeypatch.context() as patched:
    patched.setattr(checkpoint.shutil, "rmtree", lambda *_, **__: None)
    with checkpoint.Checkpoints(three, keep=2) as checkpoints:
      state = state_of()
      checkpoints.save(
        dataclasses.replace(state, step=state.step + 3), toy.Batches()
      )
  names = {child.name for child in (three / "checkpoints").iterdir()}
  assert names == {"9", "10", ".removed"}
  assert checkpoint.find(three).name == "10"
  with checkpoint.Checkpoints(three, keep=2):
    assert not (three / "checkpoints/.removed").exists()


@pytest.mark.parametrize("steps", [(20,), (20, 21)])
def test_a_full_disk_is_one_line_and_earlier_checkpoints_stay(
  three, steps, monkeypatch, caplog
):
  """It is told at exit, or when the next checkpoint is saved."""

  def full(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

  monkeypatch.setattr(checksums, "write", full)
  with pytest.raises(InputError) as error:
    save(three, *steps)
  told = str(error.value)
  assert "could not be saved: No space left on device" in told
  assert "Of the others whole are 7, 8, 9." in told
  assert "\n" not in told
  assert "Traceback" not in caplog.text
  # With room, the same run goes on.
  monkeypatch.undo()
  restore(three, 9)


def test_an_error_that_is_no_disk_s_stays_what_it_is(three, monkeypatch):
  def fails(*_):
    raise ZeroDivisionError("ours")

  monkeypatch.setattr(checksums, "write", fails)
  with pytest.raises(Exception, match="ours") as error:
    save(three, 21)
  assert not isinstance(error.value, InputError)


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
  (tmp_path / "file").write_text("")
  with pytest.raises(InputError, match=r"could not be opened: Not a directory"):
    checkpoint.Checkpoints(tmp_path / "file/run", keep=None)


def test_errors_that_orbax_raises_are_not_printed_as_well(monkeypatch):
  printed = []
  monkeypatch.setattr(sys, "unraisablehook", printed.append)
  ours, theirs = ValueError("ours"), RuntimeError("Event loop is closed")
  record = logging.LogRecord(
    "absl", logging.ERROR, "/x/orbax/y.py", 1, "", (), (None, None, None)
  )
  logger = logging.getLogger("absl")
  with checkpoint._errors_told_once():
    for error in (ours, theirs):
      sys.unraisablehook(types.SimpleNamespace(exc_value=error))
    assert not logger.filter(record)
  assert [each.exc_value for each in printed] == [ours]
  assert logger.filter(record)
