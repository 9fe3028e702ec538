"""Large logs into tables: how long, and with how much memory.

    python benchmarks/sources.py

MovieLens 32M (32,000,204 ratings) and Last.FM 1K (19,150,868 plays) are made up
in their own layouts, which is not timed, and `instructrec normalize` runs on
each in a process of its own, from starting Python to the last byte on disk. A
tenth of each goes through pandas, where that is installed, which is to give the
same tables without counting or checking anything; per row the two compare.

On two cores MovieLens 32M is to take less than 120 seconds and Last.FM 1K less
than 180, with less than 6 GB each. Memory is what a process held at the most.
To hold it to two cores: taskset -c 0,1 python benchmarks/sources.py
"""

import argparse
import contextlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import made_up_logs
import measured

SOURCES: dict[str, Callable[[Path, float, int], int]] = {
  "movielens/32m": made_up_logs.movielens,
  "lastfm/1k": made_up_logs.lastfm,
}
PANDAS_SHARE = 0.1


def ours(source: str, folder: Path) -> list[str]:
  """Returns the arguments that normalize folder/raw into folder/data."""
  raw, data = str(folder / "raw"), str(folder / "data")
  return [
    *(*measured.COMMAND, "normalize", source),
    *("--raw", raw, "--data_dir", data),
  ]


def in_pandas(source: str, folder: Path) -> list[str]:
  """Returns the arguments that do the same with pandas."""
  script = Path(__file__).with_name("sources_in_pandas.py")
  return [str(script), source, str(folder / "raw"), str(folder / "data")]


def measure(
  arguments: Callable[[str, Path], list[str]],
  source: str,
  share: float,
  seed: int,
  folder: Path,
) -> dict[str, float]:
  """Returns rows, seconds and the peak; leaves nothing on disk."""
  rows = SOURCES[source](folder / "raw", share, seed)
  seconds, peak = measured.run(arguments(source, folder), folder / "log")
  shutil.rmtree(folder)
  return {"rows": rows, "seconds": round(seconds, 1), "peak_gb": round(peak, 2)}


def main() -> None:
  """Runs both sides and prints the table and the line of figures."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument(
    "--work", type=Path, help="folder for 5 GB in passing (a passing one)"
  )
  parser.add_argument(
    "--share", type=float, default=1, help="of the sources' sizes (1)"
  )
  parser.add_argument("--seed", type=int, default=0, help="of the logs (0)")
  args = parser.parse_args()

  sides = {"": (ours, args.share)}
  if importlib.util.find_spec("pandas"):
    sides["pandas"] = (in_pandas, args.share * PANDAS_SHARE)
  versions = ", ".join(
    f"{name} {importlib.metadata.version(name)}"
    for name in ("polars", *filter(None, sides))
  )
  print(
    f"{len(os.sched_getaffinity(0))} cores, Python "
    f"{platform.python_version()}, {versions}; one run, seed {args.seed}\n",
    flush=True,
  )
  print(
    f"{'':<22} {'rows':>11} {'seconds':>8} {'peak GB':>8} "
    f"{'us a row':>9} {'bytes a row':>12}"
  )
  figures = {}
  with contextlib.ExitStack() as stack:
    folder = args.work or stack.enter_context(tempfile.TemporaryDirectory())
    for source in SOURCES:
      for side, (arguments, share) in sides.items():
        got = measure(
          arguments, source, share, args.seed, Path(folder) / "passing"
        )
        rows, seconds, peak = got.values()
        print(
          f"{source + ' ' + side:<22} {rows:11,} {seconds:8.1f} {peak:8.2f} "
          f"{seconds / rows * 1e6:9.2f} {peak * 2**30 / rows:12.0f}",
          flush=True,
        )
        figures[f"{source} {side}".rstrip()] = got
  print(json.dumps(figures | {"share": args.share}))


if __name__ == "__main__":
  main()
