"""Training with several processes."""

import atexit
import contextlib
import os
import sys
from collections.abc import Generator
from typing import Any

import jax

from instructrec_jax.errors import InputError

# Seconds without a heartbeat after which a process counts as dead. All then
# end.
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
  """Connects this process with the others, if it is one of several.

  On TPU pods, GKE, Slurm and Open MPI JAX finds them. Elsewhere, give all three
  arguments, or set JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and
  JAX_PROCESS_ID in the environment. JAX must not have been used before.

  At the end the processes wait for each other. If one fails, the others are
  ended within a minute.

  Args:
    coordinator_address: The host and port of process 0.
    num_processes: The number of processes.
    process_id: The number of this process, from 0.

  Raises:
    InputError: Only some of the three are given, or they are not valid.
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
  """Exits without JAX's shutdown, in which the others would wait forever."""
  sys.stdout.flush()
  sys.stderr.flush()
  os._exit(1)


def _start(given: dict[str, Any]) -> bool:
  """Connects the processes; returns whether there are several."""
  found: dict[str, Any] = {
    flag: _value(flag, os.environ[variable])
    for flag, variable in _FLAGS.items()
    if variable in os.environ
  }
  if given or found.keys() > {"coordinator_address"}:
    given = found | given
  # An address alone may complete a cluster's settings. JAX reads it itself.
  if given and len(given) < len(_FLAGS):
    missing = [f"--{flag}" for flag in _FLAGS if flag not in given]
    raise InputError(
      f"{', '.join(given)} given, but not {', '.join(missing)}: for several "
      "processes give all three, or use a cluster that sets them"
    )
  if given and not 0 <= given["process_id"] < given["num_processes"]:
    raise InputError(
      f"process_id is {given['process_id']}: expected 0 or more, and less than "
      f"num_processes, {given['num_processes']}"
    )
  # JAX's service would catch SIGTERM, on which the runner saves.
  jax.config.update("jax_enable_preemption_service", False)
  try:
    jax.distributed.initialize(**given, heartbeat_timeout_seconds=DEAD_AFTER)
  except ValueError as error:
    if given or found:
      raise InputError(f"several processes: {error}") from error
    return False  # No cluster.
  except RuntimeError as error:
    # If a cluster does not answer, processes must not train separately.
    if given or "must be called before" not in str(error):
      raise
    return False  # A program that has used JAX before it trains.
  return True


def _value(flag: str, text: str) -> str | int:
  if flag == "coordinator_address":
    return text
  if not text.isdecimal():
    raise InputError(f"{_FLAGS[flag]}: expected a number, got {text!r}")
  return int(text)
