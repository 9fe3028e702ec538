"""Safetensors files."""

import numpy as np
import pytest

from instructrec_jax.weights import (
  convert,
  safetensors_file,
)


def test_the_packages_reader_agrees_with_ours(hf_tiny, tmp_path):
  package = pytest.importorskip(
    "safetensors.numpy", reason="safetensors is not installed"
  )
  convert.convert(hf_tiny / "sharded", tmp_path / "a", "hf")
  theirs = package.load_file(tmp_path / "a" / "model.safetensors")
  ours = safetensors_file.read(tmp_path / "a" / "model.safetensors")
  assert theirs.keys() == ours.keys()
  for name, value in theirs.items():
    np.testing.assert_array_equal(ours[name].read(), value)
