"""What a process takes: seconds, and memory with all that it starts."""

import os
import sys
import time
from pathlib import Path

# Comes before the arguments of a command line.
COMMAND = (
  "-c",
  "import sys; from instructrec_jax import cli; sys.exit(cli.main())",
)
_GB = 1024**2  # Of kilobytes, which is what Linux counts memory in.


def run(arguments: list[str], log: Path) -> tuple[float, float]:
  """Runs Python with this project on its path, or ends with what it said.

  Args:
    arguments: of Python.
    log: where its output goes.

  Returns:
    Its seconds, and its peak in gigabytes.
  """
  repository = str(Path(__file__).resolve().parents[1])
  path = filter(None, [repository, os.environ.get("PYTHONPATH")])
  start = time.perf_counter()
  with log.open("wb") as file:
    to_log = (os.POSIX_SPAWN_DUP2, file.fileno())
    process = os.posix_spawn(
      sys.executable,
      [sys.executable, *arguments],
      os.environ | {"PYTHONPATH": os.pathsep.join(path)},
      file_actions=[(*to_log, 1), (*to_log, 2)],
    )
    _, status, usage = os.wait4(process, 0)
  if status:
    sys.exit(f"{arguments} failed:\n{log.read_text()}")
  return time.perf_counter() - start, usage.ru_maxrss / _GB
