"""Games from raw files to records: ours against the same work in pandas.

    python benchmarks/prepare_games.py --raw path/to/amazon-games-2018

Each side runs in a process of its own, from starting Python to the last byte
on disk, in turns; what starting Python and importing TensorFlow costs, which
both pay, is measured as a third. Medians count.

What pandas does is what such scripts do, with the slow parts vectorised where
pandas has a call for it: read_csv; html.unescape over the titles; split and
explode; drop_duplicates; the k-core by groupby and transform until nothing
changes; factorize; leave-one-out by cumcount; for each evaluated user a
rejection loop over a block of random integers against the set of their items;
parquet tables, one of them with each user's training part; records in random
order, as tf.train.Example messages written by TFRecordWriter into as many
shards. It writes no manifest and no TFDS metadata, and checks no input, all of
which ours does.

Both build messages through protobuf's own classes: ours one message filled
again for each record, pandas' a new one from dictionaries, as is usual.
"""

import argparse
import html
import importlib.metadata
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

INTERACTIONS = "Games-6k.test.inter"
ITEMS = "Games.item"
NUM_NEGATIVES = 9
MAX_HISTORY = 50
RECORDS_PER_SHARD = 8192


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
    out, "games", num_negatives=NUM_NEGATIVES, max_history=MAX_HISTORY
  )


def run_pandas(raw: Path, out: Path) -> None:
  """The same work by pandas."""
  import numpy as np
  import pandas as pd
  import tensorflow as tf

  options = {"sep": "\t", "dtype": str, "quoting": 3, "keep_default_na": False}
  items = pd.read_csv(raw / ITEMS, **options)
  items.columns = ["item_id", "title"]
  items["title"] = (
    items["title"]
    .map(html.unescape)
    .str.replace(r"\s+", " ", regex=True)
    .str.strip()
  )
  usable = (items["title"] != "") & ~items["title"].str.contains(
    "<[A-Za-z/!]|getTime"
  )
  items = items[usable].drop_duplicates("item_id")
  log = pd.read_csv(raw / INTERACTIONS, **options)
  log.columns = ["user_id", "history", "last"]
  log["item_id"] = (log["history"] + " " + log["last"]).str.split(" ")
  log = log[["user_id", "item_id"]].explode("item_id", ignore_index=True)
  log = log[log["item_id"].isin(items["item_id"])]
  log = log.drop_duplicates(["user_id", "item_id"])
  k_core = 1
  while True:
    rows = log.groupby("item_id")["item_id"].transform("size") >= k_core
    rows &= log.groupby("user_id")["user_id"].transform("size") >= k_core
    if rows.all():
      break
    log = log[rows]
  items = items[items["item_id"].isin(log["item_id"])].reset_index(drop=True)
  code = pd.Series(items.index, index=items["item_id"])
  log["item"] = log["item_id"].map(code)
  log["user"], users = pd.factorize(log["user_id"])
  log = log.sort_values("user", kind="stable", ignore_index=True)

  place = log.groupby("user").cumcount()
  left = log.groupby("user")["user"].transform("size") - place
  in_train = left > 2
  items["train_count"] = (
    log.loc[in_train, "item"].value_counts().reindex(items.index, fill_value=0)
  )
  out.mkdir(parents=True)
  log[["user", "item"]].to_parquet(out / "interactions.parquet")
  items.to_parquet(out / "items.parquet")
  pd.DataFrame({"user_id": users}).to_parquet(out / "users.parquet")

  train_items = log[in_train].groupby("user")["item"].apply(list)
  train_items = train_items.reindex(range(len(users)))
  pd.DataFrame(
    {"items": [i if isinstance(i, list) else [] for i in train_items]}
  ).to_parquet(out / "train_items.parquet")

  rng = np.random.default_rng(0)
  sequences = log.groupby("user")["item"].apply(list).tolist()
  targets = {
    "train": np.flatnonzero(in_train & (place > 0)),
    "validation": np.flatnonzero(left == 2),
    "test": np.flatnonzero(left == 1),
  }
  user, place = log["user"].to_numpy(), place.to_numpy()
  instance = 0
  for split, rows in targets.items():
    examples = (
      _example(
        tf,
        instance + i,
        int(user[rows[i]]),
        int(place[rows[i]]),
        sequences[user[rows[i]]],
        split,
        len(items),
        rng,
      )
      for i in rng.permutation(len(rows)).tolist()
    )
    _write_shards(out / f"games-{split}", examples, len(rows))
    instance += len(rows)


def _example(
  tf, instance, user, place, sequence, split, num_items, rng
) -> bytes:
  candidates = []
  if split != "train":
    candidates = _candidates(sequence, place, num_items, rng)
  features = {
    "instance": [instance],
    "user": [user],
    "history": sequence[max(0, place - MAX_HISTORY) : place],
    "history_length": [place],
    "target": [sequence[place]],
    "candidates": candidates,
  }
  return tf.train.Example(
    features=tf.train.Features(
      feature={
        name: tf.train.Feature(int64_list=tf.train.Int64List(value=values))
        for name, values in features.items()
      }
    )
  ).SerializeToString()


