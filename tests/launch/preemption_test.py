"""What every launcher relies on: SIGTERM saves, and says so."""

import json
import signal

from instructrec_jax import cli
from tests import programs, tiny
from tests.launch import launch_world


def test_training_saves_on_sigterm_and_the_same_command_goes_on(
  small_data, tmp_path, capsys
):
  def arguments(steps):
    return (
      "train",
      f"--tfds_data_dir={small_data / 'records'}",
      *(f"--gin_file={file}" for file in tiny.FILES),
      *(f"--gin.{binding}" for binding in tiny.RUN),
      f"--gin.MODEL_DIR='{tmp_path}'", f"--gin.TRAIN_STEPS={steps}",
      "--gin.CHECKPOINT_PERIOD=1000000",
      # A task of one form is read sooner than a mixture of three.
      "--gin.MIXTURE_OR_TASK_NAME='instructrec_small_p1_i0_t2'",
    )  # fmt: skip

  def steps():
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["step"] for line in lines]

  run = programs.start(
    "-m", "instructrec_jax.cli", *arguments(10**6), devices=1
  )
  launch_world.wait_for(tmp_path / "metrics.jsonl", "\n", seconds=120)
  run.send_signal(signal.SIGTERM)
  _, err = run.communicate(timeout=120)
  assert run.returncode == 143, err
  assert "instructrec train: terminated" in err
  [saved] = [int(p.name) for p in (tmp_path / "checkpoints").iterdir()]
  assert steps() == list(range(1, saved + 1))

  # Here, as another program would take its time to load TensorFlow.
  assert cli.main(arguments(saved + 2)) == 0
  assert f"{saved + 2} steps are trained" in capsys.readouterr().out
  assert steps() == list(range(1, saved + 3))
