"""What every launcher relies on: SIGTERM saves, and says so."""

import json
import signal

import pytest

from instructrec_jax import cli
from tests import programs, tiny
from tests.launch import launch_world


def _arguments(data, run, steps):
  """Returns the command that trains so many steps."""
  return (
    "train",
    f"--tfds_data_dir={data / 'records'}",
    *(f"--gin_file={file}" for file in tiny.FILES),
    *(f"--gin.{binding}" for binding in tiny.RUN),
    f"--gin.MODEL_DIR='{run}'", f"--gin.TRAIN_STEPS={steps}",
    "--gin.CHECKPOINT_PERIOD=1000000",
    # A task of one form is read sooner than a mixture of three.
    "--gin.MIXTURE_OR_TASK_NAME='instructrec_small_p1_i0_t2'",
  )  # fmt: skip


def _steps(run):
  lines = (run / "metrics.jsonl").read_text().splitlines()
  return [json.loads(line)["step"] for line in lines]


@pytest.fixture(scope="module")
def ended(small_data, tmp_path_factory):
  """A run that got SIGTERM after a step, its exit status, and its errors."""
  run = tmp_path_factory.mktemp("run")
  program = programs.start(
    "-m", "instructrec_jax.cli", *_arguments(small_data, run, 10**6), devices=1
  )
  launch_world.wait_for(run / "metrics.jsonl", "\n", seconds=120)
  program.send_signal(signal.SIGTERM)
  _, errors = program.communicate(timeout=120)
  return run, program.returncode, errors


def test_training_saves_on_sigterm_and_the_same_command_goes_on(
  small_data, ended, capsys
):
  run, status, errors = ended
  assert status == 143, errors
  assert "instructrec train: terminated" in errors
  [saved] = [int(p.name) for p in (run / "checkpoints").iterdir()]
  assert _steps(run) == list(range(1, saved + 1))

  # Here, as another program would take its time to load TensorFlow.
  assert cli.main(_arguments(small_data, run, saved + 2)) == 0
  assert f"{saved + 2} steps are trained" in capsys.readouterr().out
  assert _steps(run) == list(range(1, saved + 3))
