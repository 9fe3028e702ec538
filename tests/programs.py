"""Programs that tests start: with what environment, and how they meet."""

import contextlib
import os
import pathlib
import socket
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[1]
# JAX's own flags aside, these say how fast code is made; see conftest.py.
XLA_FLAGS = "--xla_cpu_use_fusion_emitters=false"


def xla_flags(devices: int) -> str:
  """Returns the flags under which there are so many devices."""
  return f"{XLA_FLAGS} --xla_force_host_platform_device_count={devices}"


def environment(devices: int = 8) -> dict[str, str]:
  """Returns the environment of a program with so many fake devices."""
  return os.environ | {
    "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]),
    "XLA_FLAGS": xla_flags(devices),
  }


def start(*arguments: object, devices: int = 8) -> subprocess.Popen:
  """Starts Python with arguments; both its streams are read as text."""
  return subprocess.Popen(
    [sys.executable, *map(str, arguments)],
    env=environment(devices),
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  )


def free_port() -> int:
  """Returns a port that nobody listens on."""
  with contextlib.closing(socket.socket()) as listener:
    listener.bind(("localhost", 0))
    return listener.getsockname()[1]
