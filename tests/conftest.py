"""Every test runs on eight fake CPU devices; nothing reaches the network."""

import os
import tempfile

from tests import programs

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["XLA_FLAGS"] = " ".join(
  (os.environ.get("XLA_FLAGS", ""), programs.xla_flags(devices=8))
).strip()

# Tests, and programs that they start, run tiny networks, of which compilation
# takes longest: do less of it, and each only once over all of pytest's workers.
os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
# ranx, too, compiles what our metrics are held against; it runs without.
os.environ["NUMBA_DISABLE_JIT"] = "1"
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
  _compiled = tempfile.TemporaryDirectory(prefix="compiled")
  os.environ["JAX_COMPILATION_CACHE_DIR"] = _compiled.name

import gin
import hypothesis
import jax
import pytest
import seqio

from instructrec_jax import tasks
from instructrec_jax.data import normalize, simulate
from instructrec_jax.data.records import build
from instructrec_jax.teacher.annotation import command
from instructrec_jax.vocabulary import run_vocabulary, training
from tests import tiny

tiny.shorten_shuffling()

# Made-up data of ITDR, which tests of several rooms take, and what is said at
# the end.
pytest_plugins = ("tests.itdr.fixtures", "tests.summary")

# Machines are shared: that an example took long says nothing. Examples are the
# same each time, but for `make test-all`, which looks for new ones.
hypothesis.settings.register_profile(
  "tests", deadline=None, derandomize="INSTRUCTREC_THOROUGH" not in os.environ
)
hypothesis.settings.load_profile("tests")
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_enable_x64", False)


@pytest.fixture(scope="session")
def small_data(tmp_path_factory):
  """A data folder with the dataset `small`, built as everybody's is."""
  folder = tmp_path_factory.mktemp("small")
  simulate.write(folder / "raw", num_users=60, num_items=48)
  normalize.normalize(
    "table",
    folder / "raw" / "board_games",
    folder,
    "small",
    k_core=3,
    **simulate.COLUMNS,
  )
  command.annotate("small", data_dir=folder)
  build.build(folder, "small", **training.build_extras(320))
  build.build(folder, "small", variant="search")
  return folder


@pytest.fixture(autouse=True, scope="module")
def no_settings_left():
  """Takes back what a module's tests and fixtures have bound."""
  yield
  seqio.set_tfds_data_dir_override(None)
  with gin.unlock_config():
    gin.clear_config()


@pytest.fixture
def small(small_data):
  """`small_data`, with its tasks registered and its vocabulary bound."""
  seqio.set_tfds_data_dir_override(str(small_data / "records"))
  tasks.register_found(small_data / "records")
  run_vocabulary.RUN_VOCABULARY.forget()
  with gin.unlock_config():
    gin.clear_config()
    gin.bind_parameter("vocabulary.location", "small")
  yield small_data
  seqio.set_tfds_data_dir_override(None)
  gin.clear_config()
  run_vocabulary.RUN_VOCABULARY.forget()
