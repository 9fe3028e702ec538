"""Games from raw files to records: ours against the same work in pandas.

    python benchmarks/prepare_games.py [--raw path/to/amazon-games-2018]

The files are Games.item and Games-6k.test.inter, as RUCAIBox/LLMRank
distributes InstructRec's Games; without --raw they are made up, of the same
size (50,546 users, 16,859 items, 410,907 purchases).

Each side runs in a process of its own, from starting Python to the last byte
on disk, in turns; what starting Python and importing TensorFlow costs, which
both pay, is measured as a third. Medians count.

What pandas does, in prepare_games_in_pandas.py, is what such scripts do, with
the slow parts vectorised where pandas has a call for it: read_csv;
html.unescape over the titles; split and explode; drop_duplicates; the k-core by
groupby and transform until nothing changes; factorize; leave-one-out by
cumcount; for each evaluated user a rejection loop over a block of random
integers against the set of their items; parquet tables, one of them with each
user's training part; records in random order, as tf.train.Example messages
written by TFRecordWriter into as many shards. It writes no manifest and no TFDS
metadata, and checks no input, all of which ours does. The benchmark fails if
the two write different targets.

Both build messages through protobuf's own classes: ours one message filled
again for each record, pandas' a new one from dictionaries, as is usual.

The last line is a JSON object: seconds and peak_gb of ours, pandas_seconds and
pandas_peak_gb, imports_seconds, and the ratios pandas_over_ours and
pandas_over_ours_after_imports; those of pandas are null where it is absent.
"""

import argparse
import importlib.util
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import figures
import made_up_logs
import measured
import prepare_games_in_pandas as in_pandas

# Runs of a side: seconds and gigabytes of each.
Runs = dict[str, list[tuple[float, float]]]


def run_imports(raw: Path, out: Path) -> None:
  """What both sides pay before they begin."""
  del raw, out
  import tensorflow  # noqa: F401


def run_ours(raw: Path, out: Path) -> None:
  """The two stages, as the command line calls them."""
  from instructrec_jax.data import normalize
  from instructrec_jax.data.records import build

  normalize.normalize("instructrec/games", raw, out)
  build.build(
    out,
    "games",
    num_negatives=in_pandas.NUM_NEGATIVES,
    max_history=in_pandas.MAX_HISTORY,
  )


SIDES: dict[str, Callable[[Path, Path], None]] = {
  "imports": run_imports,
  "ours": run_ours,
  "pandas": in_pandas.run,
}


def count_records(folder: Path) -> dict[str, tuple[int, int]]:
  """Returns records and the sum of their targets, by split."""
  import tensorflow as tf

  parser = {"target": tf.io.FixedLenFeature([], tf.int64)}
  sums = {}
  for split in ("train", "validation", "test"):
    files = sorted(str(p) for p in folder.rglob(f"*-{split}.tfrecord-*"))
    targets = [
      tf.io.parse_example(batch, parser)["target"].numpy()
      for batch in tf.data.TFRecordDataset(files).batch(1024)
    ]
    sums[split] = (sum(map(len, targets)), int(sum(t.sum() for t in targets)))
  return sums


def measure(side: str, raw: Path, out: Path, here: bool) -> tuple[float, float]:
  """Runs one side; returns its seconds, and its peak in gigabytes."""
  program = measured.Program(
    (__file__, f"--side={side}"), lambda _: SIDES[side](raw, out)
  )
  flags = [f"--raw={raw}", f"--out={out}"]
  return measured.run(program, flags, out.with_name("log"), here)


def race(
  sides: Sequence[str], raw: Path, args: argparse.Namespace
) -> tuple[Runs, int]:
  """Returns the runs of each side, and how many records each wrote.

  A round before the first is not counted, but for its records, which must be
  the same.
  """
  runs: Runs = {side: [] for side in sides}
  counts = {}
  for number in range(-1, args.rounds):
    for side in sides:
      with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        got = measure(side, raw, out, args.here)
        if number >= 0:
          runs[side].append(got)
        elif side != "imports":
          counts[side] = count_records(out)
  if counts["ours"] != counts.get("pandas", counts["ours"]):
    sys.exit(f"the two sides wrote different records: {counts}")
  records = sum(n for n, _ in counts["ours"].values())
  print(f"{' and '.join(counts)}: the same {records:,} targets")
  return runs, records


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
  """Returns the command line's options."""
  flags = figures.parser(__doc__, rounds=3)
  flags.add_argument(
    "--raw", type=Path, help="folder of Games' files (made-up ones)"
  )
  flags.add_argument(
    "--share", type=float, default=1, help="of Games' size, if made up (1)"
  )
  flags.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
  flags.add_argument("--out", type=Path, help=argparse.SUPPRESS)
  return figures.parse(flags, arguments, share=0.01, rounds=1)


def summary(
  medians: Mapping[str, float], peaks: Mapping[str, float]
) -> dict[str, float | None]:
  """Returns the figures of the last line."""
  imports, ours = medians["imports"], medians["ours"]
  pandas = medians.get("pandas")
  absent = pandas is None
  return {
    "seconds": round(ours, 2),
    "peak_gb": round(peaks["ours"], 2),
    "pandas_seconds": None if absent else round(pandas, 2),
    "pandas_peak_gb": None if absent else round(peaks["pandas"], 2),
    "imports_seconds": round(imports, 2),
    "pandas_over_ours": figures.ratio(pandas, ours),
    "pandas_over_ours_after_imports": figures.ratio(
      None if absent else pandas - imports, ours - imports
    ),
  }


def main(arguments: Sequence[str] | None = None) -> None:
  """Runs the rounds and prints the table and the line of figures."""
  args = parse(arguments)
  if args.side:
    SIDES[args.side](args.raw, args.out)
    return
  figures.introduce(
    ("polars", "pandas", "numpy", "tensorflow"),
    f"Games from {args.raw or 'made-up files'}; {args.rounds} rounds, each "
    "side once a round; a round of each before, not counted",
  )
  sides = list(SIDES)
  if importlib.util.find_spec("pandas") is None:
    sides.remove("pandas")
    print("pandas is absent: it is not installed")
  with tempfile.TemporaryDirectory() as folder:
    raw = args.raw or Path(folder)
    if args.raw is None:
      made_up_logs.games(raw, args.share, seed=0)
    runs, records = race(sides, raw, args)

  seconds = {side: [s for s, _ in got] for side, got in runs.items()}
  peaks = {side: max(gb for _, gb in got) for side, got in runs.items()}
  rates = {
    side: f"{records * len(taken) / sum(taken):,.0f}"
    for side, taken in seconds.items()
    if side != "imports"
  }
  medians = figures.table(
    "seconds",
    seconds,
    "ours",
    records_a_second=rates,
    peak_GB={side: f"{gb:.2f}" for side, gb in peaks.items()},
  )
  figures.finish(summary(medians, peaks))


if __name__ == "__main__":
  main()
