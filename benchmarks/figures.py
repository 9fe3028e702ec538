"""What every benchmark has: flags, a first line, a table, a last line.

Whoever imports this before JAX and TensorFlow has them on the CPU, and quiet.
"""

import argparse
import importlib.metadata
import importlib.util
import json
import os
import platform
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("JAX_PLATFORMS", "cpu")


def parser(doc: str, rounds: int) -> argparse.ArgumentParser:
  """Returns the flags that every benchmark has.

  Args:
    doc: the module's docstring, which --help shows.
    rounds: the default.
  """
  made = argparse.ArgumentParser(
    description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  made.add_argument(
    "--rounds", type=int, default=rounds, help=f"that are timed ({rounds})"
  )
  made.add_argument(
    "--toy",
    action="store_true",
    help="sizes that end in seconds and measure nothing",
  )
  made.add_argument(
    "--here",
    action="store_true",
    help="everything in this process: faster to start, but no fair race",
  )
  return made


def parse(
  flags: argparse.ArgumentParser,
  arguments: Sequence[str] | None,
  **toy: Any,
) -> argparse.Namespace:
  """Reads a command line, of which --toy replaces defaults.

  Args:
    flags: of the benchmark.
    arguments: without the program's name; the process's own by default.
    **toy: the defaults of a toy.
  """
  if flags.parse_args(arguments).toy:
    flags.set_defaults(**{"rounds": 2, **toy})
  return flags.parse_args(arguments)


def pin() -> None:
  """Keeps this process to one core, before libraries start their threads."""
  os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
  for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[name] = "1"


def introduce(packages: Iterable[str], what: str) -> None:
  """Prints the machine, the versions, and what is run.

  Args:
    packages: distributions that are measured; those of peers may be absent.
    what: is run: shapes, rounds, seeds.
  """
  versions = {name: _version(name) for name in packages}
  print(
    f"{len(os.sched_getaffinity(0))} of {os.cpu_count()} cores, Python "
    f"{platform.python_version()}, "
    + ", ".join(f"{name} {found}" for name, found in versions.items() if found)
  )
  print(what, flush=True)


def _version(name: str) -> str | None:
  """Returns a version; None where nothing of that name can be imported."""
  try:
    return importlib.metadata.version(name)
  except importlib.metadata.PackageNotFoundError:
    return "from a folder" if importlib.util.find_spec(name) else None


def table(
  title: str,
  runs: Mapping[str, Sequence[float]],
  base: str,
  digits: int = 2,
  **columns: Mapping[str, str],
) -> dict[str, float]:
  """Prints a row for each side, and returns their medians.

  Args:
    title: what the figures are.
    runs: of each side, one figure a round.
    base: the side that ratios are to.
    digits: of the figures, after the point.
    **columns: further ones by name, each side to its text.
  """
  medians = {side: statistics.median(values) for side, values in runs.items()}
  wide = max(map(len, (title, *runs)))
  print(
    f"\n{title:{wide}} {'median':>11} {'min':>10} {'max':>10} "
    f"{'/ ' + base if len(base) < 8 else 'ratio':>8}"
    + "".join(f" {name.replace('_', ' '):>15}" for name in columns)
  )
  for side, values in runs.items():
    print(
      f"{side:{wide}} {medians[side]:11,.{digits}f} "
      f"{min(values):10,.{digits}f} {max(values):10,.{digits}f} "
      f"{medians[side] / medians[base]:8.2f}"
      + "".join(f" {column.get(side, ''):>15}" for column in columns.values())
    )
  return medians


def ratio(one: float | None, other: float | None) -> float | None:
  """Returns one / other to three digits, None where a side is absent."""
  return None if one is None or other is None else round(one / other, 3)


def finish(found: Mapping[str, Any]) -> None:
  """Prints the last line, one JSON object."""
  print(json.dumps(found), flush=True)
