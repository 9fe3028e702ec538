"""Every gin file is read, and experiments mean the same to both runners."""

import os
import re
import subprocess
import sys

import gin
import jax
import numpy as np
import pytest

from instructrec_jax import configurables, gin_files

_OWN = gin_files.path()
_EXPERIMENTS = sorted(p.name for p in _OWN.glob("experiments/*.gin"))
# embed, heads, head_dim, mlp, layers, parameters.
_SIZES = {
  "small": (512, 6, 64, 1024, 8, 76_961_152),
  "base": (768, 12, 64, 2048, 12, 247_577_856),
  "large": (1024, 16, 64, 2816, 24, 783_150_080),
  "xl": (2048, 32, 64, 5120, 24, 2_849_757_184),
  "xxl": (4096, 64, 64, 10240, 24, 11_135_332_352),
}
_PARSE = """
import sys
import gin
from t5x.eval import evaluate
from t5x.infer import infer
from t5x.train import train
own, *experiments = sys.argv[1:]
gin.add_config_file_search_path(own)
for run in ("finetune", "evaluate", "evaluate_catalogue", "infer"):
  for experiment in experiments:
    gin.clear_config()
    gin.parse_config_files_and_bindings(
      [f"./runs/{run}.gin", f"./experiments/{experiment}"],
      ["EVAL_OUTPUT_DIR = 'x'", "INFER_OUTPUT_DIR = 'x'"],
      finalize_config=False,
    )
    unset = [line for line in gin.config_str().splitlines()
             if line.endswith("%gin.REQUIRED")]
    assert not unset, (run, experiment, unset)
    print(run, experiment)
"""


@pytest.fixture(autouse=True)
def _clear():
  yield
  gin.clear_config()


def _statements(file):
  """Returns a gin file's lines, without comments and continued lines."""
  text = (_OWN / file).read_text().replace("\\\n", "")
  lines = (line.partition("#")[0].rstrip() for line in text.splitlines())
  return [line for line in lines if line and not line.startswith((" ", "}"))]


@pytest.mark.parametrize("run", ["native_finetune", "native_evaluate"])
@pytest.mark.parametrize("experiment", _EXPERIMENTS)
def test_an_experiment_binds_all_that_our_runner_needs(run, experiment):
  gin_files.parse([f"runs/{run}.gin", f"experiments/{experiment}"], [])


def test_an_experiment_binds_all_that_t5x_needs(tmp_path):
  pytest.importorskip("t5x.gin_utils", reason="T5X is not installed")
  for folder in ("models", "runs", "experiments"):
    # Folders of these names are no packages that gin might look into.
    (tmp_path / folder).mkdir()
  done = subprocess.run(
    [sys.executable, "-c", _PARSE, _OWN, *_EXPERIMENTS],
    cwd=tmp_path,
    env=os.environ | {"PYTHONPATH": os.pathsep.join(["", *sys.path])},
    capture_output=True,
    text=True,
  )
  assert done.returncode == 0, done.stderr
  assert len(done.stdout.splitlines()) == 4 * len(_EXPERIMENTS)


@pytest.mark.parametrize("experiment", _EXPERIMENTS)
def test_an_experiment_binds_macros_only(experiment):
  """And each of them is one that a model or a run looks at."""
  used = set()
  for path in [*_OWN.glob("models/*.gin"), *_OWN.glob("runs/*.gin")]:
    used |= set(re.findall(r"%(\w+)", path.read_text()))
  for line in _statements(f"experiments/{experiment}"):
    if not line.startswith('include "./models/'):
      macro = re.match(r"([A-Z][A-Z_]*) = ", line)
      assert macro, line
      assert macro[1] in used, line


def test_included_files_are_not_taken_for_packages():
  for path in _OWN.rglob("*.gin"):
    for line in path.read_text().splitlines():
      assert not re.match(r'include "[^.]', line), f"{path}: {line}"


@pytest.mark.parametrize("size", _SIZES)
def test_flan_t5_has_its_sizes_and_says_them(size):
  *shape, parameters = _SIZES[size]
  file = f"models/flan_t5_{size}.gin"
  gin_files.parse([file], [])
  model = gin_files.macro("MODEL")
  config = model.config
  assert config.num_encoder_layers == config.num_decoder_layers
  assert shape == [
    config.emb_dim,
    config.num_heads,
    config.head_dim,
    config.mlp_dim,
    config.num_decoder_layers,
  ]
  leaves = jax.tree.leaves(model.parameter_shapes())
  assert sum(int(np.prod(leaf.shape)) for leaf in leaves) == parameters
  header = (_OWN / file).read_text()
  assert f"{parameters:,} parameters" in header
  assert f"{parameters * 8 / 1e9:.1f} GB" in header
  [public] = re.findall(r"#   (gs://\S+)", header)
  assert f"/flan_t5_{size}/checkpoint_1" in public
  for experiment in _OWN.glob(f"experiments/*flan_t5_{size}.gin"):
    assert f'"{public}"' in experiment.read_text()


def test_files_of_earlier_versions_are_read(tmp_path):
  """Saved configurations import modules by names that these had once."""
  saved = tmp_path / "config.gin"
  saved.write_text(
    "import instructrec_jax.instructions.mixing\n"
    "import instructrec_jax.model.network as instructrec_jax2\n"
    "import instructrec_jax.train.optimizer as instructrec_jax4\n"
    "import instructrec_jax.train.runner as instructrec_jax5\n"
    "import instructrec_jax.training_data as instructrec_jax6\n"
    "import instructrec_jax.vocabulary_file as instructrec_jax7\n"
    "import instructrec_jax.writers as instructrec_jax8\n"
    "TRAIN_STEPS = 440\n"
    "optimizer.constant.learning_rate = 0.5\n"
    "runner.train.train_steps = %TRAIN_STEPS\n"
    "train.log_period = 7\n"
    "train_batches.seed = 3\n"
    "vocabulary.location = 'demo'\n"
  )
  gin_files.parse([str(saved)], [])
  assert gin.query_parameter("train.train_steps").configurable.name == "macro"
  assert gin.query_parameter("train.log_period") == 7
  assert gin.query_parameter("optimizer.constant.learning_rate") == 0.5
  assert gin.query_parameter("train_batches.seed") == 3
  assert "import instructrec_jax.configurables" in gin.config_str()


@pytest.mark.parametrize("name", configurables.__all__)
def test_what_gin_files_may_bind_is_there(name):
  assert callable(getattr(configurables, name)) or name == "t5x_hooks"


def test_what_is_not_there_is_said_as_python_says_it():
  with pytest.raises(AttributeError, match="has no attribute 'RankingModle'"):
    _ = configurables.RankingModle
