import os
import subprocess
import sys

import pytest

from instructrec_jax import __version__, cli
from instructrec_jax.cli import program
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
