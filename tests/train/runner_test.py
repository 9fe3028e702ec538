"""A run learns, reports, stops when told, and survives being killed."""

import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys

import jax
import numpy as np
import pytest

from instructrec_jax.errors import InputError
from instructrec_jax.train import checkpoint, runner
from tests import programs
from tests.train import toy

TOY = pathlib.Path(toy.__file__)


def train(model_dir, train_steps, batches=None, writer=None, **settings):
  return runner.train(
    toy.model(),
    toy.adafactor(),
    batches or toy.Batches(),
    writer or toy.Writer(),
    model_dir,
    train_steps,
    **settings,
  )


def program(model_dir, train_steps, *settings):
  # On one device, where its steps take no time.
  return programs.start(TOY, model_dir, train_steps, *settings, devices=1)


def figures(lines):
  """Returns the figures by step, without those that depend on the clock."""
  return {
    line["step"]: {
      name: value for name, value in line.items() if "per_second" not in name
    }
    for line in map(json.loads, lines)
  }


def saved_steps(model_dir):
  folder = model_dir / "checkpoints"
  names = os.listdir(folder) if folder.is_dir() else []
  return [int(name) for name in names if name.isdigit()]


def test_killed_run_goes_on_bit_for_bit(tmp_path):
  killed = program(tmp_path / "killed", 10**6, "checkpoint_period=4")
  before = []
  for line in killed.stdout:
    before.append(line)
    if saved_steps(tmp_path / "killed"):
      killed.send_signal(signal.SIGKILL)
      break
  killed.communicate()
  assert killed.returncode == -signal.SIGKILL
  last_saved = max(saved_steps(tmp_path / "killed"))
  steps = last_saved + 4

  after, errors = program(tmp_path / "killed", steps).communicate()
  assert errors.count("Traceback") == 0, errors
  expected, errors = program(tmp_path / "whole", steps).communicate()
  assert errors.count("Traceback") == 0, errors
  before, after, expected = (
    figures(lines)
    for lines in (before, after.splitlines(), expected.splitlines())
  )
  assert list(expected) == list(range(1, steps + 1))
  assert list(after) == list(range(last_saved + 1, steps + 1))
  assert after == {n: expected[n] for n in after}
  common = before.keys() & expected.keys()
  assert len(common) >= 4
  assert {n: before[n] for n in common} == {n: expected[n] for n in common}


def test_sigterm_saves_and_then_ends_the_program(tmp_path):
  run = program(tmp_path, 10**6, "checkpoint_period=1000000")
  for line in run.stdout:
    if json.loads(line)["step"] == 3:
      run.send_signal(signal.SIGTERM)
      break
  lines, errors = run.communicate()
  assert run.returncode == -signal.SIGTERM, errors
  assert saved_steps(tmp_path) == [max(figures(lines.splitlines()))]


def test_loss_falls_to_nothing_on_one_batch(tmp_path):
  writer = toy.Writer()
  state = train(tmp_path, 150, toy.Batches(fixed=True), writer, log_period=50)
  assert int(state.step) == 150
  assert list(writer.scalars) == [1, 50, 100, 150]
  assert writer.flushed
  loss = {step: scalars["loss"] for step, scalars in writer.scalars.items()}
  assert abs(loss[1] - np.log(64)) < 1.0, "starts near chance"
  assert loss[150] < 0.5
  last = writer.scalars[150]
  assert last["accuracy"] > 0.9
  assert last["weights"] == 32
  assert last["learning_rate"] == pytest.approx(0.03)
  assert last["tokens_per_second"] == pytest.approx(
    last["steps_per_second"] * 8 * 12
  )


def test_finished_run_does_nothing_and_says_so(tmp_path, caplog):
  first = train(tmp_path, 3)
  batches, writer = toy.Batches(), toy.Writer()
  with caplog.at_level("INFO", logger="absl"):
    again = train(tmp_path, 3, batches, writer)
  assert "is already at step 3 of 3: there is nothing to do" in caplog.text
  assert not writer.scalars
  jax.tree.map(np.testing.assert_array_equal, first, again)


def test_time_limit_stops_with_a_checkpoint(tmp_path):
  state = train(tmp_path, 10**6, max_seconds=0.0)
  assert int(state.step) == 1
  assert saved_steps(tmp_path) == [1]


