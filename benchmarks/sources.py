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

The last line is a JSON object: for each source, and for each with pandas where
that is installed, its rows, seconds (the median where there are several rounds)
and peak_gb; and the share of the sources' sizes.
"""

import argparse
import contextlib
import importlib.util
import shutil
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import figures
import made_up_logs
import measured

SOURCES: dict[str, Callable[[Path, float, int], int]] = {
  "movielens/32m": made_up_logs.movielens,
  "lastfm/1k": made_up_logs.lastfm,
}
PANDAS_SHARE = 0.1


def _pandas(arguments: Sequence[str]) -> None:
  import sources_in_pandas

  sources_in_pandas.main(*arguments)


PANDAS = measured.Program(
  (str(Path(__file__).with_name("sources_in_pandas.py")),), _pandas
)


class Measured(NamedTuple):
  """What one side took of one source, in every round."""

  rows: int
  seconds: list[float]
  peak_gb: float


def measure(
  side: str, source: str, folder: Path, args: argparse.Namespace
) -> Measured:
  """Measures one side in all rounds; leaves no file."""
  share = args.share * (PANDAS_SHARE if side else 1)
  raw, data, log = folder / "raw", folder / "data", folder / "log"
  rows = SOURCES[source](raw, share, args.seed)
  seconds, peaks = [], []
  for _ in range(args.rounds):
    if side:
      command = PANDAS, [source, str(raw), str(data)]
    else:
      flags = ["--raw", str(raw), "--data_dir", str(data)]
      command = measured.INSTRUCTREC, ["normalize", source, *flags]
    taken, peak = measured.run(*command, log, args.here)
    seconds.append(taken)
    peaks.append(peak)
    shutil.rmtree(data)
  shutil.rmtree(folder)
  return Measured(rows, seconds, max(peaks))


def show(found: Mapping[str, Measured]) -> None:
  """Prints the table; a row of either side may be compared with the other's."""
  columns = {"rows": {}, "seconds": {}, "peak_GB": {}, "bytes_a_row": {}}
  for name, (rows, seconds, gb) in found.items():
    columns["rows"][name] = f"{rows:,}"
    columns["seconds"][name] = f"{statistics.median(seconds):.1f}"
    columns["peak_GB"][name] = f"{gb:.2f}"
    columns["bytes_a_row"][name] = f"{gb * 2**30 / rows:.0f}"
  figures.table(
    "microseconds a row",
    {n: [s / m.rows * 1e6 for s in m.seconds] for n, m in found.items()},
    next(iter(found)),
    **columns,
  )


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
  """Returns the command line's options."""
  flags = figures.parser(__doc__, rounds=1)
  flags.add_argument(
    "--work", type=Path, help="folder for 5 GB in passing (a passing one)"
  )
  flags.add_argument(
    "--share", type=float, default=1, help="of the sources' sizes (1)"
  )
  flags.add_argument("--seed", type=int, default=0, help="of the logs (0)")
  return figures.parse(flags, arguments, share=0.01, rounds=1)


def main(arguments: Sequence[str] | None = None) -> None:
  """Runs both sides and prints the table and the line of figures."""
  args = parse(arguments)
  figures.introduce(
    ("polars", "pandas"),
    f"{args.share:.4g} of {', '.join(SOURCES)}; rounds: {args.rounds}, seed "
    f"{args.seed}",
  )
  sides = ["", "pandas"]
  if importlib.util.find_spec("pandas") is None:
    sides.remove("pandas")
    print("pandas is absent: it is not installed")
  found = {}
  with contextlib.ExitStack() as stack:
    folder = args.work or stack.enter_context(tempfile.TemporaryDirectory())
    for source in SOURCES:
      for side in sides:
        name = f"{source} {side}".rstrip()
        found[name] = measure(side, source, Path(folder) / "passing", args)
  show(found)
  figures.finish(
    {
      name: {
        "rows": side.rows,
        "seconds": round(statistics.median(side.seconds), 1),
        "peak_gb": round(side.peak_gb, 2),
      }
      for name, side in found.items()
    }
    | {"share": args.share}
  )


if __name__ == "__main__":
  main()
