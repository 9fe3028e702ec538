"""Importing TensorFlow without its greetings, which no setting turns off."""

import os
import sys


def load() -> None:
  """Imports TensorFlow; what its C++ side says past sys.stderr goes nowhere."""
  sys.stderr.flush()
  stderr, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
  os.dup2(nowhere, 2)
  try:
    import tensorflow  # noqa: F401
  finally:
    os.dup2(stderr, 2)
    os.close(stderr)
    os.close(nowhere)
