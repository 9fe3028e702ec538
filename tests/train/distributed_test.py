"""Two processes train as one does; they stop, fail and resume together."""

import contextlib
import functools
import json
import os
import pathlib
import shutil
import signal

import jax
import numpy as np
import pytest

from instructrec_jax.errors import InputError
from instructrec_jax.model import sharding
from instructrec_jax.train import distributed, runner
from tests import programs
from tests.train import toy

TOY = pathlib.Path(toy.__file__)


@contextlib.contextmanager
def two_processes(model_dir, train_steps, *settings, devices=4, second=()):
  """Starts the toy in two processes, each with so many devices."""
  cluster = [f"port={programs.free_port()}", "num_processes=2"]
  started = [
    programs.start(
      TOY, model_dir, train_steps, *settings, *cluster, f"process_id={i}",
      *(second if i else ()), devices=devices,
    )
    for i in range(2)
  ]  # fmt: skip
  try:
    yield started
  finally:
    for process in started:
      process.kill()
      process.communicate()


def losses(text):
  """Returns the loss by step; beside JSON, CPU collectives print greetings."""
  lines = [json.loads(x) for x in text.splitlines() if x.startswith("{")]
  return {line["step"]: line["loss"] for line in lines}


def finish(processes):
  """Returns the losses, which only the first process writes."""
  outputs = [process.communicate(timeout=240) for process in processes]
  assert [p.returncode for p in processes] == [0, 0], outputs
  assert not losses(outputs[1][0])
  return losses(outputs[0][0])


def train_here(model_dir, train_steps, devices=8, **settings):
  """Trains in this process; returns the losses."""
  writer = toy.Writer()
  make = functools.partial(sharding.make_mesh, devices=jax.devices()[:devices])
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(sharding, "make_mesh", make)
    runner.train(
      toy.model(),
      toy.adafactor(),
      toy.Batches(),
      writer,
      model_dir,
      train_steps,
      log_period=1,
      checkpoint_period=2,
      **settings,
    )
  return {step: scalars["loss"] for step, scalars in writer.scalars.items()}


def assert_close(ours, theirs):
  """The sums over devices are added up in another order, so not to the bit."""
  assert list(ours) == list(theirs)
  np.testing.assert_allclose(
    list(ours.values()), list(theirs.values()), rtol=1e-5
  )


@pytest.fixture(scope="module")
def one(tmp_path_factory):
  """A run of six steps in one process with eight devices, and its losses."""
  folder = tmp_path_factory.mktemp("one")
  return folder, train_here(folder, 6)


@pytest.fixture(scope="module")
def two(tmp_path_factory):
  """Four steps in two processes with four devices each."""
  folder = tmp_path_factory.mktemp("two")
  with two_processes(folder, 4, "checkpoint_period=2") as processes:
    return folder, finish(processes)


def resumed_at(folder, step, tmp_path):
  """Returns a copy of a run that was stopped at a step."""
  copy = tmp_path / "copy"
  (copy / "checkpoints").mkdir(parents=True)
  shutil.copytree(
    folder / "checkpoints" / str(step), copy / "checkpoints" / str(step)
  )
  return copy


def test_two_go_on_from_one_with_a_model_over_both(one, tmp_path):
  """Four partitions on two devices a process: both feed the same rows."""
  copy = resumed_at(one[0], 4, tmp_path)
  with two_processes(copy, 6, "num_partitions=4", devices=2) as processes:
    losses = finish(processes)
  assert_close(losses, {step: one[1][step] for step in (5, 6)})


def test_losses_are_those_of_one_process(one, two):
  expected = {step: loss for step, loss in one[1].items() if step <= 4}
  assert_close(two[1], expected)


def test_one_process_goes_on_from_two(one, two, tmp_path):
  losses = train_here(resumed_at(two[0], 4, tmp_path), 6)
  assert_close(losses, {step: one[1][step] for step in (5, 6)})


@pytest.mark.parametrize(
  ("devices", "settings"),
  [(2, {}), (4, {"num_partitions": 2, "parameter_partitioning_dims": 2})],
)
def test_a_run_goes_on_on_other_devices(one, tmp_path, devices, settings):
  copy = resumed_at(one[0], 4, tmp_path)
  losses = train_here(copy, 6, devices, **settings)
  assert_close(losses, {step: one[1][step] for step in (5, 6)})


def test_sigterm_to_one_saves_and_ends_all(tmp_path):
  never = "checkpoint_period=1000000"
  with two_processes(tmp_path, 10**6, never, devices=1) as processes:
    for line in processes[0].stdout:
      if losses(line):
        processes[1].send_signal(signal.SIGTERM)
        break
    outputs = [process.communicate(timeout=240) for process in processes]
  assert [p.returncode for p in processes] == [-signal.SIGTERM] * 2, outputs
  [saved] = os.listdir(tmp_path / "checkpoints")
  assert int(saved) == max(losses(outputs[0][0]))


def test_one_that_fails_ends_all(tmp_path):
  with two_processes(
    tmp_path, 10**6, "dead_after=5", devices=1, second=["end=1"]
  ) as both:
    outputs = [process.communicate(timeout=240) for process in both]
  assert "the data ended before step 2" in outputs[1][1]
  assert both[1].returncode == 1
  assert both[0].returncode not in (0, None)


@pytest.mark.parametrize(
  ("given", "expected"),
  [
    (
      {"num_processes": 2},
      "num_processes given, but not --coordinator_address",
    ),
    (
      {"coordinator_address": "x:1", "num_processes": 2, "process_id": 2},
      "process_id is 2: expected 0 or more, and less than num_proc",
    ),
  ],
)
def test_half_a_cluster_is_an_error(given, expected):
  with (
    pytest.raises(InputError, match=expected),
    distributed.processes(**given),
  ):
    pass


def test_half_a_cluster_in_the_environment_is_an_error(monkeypatch):
  monkeypatch.setenv("JAX_COORDINATOR_ADDRESS", "x:1")
  monkeypatch.setenv("JAX_PROCESS_ID", "1")
  with pytest.raises(InputError, match="given, but not --num_processes"):
    distributed.processes().__enter__()


def test_environment_that_is_no_number(monkeypatch):
  monkeypatch.setenv("JAX_NUM_PROCESSES", "two")
  with pytest.raises(
    InputError, match="JAX_NUM_PROCESSES: expected a number, got 'two'"
  ):
    distributed.processes().__enter__()
