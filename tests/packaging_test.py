"""The same names are there from a checkout, an install, and anywhere else."""

import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import instructrec_jax

_ROOT = Path(__file__).resolve().parents[1]
_PROBE = """
import importlib.util, pathlib, sys
import gin  # The package, not this project's folder of that name.
assert hasattr(gin, "parse_config"), gin
import instructrec_jax
from instructrec_jax import gin_files
tasks = importlib.util.find_spec("instructrec_jax.tasks").origin
if "tasks" in sys.argv:  # This loads TensorFlow.
  from instructrec_jax import tasks as module
  assert module.__name__ == "instructrec_jax.tasks"
  assert module.__file__ == tasks
own = gin_files.path()
assert (own / "runs" / "native_finetune.gin").is_file(), own
gin_files.parse(["models/tiny.gin"], [])
gin_files.parse(["gin/models/tiny.gin"], [])
print(pathlib.Path(instructrec_jax.__file__).resolve().parents[1])
print(pathlib.Path(tasks).resolve())
print(own)
"""


def _probe(cwd, *path, imports=()):
  """Runs the probe in `cwd`, with `path` in front of what is installed."""
  process = subprocess.run(
    [sys.executable, "-c", _PROBE, *imports],
    cwd=cwd,
    env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, path))},
    capture_output=True,
    text=True,
  )
  assert process.returncode == 0, process.stderr
  return [Path(line) for line in process.stdout.splitlines()]


@pytest.fixture(scope="module")
def wheel_site(tmp_path_factory):
  """A folder into which the wheel, made of a copy, was installed."""
  site = tmp_path_factory.mktemp("site")
  build = tmp_path_factory.mktemp("build")
  subprocess.run(
    [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps",
     "--no-build-isolation", "--wheel-dir", build / "out", _copy(build)],
    check=True,
  )  # fmt: skip
  [wheel] = (build / "out").glob("*.whl")
  subprocess.run(
    [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps",
     "--no-compile", "--target", site, wheel],
    check=True,
  )  # fmt: skip
  return site


def _copy(folder):
  """Copies what git tracks, so that building leaves nothing behind here."""
  copy = folder / "source"
  files = subprocess.run(
    ["git", "ls-files", "-z"], cwd=_ROOT, capture_output=True, check=True
  ).stdout
  copy.mkdir()
  archive = subprocess.run(
    ["tar", "--create", "--null", "--files-from=-"],
    cwd=_ROOT,
    input=files,
    capture_output=True,
    check=True,
  ).stdout
  subprocess.run(["tar", "--extract"], cwd=copy, input=archive, check=True)
  return copy


@pytest.mark.parametrize("cwd", [_ROOT, _ROOT / "gin", "/"])
def test_from_the_checkout(cwd):
  imports = ["tasks"] if cwd == "/" else []
  package, tasks, gin = _probe(cwd, _ROOT, imports=imports)
  assert package == _ROOT
  assert tasks == _ROOT / "tasks" / "__init__.py"
  assert gin == _ROOT / "gin"


def test_from_a_wheel(wheel_site, tmp_path):
  package, tasks, gin = _probe(tmp_path, wheel_site, imports=["tasks"])
  assert package == wheel_site
  assert tasks == wheel_site / "instructrec_jax" / "tasks" / "__init__.py"
  assert gin == wheel_site / "instructrec_jax" / "gin"
  ours = sorted(
    p.relative_to(_ROOT / "gin") for p in _ROOT.glob("gin/**/*.gin")
  )
  assert sorted(p.relative_to(gin) for p in gin.glob("**/*.gin")) == ours
  pages = sorted(
    p.relative_to(_ROOT) for p in _ROOT.glob("instructrec_jax/*/templates/*")
  )
  assert pages
  assert (
    sorted(
      p.relative_to(package)
      for p in package.glob("instructrec_jax/*/templates/*")
    )
    == pages
  )
  assert (package / "instructrec_jax" / "py.typed").is_file()


def test_a_wheel_says_what_it_is(wheel_site):
  [installed] = metadata.distributions(path=[str(wheel_site)])
  told = installed.metadata
  assert told["Name"] == "instructrec-jax"
  assert installed.version == instructrec_jax.__version__
  assert told["License-Expression"] == "Apache-2.0"
  assert told["Author"] == "InstructRec-JAX authors"
  assert told["Requires-Python"] == ">=3.11"
  assert told["Summary"]
  assert told["Keywords"]
  assert told.get_all("Classifier")
  assert told.get_payload() == (_ROOT / "README.md").read_text()
  assert set(told.get_all("Provides-Extra")) == {
    "cuda", "docs", "gcs", "gguf", "t5x", "teacher", "test", "tpu",
    "vectors",
  }  # fmt: skip
  [entry] = installed.entry_points
  assert entry.group == "console_scripts"
  assert (entry.name, entry.value) == (
    "instructrec",
    "instructrec_jax.cli:main",
  )


def test_from_a_wheel_in_a_checkout_that_shadows_it(wheel_site):
  # `python -c` puts the working directory first: the checkout wins, whole.
  package, tasks, gin = _probe(_ROOT, "", wheel_site)
  assert {package, tasks.parents[1], gin.parent} == {_ROOT}


def test_there_is_no_module_to_shadow_gin_config():
  assert not list((_ROOT / "gin").rglob("*.py"))


def test_the_readme_names_commands_that_exist():
  from instructrec_jax.cli import program

  readme = (_ROOT / "README.md").read_text()
  used = set(re.findall(r"^instructrec ([\w-]+)", readme, re.MULTILINE))
  assert used
  assert used <= set(program.commands_by_name())
