"""`make check`: its hooks, and what is strict about it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

_ROOT = Path(__file__).resolve().parents[1]
_UNTYPED = "def first(values):\n  return values[0]\n"


def test_the_hooks_are_the_checks():
  [check] = re.findall(
    r"^check:.*\n((?:\t.*\n)+)", (_ROOT / "Makefile").read_text(), re.MULTILINE
  )
  commands = re.findall(r"\$\(BIN\)/(\w+ \w+)", check)
  assert len(commands) == 3
  hooks = yaml.safe_load((_ROOT / ".pre-commit-config.yaml").read_text())
  [repository] = hooks["repos"]
  # Of another repository, pre-commit would fetch the hooks.
  assert repository["repo"] == "local"
  assert {hook["language"] for hook in repository["hooks"]} == {"system"}
  found = [" ".join(h["entry"].split()[:2]) for h in repository["hooks"]]
  assert found == commands


@pytest.mark.parametrize(
  ("module", "is_strict"),
  [
    ("model/new.py", True),
    ("optim/new.py", True),
    ("train/new.py", True),
    ("eval/metrics.py", True),
    ("data/new.py", False),
  ],
)
def test_strict_rooms_take_no_function_without_types(
  tmp_path, module, is_strict
):
  shutil.copy(_ROOT / "pyproject.toml", tmp_path)
  file = tmp_path / "instructrec_jax" / module
  file.parent.mkdir(parents=True)
  file.write_text(_UNTYPED)
  run = subprocess.run(
    [Path(sys.executable).with_name("pyrefly"), "check",
     "--python-interpreter-path", sys.executable],
    cwd=tmp_path, capture_output=True, text=True,
  )  # fmt: skip
  assert run.returncode == int(is_strict), run.stdout + run.stderr
  assert ("missing an annotation for parameter" in run.stdout) == is_strict
