"""What is written after TensorFlow was imported is seen."""

import os

from instructrec_jax import quiet_tensorflow


def test_standard_error_is_given_back(capfd):
  before = len(os.listdir("/proc/self/fd"))
  quiet_tensorflow.load()
  os.write(2, b"seen")
  assert capfd.readouterr().err == "seen"
  assert len(os.listdir("/proc/self/fd")) == before
