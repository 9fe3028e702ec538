"""Tests here, and programs they start, compile a tiny step only once."""

import os

import jax
import pytest


@pytest.fixture(scope="package", autouse=True)
def quick_compilation(tmp_path_factory):
  settings = {
    "jax_compilation_cache_dir": str(tmp_path_factory.mktemp("compiled")),
    "jax_persistent_cache_min_compile_time_secs": 0.5,
    "jax_disable_most_optimizations": True,
  }
  before = {name: jax.config.values[name] for name in settings}
  for name, value in settings.items():
    jax.config.update(name, value)
    os.environ[name.upper()] = str(value)
  yield
  for name, value in before.items():
    jax.config.update(name, value)
    del os.environ[name.upper()]
