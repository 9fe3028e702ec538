"""Checkpoints are found in whatever format."""

import pytest

from instructrec_jax.errors import InputError
from instructrec_jax.weights import (
  convert,
  formats,
)


def test_any_step_of_a_run(trained, tmp_path):
  run, _, _ = trained
  convert.convert(run, tmp_path / "b", "t5x", optimizer="carry", step=4)
  assert formats.find(tmp_path / "b").step == 4
  with pytest.raises(InputError, match=r"no checkpoint of step 9.*2, 4, 6"):
    convert.convert(run, tmp_path / "c", "t5x", step=9)


def test_two_checkpoints_of_a_step_must_be_told_apart(hf_tiny, tmp_path):
  for to in ("t5x", "native"):
    convert.convert(hf_tiny / "bin", tmp_path / to, to)
  (tmp_path / "t5x" / "checkpoint_0").rename(
    tmp_path / "native" / "checkpoint_0"
  )
  with pytest.raises(InputError, match=r"several checkpoints of step 0: name"):
    formats.find(tmp_path / "native")
