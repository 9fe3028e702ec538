"""Checkpoints that T5X, PyTorch and Hugging Face themselves wrote."""

import tarfile
from pathlib import Path

import pytest

from tests.weights import toy_run

TESTDATA = Path(__file__).parents[1] / "testdata"


def unpacked(name, tmp_path_factory):
  folder = tmp_path_factory.mktemp(name)
  with tarfile.open(TESTDATA / f"{name}.tar.xz") as archive:
    archive.extractall(folder, filter="data")
  return folder


@pytest.fixture(scope="session")
def hf_tiny(tmp_path_factory):
  """See testdata/make_hf_checkpoints.py."""
  return unpacked("hf_tiny", tmp_path_factory)


@pytest.fixture(scope="session")
def t5x_tiny(tmp_path_factory):
  """See testdata/make_t5x_checkpoints.py."""
  return unpacked("t5x_tiny", tmp_path_factory)


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
  """A run with checkpoints of steps 2, 4 and 6, and the losses of its steps."""
  folder = tmp_path_factory.mktemp("trained") / "run"
  return folder, *toy_run.train(folder, 6, checkpoint_period=2)
