import os

import pytest

from tests.launch import launch_world


@pytest.fixture
def world(tmp_path, monkeypatch):
  """The working directory, with the world's programs first on the PATH."""
  programs = launch_world.make(tmp_path)
  monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
  monkeypatch.chdir(tmp_path)
  return tmp_path
