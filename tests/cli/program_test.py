import dataclasses
import errno
import os
import subprocess
import sys

import pytest

from instructrec_jax import __version__, cli
from instructrec_jax.cli import program, signals
from instructrec_jax.data import simulate


def _run(*argv):
  return cli.main([str(arg) for arg in argv])


@pytest.mark.parametrize(
  "command", [[], *([c] for c in program.commands_by_name())]
)
def test_help_says_what_and_shows_an_example(command, capsys):
  with pytest.raises(SystemExit) as end:
    _run(*command, "--help")
  assert end.value.code == 0
  shown = capsys.readouterr().out
  assert shown.startswith("usage: instructrec")
  assert "instructrec " in shown.partition("\n")[2]


def test_version(capsys):
  with pytest.raises(SystemExit):
    _run("--version")
  assert capsys.readouterr().out.strip() == __version__


@pytest.mark.parametrize(
  "argv", [["trian"], ["build"], ["build", "x", "--gin.A=1"], []]
)
def test_usage_errors_exit_with_2(argv, capsys):
  with pytest.raises(SystemExit) as end:
    _run(*argv)
  assert end.value.code == 2
  assert "usage:" in capsys.readouterr().err


def test_from_csv_to_a_ranked_baseline(tmp_path, capsys):
  simulate.write(tmp_path / "raw", num_users=50, num_items=48)
  data = f"--data_dir={tmp_path}"
  raw = tmp_path / "raw" / "board_games"
  assert _run("normalize", "table", "--raw", raw, "--dataset=shop", data) == 0
  assert "interactions / kept" in capsys.readouterr().out
  assert _run("build", "shop", data) == 0
  assert "records / test" in capsys.readouterr().out
  assert _run("build", "shop", data) == 0
  assert "is there already" in capsys.readouterr().out
  assert _run("baseline", "popularity", "shop", data) == 0
  assert "popularity" in capsys.readouterr().out
  out = tmp_path / "report.html"
  folder = tmp_path / "baselines" / "shop_test_popularity"
  assert _run("report", folder, f"--out={out}", data) == 0
  assert out.read_text().startswith("<!")


def test_sources_are_listed(capsys):
  assert _run("sources") == 0
  assert "movielens/32m" in capsys.readouterr().out


@pytest.mark.parametrize(
  ("argv", "expected"),
  [
    (
      ["normalize", "movielens/100", "--raw=."],
      "Did you mean 'movielens/100k'",
    ),
    (["normalize", "movielens/1m", "--raw=/no"], "/no is not a folder"),
    (["normalize", "table", "--raw=."], "name the dataset, e.g. --dataset"),
    (["build", "nothing"], "run `instructrec normalize` first"),
    (["baseline", "popular", "x"], "Did you mean 'popularity'"),
    (["report", "nowhere"], "metrics.json: no such file"),
  ],
)
def test_what_cannot_be_used_is_said_in_one_line(
  argv, expected, capsys, tmp_path, monkeypatch
):
  monkeypatch.chdir(tmp_path)
  assert _run(*argv) == 1
  message = capsys.readouterr().err
  assert message.startswith(f"instructrec {argv[0]}: ")
  assert expected in message
  assert not list(tmp_path.iterdir())


def _raising(monkeypatch, error):
  """Puts a command in the place of `sources` that raises an error."""

  def run(**_):
    raise error

  known = program.commands_by_name()
  known["sources"] = dataclasses.replace(known["sources"], run=run)
  monkeypatch.setattr(program, "commands_by_name", lambda: known)


def test_what_the_system_refuses_is_said_in_one_line(monkeypatch, capsys):
  full = OSError(errno.ENOSPC, "No space left on device", "/x\x1b[31m")
  _raising(monkeypatch, full)
  assert _run("sources") == 1
  said = capsys.readouterr().err
  assert said.startswith("instructrec sources: /x\\x1b[31m: the disk is full: ")
  assert said.count("\n") == 1


def test_a_bug_has_a_status_of_its_own(monkeypatch, capsys, tmp_path):
  monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
  _raising(monkeypatch, KeyError("odd"))
  assert _run("sources") == 70
  said = capsys.readouterr().err
  (file,) = tmp_path.iterdir()
  assert said.startswith("instructrec sources: this is a bug in InstructRec")
  assert f"its traceback is in {file}" in said
  assert said.count("\n") == 1
  assert "KeyError: 'odd'" in file.read_text()


@pytest.mark.parametrize(
  "argv", [["--debug", "sources"], ["sources", "--debug"]]
)
@pytest.mark.parametrize("error", [KeyError("odd"), OSError(errno.ENOSPC, "x")])
def test_debug_raises_what_was_raised(argv, error, monkeypatch):
  _raising(monkeypatch, error)
  with pytest.raises(type(error)) as raised:
    _run(*argv)
  assert raised.value is error


@pytest.mark.parametrize(
  ("error", "status", "word"),
  [
    (KeyboardInterrupt(), 130, "interrupted"),
    (signals.Terminated(), 143, "terminated"),
  ],
)
def test_signals_end_in_one_line(error, status, word, monkeypatch, capsys):
  _raising(monkeypatch, error)
  assert _run("sources", "--debug") == status
  assert capsys.readouterr().err == f"instructrec sources: {word}\n"


def test_statuses_are_told(capsys):
  with pytest.raises(SystemExit):
    _run("--help")
  shown = capsys.readouterr().out
  assert "70   a bug in InstructRec-JAX" in shown


def test_a_wrong_line_is_one_line_and_where_help_is(capsys):
  with pytest.raises(SystemExit):
    _run("build", "shop", "--seed", "-1")
  first, second = capsys.readouterr().err.splitlines()
  assert first == (
    "instructrec build: error: argument --seed: expected a whole number from 0 "
    "to 4294967295, got '-1'"
  )
  assert second == "usage: instructrec build --help"


def test_a_full_disk_behind_standard_output_is_said():
  process = subprocess.run(
    f"{sys.executable} -m instructrec_jax.cli sources > /dev/full",
    shell=True,
    env=os.environ | {"PYTHONPATH": os.pathsep.join(["", *sys.path])},
    capture_output=True,
    text=True,
  )
  assert process.returncode == 1
  assert process.stderr == (
    "instructrec sources: the disk is full: make room, and run the same "
    "command again\n"
  )


def test_a_reader_that_stops_early_is_no_error():
  process = subprocess.run(
    f"{sys.executable} -m instructrec_jax.cli sources | head -1",
    shell=True,
    env=os.environ | {"PYTHONPATH": os.pathsep.join(["", *sys.path])},
    capture_output=True,
    text=True,
    check=True,
  )
  assert "Traceback" not in process.stderr
