"""Several processes that train as one."""

import atexit
import contextlib
import os
import sys
from collections.abc import Generator
from typing import Any

import jax

from instructrec_jax.errors import InputError

# Seconds without a sign of life after which a process counts as dead, and all
# of them end.
DEAD_AFTER = 60
_FLAGS = {
  "coordinator_address": "JAX_COORDINATOR_ADDRESS",
  "num_processes": "JAX_NUM_PROCESSES",
  "process_id": "JAX_PROCESS_ID",
}


@contextlib.contextmanager
def processes(
  coordinator_address: str | None = None,
  num_processes: int | None = None,
  process_id: int | None = None,
) -> Generator[None]:
  """Makes this process one of several, if it was started as one of several.

  TPU pods, GKE, Slurm and Open MPI say so by themselves; elsewhere all three
  arguments say it, or the environment's JAX_COORDINATOR_ADDRESS,
  JAX_NUM_PROCESSES and JAX_PROCESS_ID. JAX must not have been used before.

  At the end the processes wait for each other. If one fails, the others cannot
  go on without it, and are ended within a minute.

  Args:
    coordinator_address: host and port that process 0 listens at.
    num_processes: how many there are.
    process_id: which of them this is, from 0.

  Raises:
    InputError: if only some of the three are given, or they make no sense.
  """
  given = {
    "coordinator_address": coordinator_address,
    "num_processes": num_processes,
    "process_id": process_id,
  }
  started = _start({k: v for k, v in given.items() if v is not None})
  try:
    yield
  except Exception:
    if started and jax.process_count() > 1:
      atexit.register(_end_at_once)
    raise
  if started:
    jax.distributed.shutdown()


def _end_at_once() -> None:
  """Ends without a farewell, which would have the others wait for ever."""
  sys.stdout.flush()
  sys.stderr.flush()
  os._exit(1)


def _start(given: dict[str, Any]) -> bool:
  """Returns whether there are several processes, which then are connected."""
  found: dict[str, Any] = {
    flag: _value(flag, os.environ[variable])
    for flag, variable in _FLAGS.items()
    if variable in os.environ
  }
  if given or found.keys() > {"coordinator_address"}:
    given = found | given
  # The address alone may complete what a cluster says, JAX reads it itself.
  if given and len(given) < len(_FLAGS):
    missing = [f"--{flag}" for flag in _FLAGS if flag not in given]
    raise InputError(
      f"{', '.join(given)} given, but not {', '.join(missing)}: several "
      "processes take all three, or a cluster that says them by itself"
    )
  if given and not 0 <= given["process_id"] < given["num_processes"]:
    raise InputError(
      f"process_id is {given['process_id']}: expected from 0 to less than the "
      f"{given['num_processes']} of num_processes"
    )
  # JAX's own service would take SIGTERM from the runner, which saves on it.
  jax.config.update("jax_enable_preemption_service", False)
  try:
    jax.distributed.initialize(**given, heartbeat_timeout_seconds=DEAD_AFTER)
  except ValueError as error:
    if given or found:
      raise InputError(f"several processes: {error}") from error
    return False  # No cluster.
  except RuntimeError as error:
    # A cluster that does not answer must not leave each to train by itself.
    if given or "must be called before" not in str(error):
      raise
    return False  # A program that has used JAX before it trains.
  return True


def _value(flag: str, text: str) -> str | int:
  if flag == "coordinator_address":
    return text
  if not text.isdecimal():
    raise InputError(f"{_FLAGS[flag]} is {text!r}: expected a number")
  return int(text)
