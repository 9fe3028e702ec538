"""Tests here, and programs they start, compile a tiny step only once."""

import os

import jax
import pytest


@pytest.fixture(scope="session", autouse=True)
def compilation_cache(tmp_path_factory):
  folder = str(tmp_path_factory.mktemp("compiled"))
  settings = {
    "jax_compilation_cache_dir": folder,
    "jax_persistent_cache_min_compile_time_secs": 0.5,
  }
  before = {name: getattr(jax.config, name) for name in settings}
  for name, value in settings.items():
    jax.config.update(name, value)
    os.environ[name.upper()] = str(value)
  yield
  for name in settings:
    jax.config.update(name, before[name])
    del os.environ[name.upper()]
