"""Made-up tables and records of ITDR, once for all its tests."""

import contextlib

import gin
import pytest
import seqio

from instructrec_jax.itdr import command
from instructrec_jax.vocabulary import run_vocabulary
from tests import made_up_itdr


@pytest.fixture(scope="session")
def itdr_data(tmp_path_factory):
  """A data folder with tables of all datasets, and what came of `itdr`."""
  folder = tmp_path_factory.mktemp("itdr")
  made_up_itdr.write(folder)
  return folder, command.itdr(data_dir=folder, size=40, vocabulary_size=900)


@contextlib.contextmanager
def _bound(folder, done):
  seqio.set_tfds_data_dir_override(str(folder / "records"))
  run_vocabulary.RUN_VOCABULARY.forget()
  with gin.unlock_config():
    gin.bind_parameter("vocabulary.location", str(done.vocabulary))
  yield folder
  seqio.set_tfds_data_dir_override(None)
  gin.clear_config()
  run_vocabulary.RUN_VOCABULARY.forget()


@pytest.fixture
def built(itdr_data):
  """The folder of `itdr_data`; its records and its vocabulary are the run's."""
  with _bound(*itdr_data) as folder:
    yield folder


@pytest.fixture(scope="module")
def built_once(itdr_data):
  """The same for tests that hypothesis runs many times."""
  with _bound(*itdr_data) as folder:
    yield folder
