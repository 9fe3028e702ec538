"""Tests here run tiny networks, whose compilation takes longest."""

import jax
import pytest


@pytest.fixture(scope="package", autouse=True)
def quick_compilation():
  before = jax.config.values["jax_disable_most_optimizations"]
  jax.config.update("jax_disable_most_optimizations", True)
  yield
  jax.config.update("jax_disable_most_optimizations", before)