def _candidates(sequence, place, num_items, rng) -> list[int]:
  met, negatives = set(sequence), []
  while len(negatives) < NUM_NEGATIVES:
    for item in rng.integers(num_items, size=NUM_NEGATIVES).tolist():
      if item not in met and len(negatives) < NUM_NEGATIVES:
        met.add(item)
        negatives.append(item)
  negatives.insert(int(rng.integers(NUM_NEGATIVES + 1)), sequence[place])
  return negatives


def _write_shards(prefix: Path, examples, number: int) -> None:
  import tensorflow as tf

  shards = -(-number // RECORDS_PER_SHARD)
  for shard in range(shards):
    end = number * (shard + 1) // shards
    start = number * shard // shards
    with tf.io.TFRecordWriter(
      f"{prefix}.tfrecord-{shard:05d}-of-{shards:05d}"
    ) as writer:
      for _ in range(end - start):
        writer.write(next(examples))


SIDES = {"imports": run_imports, "ours": run_ours, "pandas": run_pandas}


def count_records(folder: Path) -> dict[str, tuple[int, int]]:
  """Returns records and the sum of their targets, by split."""
  import tensorflow as tf

  parser = {"target": tf.io.FixedLenFeature([], tf.int64)}
  sums = {}
  for split in ("train", "validation", "test"):
    files = sorted(str(p) for p in folder.rglob(f"*-{split}.tfrecord-*"))
    targets = [
      tf.io.parse_example(batch, parser)["target"].numpy()
      for batch in tf.data.TFRecordDataset(files).batch(RECORDS_PER_SHARD)
    ]
    sums[split] = (sum(map(len, targets)), int(sum(t.sum() for t in targets)))
  return sums


def measure(side: str, raw: Path, out: Path) -> tuple[float, float]:
  """Runs one side; returns seconds and peak gigabytes of its process."""
  repository = str(Path(__file__).resolve().parents[1])
  path = os.pathsep.join(
    [repository, *filter(None, [os.environ.get("PYTHONPATH")])]
  )
  command = [sys.executable, __file__, "--side", side]
  start = time.perf_counter()
  done = subprocess.run(
    [*command, "--raw", raw, "--out", out],
    check=True,
    capture_output=True,
    text=True,
    env=os.environ | {"PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3"},
  )
  seconds = time.perf_counter() - start
  return seconds, json.loads(done.stdout.splitlines()[-1])["peak_gb"]


def main() -> None:
  """Runs the rounds and prints the table and the line of figures."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--raw", type=Path, required=True)
  parser.add_argument("--rounds", type=int, default=3)
  parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
  parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
  args = parser.parse_args()
  if args.side:
    SIDES[args.side](args.raw, args.out)
    # Kilobytes on Linux.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(json.dumps({"peak_gb": peak}))
    return

  versions = [
    f"{name} {importlib.metadata.version(name)}"
    for name in ("polars", "pandas", "numpy", "tensorflow")
  ]
  print(
    f"{len(os.sched_getaffinity(0))} cores, Python "
    f"{platform.python_version()}, {', '.join(versions)}; {args.rounds} "
    "rounds, each side once a round; a round of each before, not counted"
  )
  runs = {side: [] for side in SIDES}
  for round_number in range(args.rounds + 1):
    counts = {}
    for side in SIDES:
      with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        result = measure(side, args.raw, out)
        if round_number:
          runs[side].append(result)
        elif side != "imports":
          counts[side] = count_records(out)
        shutil.rmtree(out, ignore_errors=True)
    if counts and counts["ours"] != counts["pandas"]:
      sys.exit(f"the two sides wrote different records: {counts}")
    if counts:
      records = sum(n for n, _ in counts["ours"].values())
      print(f"both write the same {records:,} targets: {counts['ours']}")

  print(
    f"\n{'':8} {'median s':>9} {'min':>7} {'max':>7} "
    f"{'records/s':>10} {'peak GB':>8}"
  )
  medians, peaks = {}, {}
  for side, results in runs.items():
    seconds = [s for s, _ in results]
    medians[side] = statistics.median(seconds)
    peaks[side] = max(peak for _, peak in results)
    rate = "" if side == "imports" else f"{records / medians[side]:,.0f}"
    print(
      f"{side:8} {medians[side]:9.2f} {min(seconds):7.2f} "
      f"{max(seconds):7.2f} {rate:>10} {peaks[side]:8.2f}"
    )
  base = medians["imports"]
  print(
    json.dumps(
      {
        "seconds": round(medians["ours"], 2),
        "peak_gb": round(peaks["ours"], 2),
        "pandas_seconds": round(medians["pandas"], 2),
        "pandas_peak_gb": round(peaks["pandas"], 2),
        "imports_seconds": round(base, 2),
        "pandas_over_ours": round(medians["pandas"] / medians["ours"], 2),
        "pandas_over_ours_after_imports": round(
          (medians["pandas"] - base) / (medians["ours"] - base), 2
        ),
      }
    )
  )


if __name__ == "__main__":
  main()
