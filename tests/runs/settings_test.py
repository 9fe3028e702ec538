"""What a person is told of a run that cannot be read from its settings."""

import gin

from instructrec_jax import cli, gin_files


def _fails(capsys, *argv):
  """Runs a command that must fail; returns what it told the person."""
  assert cli.main([str(arg) for arg in argv]) == 1
  captured = capsys.readouterr()
  assert "Traceback" not in captured.err
  return captured.err


def test_a_folder_of_a_packages_name_does_not_hide_gin_files(
  tmp_path, monkeypatch
):
  (tmp_path / "runs").mkdir()
  monkeypatch.chdir(tmp_path)
  monkeypatch.syspath_prepend(str(tmp_path))
  gin_files.parse(["runs/native_evaluate.gin", "experiments/demo.gin"], [])
  gin.clear_config()


def test_a_macro_left_unset(small_data, capsys):
  message = _fails(
    capsys,
    "train",
    "--gin_file=gin/runs/native_finetune.gin",
    "--gin_file=gin/models/tiny.gin",
    f"--tfds_data_dir={small_data}/records",
    "--gin.TRAIN_STEPS=3",
  )
  assert "macros left unset: MIXTURE_OR_TASK_NAME, MODEL_DIR," in message
  assert "TRAIN_STEPS" not in message
  assert "--gin.MIXTURE_OR_TASK_NAME=VALUE" in message


def test_a_folder_that_is_no_run(tmp_path, capsys):
  message = _fails(capsys, "evaluate", "--model_dir", tmp_path)
  assert "has no config.gin: give the folder of a run" in message


def test_a_gin_file_that_is_not_there(small_data, capsys):
  message = _fails(
    capsys,
    "train",
    "--gin_file=gin/runs/native_finetun.gin",
    f"--tfds_data_dir={small_data}/records",
  )
  assert "native_finetun.gin" in message
  assert "runs/native_finetune.gin" in message


def test_a_binding_of_nothing(small_data, capsys):
  message = _fails(
    capsys,
    "train",
    "--gin_file=gin/runs/native_finetune.gin",
    "--gin.T5Config.embed_dim=3",
    f"--tfds_data_dir={small_data}/records",
  )
  assert "gin:" in message
  assert "T5Config" in message


def test_a_folder_in_which_orbax_would_lose_checkpoints(tmp_path, capsys):
  message = _fails(
    capsys,
    "train",
    "--gin_file=gin/runs/native_finetune.gin",
    "--gin_file=gin/experiments/demo.gin",
    f"--gin.MODEL_DIR='{tmp_path}/run [1]'",
    f"--tfds_data_dir={tmp_path}/records",
  )
  assert "Orbax takes '[' for a pattern" in message
  assert not any(tmp_path.iterdir())
