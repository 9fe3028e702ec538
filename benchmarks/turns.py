"""Sides of a benchmark, each a process of its own that takes turns."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any


def start(script: str, *arguments: str) -> subprocess.Popen:
  """Starts a script with this project on its path, on the CPU."""
  repository = str(Path(script).resolve().parents[1])
  paths = [repository, *filter(None, [os.environ.get("PYTHONPATH")])]
  return subprocess.Popen(
    [sys.executable, script, *arguments],
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    text=True,
    env=os.environ
    | {
      "PYTHONPATH": os.pathsep.join(paths),
      "JAX_PLATFORMS": "cpu",
      "TF_CPP_MIN_LOG_LEVEL": "3",
    },
  )


def answer(process: subprocess.Popen) -> Any:
  """Returns the next line of a process, or ends with it."""
  line = process.stdout.readline()
  if not line:
    sys.exit(f"{process.args} ended with {process.wait()}")
  return json.loads(line)


def take(process: subprocess.Popen) -> Any:
  """Asks a process for one more turn, and returns its answer."""
  print(file=process.stdin, flush=True)
  return answer(process)
