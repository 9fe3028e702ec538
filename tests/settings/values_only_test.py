"""A stranger's config.gin is data: none of these files runs anything."""

import os
import pathlib

import pytest

from instructrec_jax import gin_files
from instructrec_jax.errors import InputError

_OWN = gin_files.path()
# What a good config.gin begins with.
_GOOD = """\
import instructrec_jax.configurables

MODEL = @RankingModel()
MODEL_DIR = 'run'
MIXTURE_OR_TASK_NAME = 'instructrec_demo'
TASK_FEATURE_LENGTHS = {'inputs': 8, 'targets': 8}
SCHEDULE = @optimizer.constant()
OPTIMIZER = @adafactor()
RankingModel.config = @T5Config()
adafactor.schedule = %SCHEDULE
runner.train.batches = @train_batches()
runner.train.writer = @default_writer()
"""
# Each would call os.system, or let a person's folder be emptied.
_EVIL = {
  "dynamic registration": (
    "from __gin__ import dynamic_registration\nimport os\n"
    "PWN = @os.system()\nos.system.command = 'touch PWNED'\nX = %PWN\n"
  ),
  "include": "include 'evil.gin'\n",
  "an absolute include": "include '{folder}/evil.gin'\n",
  "an include of ours by another's file": "include './models/tiny.gin'\n",
  "import of os": "import os\n",
  "import of a module of the folder": "import evil\n",
  "from … import": "from evil import thing\n",
  "import as": "import evil as instructrec_jax\n",
  "our command line": "import  instructrec_jax.cli.__main__\n",
  "a part of jax": "import jax.numpy\n",
  "a call in a macro": "LENGTH_POWER = @cache_tokens()\n",
  "a call deep in a value": "X = {'a': [1, (@cache_tokens(),)]}\n",
  "a call of training": "LENGTH_POWER = @runner.train()\n",
  "a reference alone": "LENGTH_POWER = @evaluate\n",
  "a scope": "LENGTH_POWER = @some/scope/cache_tokens()\n",
  "a singleton": (
    "LENGTH_POWER = @x/gin.singleton()\n"
    "x/gin.singleton.constructor = @RankingModel\n"
  ),
  "another project's": "LENGTH_POWER = @tests.evil.constant()\n",
  "a parameter of another project's": "tests.evil.constant.rate = 1\n",
  "a block of another project's": "tests.evil.constant:\n  rate = 1\n",
  "a line that goes on": "LENGTH_POWER = \\\n  @cache_tokens()\n",
  "two values on a line": "X = 1; import os\n",
  "a bracket left open": "X = [1,\n",
  "brackets without end": "X = " + "[" * 5000 + "\n",
  "an unknown name": "X = @nothing()\n",
  "no gin": "\x00\x01 {\n",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
  import gin

  @gin.configurable("constant", module="tests.evil", allowlist=["rate"])
  def constant(rate=1):
    pathlib.Path("PWNED").touch()

  monkeypatch.chdir(tmp_path)
  monkeypatch.syspath_prepend(str(tmp_path))
  (tmp_path / "evil.py").write_text("open('PWNED', 'w')\nthing = 1\n")
  (tmp_path / "evil.gin").write_text("import evil\n")
  yield tmp_path
  gin.config._REGISTRY.pop("tests.evil.constant")


def _read(text):
  path = pathlib.Path("config.gin")
  path.write_text(text)
  gin_files.parse(
    ["runs/native_evaluate.gin"], [], run="evaluate", values=str(path)
  )


def _used(text):
  _read(text)
  gin_files.macro("LENGTH_POWER")


def test_values_are_read(folder):
  _read(f"{_GOOD}LENGTH_POWER = 0.5\nAN_OLD_MACRO = 3\nT5Config.emb_dim = 8\n")
  assert gin_files.macro("LENGTH_POWER") == 0.5


@pytest.mark.parametrize("trick", _EVIL)
def test_a_trick_is_refused_and_nothing_runs(trick, folder):
  text = _GOOD + _EVIL[trick].replace("{folder}", str(folder))
  if trick == "dynamic registration":  # It must stand before other imports.
    text = _EVIL[trick] + _GOOD.partition("\n")[2]
  with pytest.raises(InputError) as error:
    _used(text)
  assert "config.gin" in str(error.value)
  assert "\n" not in str(error.value)
  assert sorted(os.listdir()) == ["config.gin", "evil.gin", "evil.py"]


def test_the_line_and_the_remedy_are_told(folder):
  lines = _GOOD.count("\n")
  with pytest.raises(InputError) as error:
    _read(f"{_GOOD}import os\n")
  told = str(error.value)
  assert told.startswith(f"config.gin, line {lines + 1} imports os:")
  assert "--gin_file=config.gin" in told


def test_a_file_that_a_person_names_is_a_program(folder):
  pathlib.Path("mine.gin").write_text(f"{_GOOD}include 'evil.gin'\n")
  gin_files.parse(["runs/native_evaluate.gin", "mine.gin"], [])
  assert pathlib.Path("PWNED").exists()
