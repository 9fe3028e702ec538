import pytest

from instructrec_jax import cli
from instructrec_jax.cli import old_spellings


@pytest.mark.parametrize(
  "argv",
  [
    ["evaluate", "--predictions", "a.jsonl", "--system=S"],
    ["evaluate", "--predictions=a.jsonl", "--system=S"],
    ["evaluate", "--system=S", "--predictions", "a.jsonl"],
  ],
)
def test_a_file_of_predictions_is_measured(argv):
  now, hint = old_spellings.today(argv)
  assert now == ["measure", "a.jsonl", "--system=S"]
  assert "is now `instructrec measure FILE`" in hint


@pytest.mark.parametrize(
  "argv",
  [
    [],
    ["evaluate", "--model_dir=--predictions"],
    ["report", "--predictions", "a.jsonl"],
  ],
)
def test_anything_else_is_as_it_was(argv):
  assert old_spellings.today(argv) == (argv, None)


def test_the_hint_is_one_line_and_the_command_runs(tmp_path, capsys):
  missing = tmp_path / "none.jsonl"
  argv = ["evaluate", f"--predictions={missing}", "--system=S", "--out=o"]
  argv += ["--mixture_or_task_name=itdr", f"--tfds_data_dir={tmp_path}"]
  assert cli.main(argv) == 1
  hint, *rest = capsys.readouterr().err.splitlines()
  assert hint.startswith("instructrec: `instructrec evaluate --predictions")
  assert rest[-1].startswith("instructrec measure: ")


def test_a_flag_of_checkpoints_has_no_use_with_a_file(capsys):
  with pytest.raises(SystemExit) as end:
    cli.main(["evaluate", "--predictions=a.jsonl", "--step=3"])
  assert end.value.code == 2
  assert "instructrec measure" in capsys.readouterr().err