def test_initial_checkpoint_gives_parameters_only(tmp_path):
  first = train(tmp_path / "first", 2)
  second = train(
    tmp_path / "second", 0, initial_checkpoint_path=tmp_path / "first"
  )
  assert int(second.step) == 0
  jax.tree.map(np.testing.assert_array_equal, first.params, second.params)
  assert not any(np.any(leaf) for leaf in statistics(second))
  assert any(np.any(leaf) for leaf in statistics(first))


def statistics(state):
  return jax.tree.leaves(state.opt_state.inner_state)


def test_loss_that_is_no_number_stops_without_a_checkpoint(tmp_path):
  state = train(tmp_path, 2)
  broken = dataclasses.replace(
    state,
    step=state.step + 1,
    params=jax.tree.map(lambda leaf: leaf * np.nan, state.params),
  )
  with checkpoint.Checkpoints(tmp_path, keep=None) as checkpoints:
    checkpoints.save(broken, toy.Batches())
  with pytest.raises(InputError, match="loss is nan at step 4"):
    train(tmp_path, 9, checkpoint_period=1)
  assert set(saved_steps(tmp_path)) == {2, 3}


def test_data_that_ends_is_an_error(tmp_path):
  with pytest.raises(InputError, match="data ended before step 3"):
    train(tmp_path, 9, toy.Batches(end=2))


def test_batch_that_does_not_divide_is_an_error(tmp_path):
  with pytest.raises(InputError, match="6 rows does not divide over the 8"):
    train(tmp_path, 9, toy.Batches(rows=6))


def test_no_tensorflow():
  """Training runs on an image without TensorFlow and SeqIO."""
  modules = [
    f"instructrec_jax.{name}"
    for name in (
      "model.network",
      "model.ranking_model",
      "model.sharding",
      "train.checkpoint",
      "optim.optimizers",
      "configurables",
      "train.runner",
      "train.step",
      "weights.convert",
    )
  ]
  code = (
    f"import sys, {', '.join(modules)}\n"
    "bad = {'tensorflow', 'seqio', 'clu.metric_writers'} & set(sys.modules)\n"
    "assert not bad, bad"
  )
  subprocess.run([sys.executable, "-c", code], check=True, cwd=TOY.parents[2])


@pytest.mark.parametrize(
  "setting",
  [
    {"checkpoint_period": 0},
    {"keep_checkpoints": 0},
    {"log_period": 0},
    {"num_microbatches": -1},
    {"max_seconds": -1.0},
    {"seed": -1},
  ],
  ids=lambda setting: next(iter(setting)),
)
def test_a_setting_out_of_its_range_is_refused_before_anything(
  tmp_path, setting
):
  [(name, value)] = setting.items()
  with pytest.raises(InputError, match=rf"{name} .*= {value}: expected"):
    train(tmp_path / "run", 3, **setting)
  assert not (tmp_path / "run").exists()


def test_before_the_first_step_sigterm_ends_at_once(tmp_path):
  """A step that compiles heeds no handler, and there is nothing to save."""
  seen = []

  def note():
    seen.append(signal.getsignal(signal.SIGTERM))

  class Noting(toy.Batches):
    def __next__(self):
      note()
      return super().__next__()

  before = signal.getsignal(signal.SIGTERM)
  train(tmp_path, 3, Noting(), ready=note)
  assert seen[:2] == [signal.SIG_DFL] * 2, "as the first step begins"
  assert all(callable(handler) for handler in seen[2:])
  assert len(seen) == 4
  assert signal.getsignal(signal.SIGTERM) is before


def test_a_run_is_ready_when_its_checkpoint_is_read(tmp_path):
  train(tmp_path, 2)
  ready = []
  train(tmp_path, 3, ready=lambda: ready.append(1))
  assert ready == [1]
  newest = tmp_path / "checkpoints" / "3" / "params"
  next(p for p in newest.rglob("*") if p.is_file()).write_bytes(b"")
  with pytest.raises(InputError, match="training goes on from 2"):
    train(tmp_path, 4, ready=lambda: ready.append(2))
  train(tmp_path / "other", 0, ready=lambda: ready.append(3))
  assert ready == [1], "nor for a run that has nothing to do"
