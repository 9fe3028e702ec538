"""Evaluation end to end: requests a second, and how much of it is the model.

    python benchmarks/evaluation.py [--raw ~/llmrank/games]

5,000 random test users, ten candidates each in the instruction (the form T3),
ranked by the tiny T5 of experiments/games_tiny.gin, at most 256 and 64 tokens.
With --raw they are users of InstructRec's Games, from the files Games.item and
Games-6k.test.inter that RUCAIBox/LLMRank distributes; else of a made-up shop
with as many customers, whose titles and histories are shorter. The model is
not trained, which changes no time. What is timed is what `instructrec evaluate`
does once everything is imported: it reads the records, makes text and tokens of
them, loads the checkpoint, scores, measures with intervals, and writes results.

  model      `Scorer.score`: batches to the devices, the network, scores back
  compiling  what the first round takes longer there than the others, in which
             XLA's programs come out of a cache
  loading    the checkpoint, onto the devices
  the rest   records to tokens, metrics and intervals, files
"""

import argparse
import contextlib
import importlib.metadata
import io
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import absl.logging

from instructrec_jax import quiet_tensorflow

quiet_tensorflow.load()
absl.logging.set_verbosity(absl.logging.ERROR)

import jax  # noqa: E402
import seqio  # noqa: E402

from instructrec_jax.data import (
  normalize,
  simulate,
)
from instructrec_jax.data.records import build
from instructrec_jax.eval.recording import results  # noqa: E402
from instructrec_jax.runs import evaluate, train
from instructrec_jax.scoring import scorer
from instructrec_jax.tasks import registration  # noqa: E402
from instructrec_jax.vocabulary import training  # noqa: E402

DATASET = "evaluation_benchmark"
TASK = f"instructrec_{DATASET}_p1_i0_t3"
PHASES = ("model", "loading", "the rest")


@contextlib.contextmanager
def timed() -> Iterator[dict[str, float]]:
  """Yields the seconds that the scorer of an evaluation takes."""
  seconds = dict.fromkeys(PHASES, 0.0)
  made, score = scorer.Scorer.__init__, scorer.Scorer.score

  def counted(phase, function):
    def call(*args, **kwargs):
      start = time.perf_counter()
      try:
        return function(*args, **kwargs)
      finally:
        seconds[phase] += time.perf_counter() - start

    return call

  scorer.Scorer.__init__ = counted("loading", made)
  scorer.Scorer.score = counted("model", score)
  try:
    yield seconds
  finally:
    scorer.Scorer.__init__, scorer.Scorer.score = made, score


def prepare(raw: Path | None, folder: Path, requests: int) -> Path:
  """Builds records, and trains a model for two steps; returns its folder."""
  if raw is None:
    # A few have bought too little to be kept.
    simulate.write(folder / "raw", num_users=requests * 11 // 10)
    normalize.normalize("table", folder / "raw/board_games", folder, DATASET)
  else:
    normalize.normalize("instructrec/games", raw, folder, DATASET)
  build.build(folder, DATASET, **training.build_extras(4096))
  # Records lie in random order.
  registration.SPLITS["test_sample"] = f"test[:{requests}]"
  model_dir = folder / "model"
  train.train(
    ["runs/native_finetune.gin", "experiments/games_tiny.gin"],
    [
      f"MODEL_DIR = {str(model_dir)!r}",
      f"MIXTURE_OR_TASK_NAME = {TASK!r}",
      f"VOCABULARY = {DATASET!r}",
      "TRAIN_STEPS = 2",
      "WARMUP_STEPS = 1",
    ],
    tfds_data_dir=str(folder / "records"),
  )
  return model_dir


def evaluate(model_dir: Path, out: Path) -> tuple[dict[str, float], int]:
  """Evaluates once; returns seconds by phase, and the requests measured."""
  with timed() as seconds:
    start = time.perf_counter()
    [folder] = evaluate.evaluate(str(model_dir), out=out, split="test_sample")
    whole = time.perf_counter() - start
  seconds["the rest"] = whole - seconds["model"] - seconds["loading"]
  return seconds, results.read_result(folder).n


def main() -> None:
  """Runs the rounds and prints the table and the line of figures."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument(
    "--raw", type=Path, help="folder of Games' files (a made-up shop)"
  )
  parser.add_argument(
    "--requests", type=int, default=5_000, help="test users (5000)"
  )
  parser.add_argument(
    "--rounds", type=int, default=3, help="timed evaluations (3)"
  )
  args = parser.parse_args()

  versions = ", ".join(
    f"{name} {importlib.metadata.version(name)}"
    for name in ("jax", "tensorflow", "seqio")
  )
  print(
    f"{len(os.sched_getaffinity(0))} cores, Python "
    f"{platform.python_version()}, {versions}; {args.rounds} rounds after a "
    "first one that compiles",
    flush=True,
  )
  with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    jax.config.update("jax_compilation_cache_dir", str(folder / "compiled"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    with contextlib.redirect_stderr(io.StringIO()):
      model_dir = prepare(args.raw, folder, args.requests)
      first, n = evaluate(model_dir, folder / "results")
      print(f"first round: {sum(first.values()):.1f} s", flush=True)
      rounds = []
      for _ in range(args.rounds):
        rounds.append(evaluate(model_dir, folder / "results")[0])
        print(f"round: {sum(rounds[-1].values()):.1f} s", flush=True)
    seqio.set_tfds_data_dir_override(None)

  median = {p: statistics.median(r[p] for r in rounds) for p in PHASES}
  totals = [sum(seconds.values()) for seconds in rounds]
  total = statistics.median(totals)
  where = "a made-up shop" if args.raw is None else "Games"
  print(f"\n{n:,} requests of {where} (those that fit), 10 candidates each\n")
  print(f"{'':<10} {'median s':>9} {'min':>7} {'max':>7} {'share':>7}")
  for phase in PHASES:
    values = [seconds[phase] for seconds in rounds]
    print(
      f"{phase:<10} {median[phase]:9.2f} {min(values):7.2f} "
      f"{max(values):7.2f} {median[phase] / total:7.1%}"
    )
  print(f"{'all':<10} {total:9.2f} {min(totals):7.2f} {max(totals):7.2f}")
  compiling = first["model"] - median["model"]
  print(f"compiling  {compiling:9.2f}  once, before")
  print(
    json.dumps(
      {
        "requests_per_s": round(n / total, 1),
        "model_share": round(median["model"] / total, 3),
        "model_requests_per_s": round(n / median["model"], 1),
        "seconds": round(total, 2),
        "compiling_seconds": round(compiling, 2),
        "requests": n,
        "data": "made up" if args.raw is None else "games",
      }
    )
  )


if __name__ == "__main__":
  main()
