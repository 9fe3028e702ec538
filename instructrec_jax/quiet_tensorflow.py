"""Imports TensorFlow without its start-up messages, which have no setting."""

import os
import sys


def load() -> None:
  """Imports TensorFlow and drops what its C++ code writes to standard error."""
  sys.stderr.flush()
  stderr, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
  os.dup2(nowhere, 2)
  try:
    import tensorflow  # noqa: F401
  finally:
    os.dup2(stderr, 2)
    os.close(stderr)
    os.close(nowhere)
