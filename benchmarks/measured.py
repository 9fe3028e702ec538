"""What a program takes: seconds, and memory with all that it starts."""

import contextlib
import dataclasses
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

_GB = 1024**2  # Of kilobytes, which is what Linux counts memory in.


@dataclasses.dataclass(frozen=True)
class Program:
  """What can run in a process of its own, or here.

  Attributes:
    python: arguments of Python that start it.
    main: runs it here; returns None, or an exit status.
  """

  python: tuple[str, ...]
  main: Callable[[Sequence[str]], int | None]


def _instructrec(arguments: Sequence[str]) -> int:
  from instructrec_jax import cli

  return cli.main(arguments)


INSTRUCTREC = Program(("-m", "instructrec_jax.cli"), _instructrec)


def environment() -> dict[str, str]:
  """Returns that of a process with this project on its path."""
  repository = str(Path(__file__).resolve().parents[1])
  path = filter(None, [repository, os.environ.get("PYTHONPATH")])
  return os.environ | {"PYTHONPATH": os.pathsep.join(path)}


def run(
  program: Program, arguments: Sequence[str], log: Path, here: bool = False
) -> tuple[float, float]:
  """Runs a program, or ends with what it said if it fails.

  Args:
    program: to run.
    arguments: its own.
    log: where its output goes.
    here: whether in this process, whose peak is then the one returned.

  Returns:
    Its seconds, and its peak in gigabytes.
  """
  start = time.perf_counter()
  status, peak = (_here if here else _apart)(program, arguments, log)
  if status:
    sys.exit(f"{program.python} {arguments} failed:\n{log.read_text()}")
  return time.perf_counter() - start, peak / _GB


def _here(
  program: Program, arguments: Sequence[str], log: Path
) -> tuple[int | None, int]:
  """Returns the status, and the peak in kilobytes."""
  with (
    log.open("w") as file,
    contextlib.redirect_stdout(file),
    contextlib.redirect_stderr(file),
  ):
    status = program.main(arguments)
  return status, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _apart(
  program: Program, arguments: Sequence[str], log: Path
) -> tuple[int | None, int]:
  """Returns the same of a process of its own."""
  with log.open("wb") as file:
    to_log = (os.POSIX_SPAWN_DUP2, file.fileno())
    process = os.posix_spawn(
      sys.executable,
      [sys.executable, *program.python, *arguments],
      environment(),
      file_actions=[(*to_log, 1), (*to_log, 2)],
    )
    _, status, usage = os.wait4(process, 0)
  return status, usage.ru_maxrss
