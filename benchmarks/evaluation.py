"""Evaluation end to end: requests a second, and how much of it is the model.

    python benchmarks/evaluation.py [--raw ~/llmrank/games]

5,000 test users, ten candidates each in the instruction (the form T3),
ranked by the tiny T5 of experiments/games_tiny.gin, at most 256 and 64 tokens.
They are those of a made-up shop with as many customers. With --raw they are
2,000 users of InstructRec's Games, whose titles and histories are longer, from
the files Games.item and Games-6k.test.inter that RUCAIBox/LLMRank distributes.
The model is not trained, which changes no time. What is timed is what
`instructrec evaluate` does once everything is imported, by its own clock:

  loading    the checkpoint, onto the devices
  requests   records become text and tokens
  model      batches go to the devices, through the network, and scores back
  metrics    scores become metrics with intervals, and files
  the rest   gin files, and the tasks that are looked up
  compiling  what the first round takes longer in the model than the others, in
             which XLA's programs come out of a cache

The last line is a JSON object. Of the medians: requests_per_s,
model_requests_per_s of the model alone, model_share of the whole, seconds of
the whole, compiling_seconds once; requests is their number, data is "made up"
or "games".
"""

import argparse
import contextlib
import io
import tempfile
from collections.abc import Generator, Sequence
from pathlib import Path

import absl.logging
import figures
import jax
import numpy as np
import seqio
from flax import traverse_util

from instructrec_jax import gin_files
from instructrec_jax.data import normalize, simulate
from instructrec_jax.data.records import build
from instructrec_jax.eval.recording import results
from instructrec_jax.runs import evaluate
from instructrec_jax.runs.clock import Clock
from instructrec_jax.vocabulary import training
from instructrec_jax.weights import native, tensor

DATASET = "evaluation_benchmark"
TASK = f"instructrec_{DATASET}_p1_i0_t3"
FILES = ("experiments/games_tiny.gin",)
BINDINGS = (f"MIXTURE_OR_TASK_NAME = {TASK!r}", f"VOCABULARY = {DATASET!r}")
PHASES = ("loading", "requests", "model", "metrics", "the rest")


def prepare(raw: Path | None, folder: Path, requests: int) -> None:
  """Builds records, and writes a model of random weights."""
  if raw is None:
    simulate.write(folder / "raw", num_users=requests)
    normalize.normalize("table", folder / "raw/board_games", folder, DATASET)
  else:
    normalize.normalize("instructrec/games", raw, folder, DATASET)
  build.build(folder, DATASET, **training.build_extras(4096))
  gin_files.parse(
    ["runs/native_evaluate.gin", *FILES],
    [*BINDINGS, f"MODEL_DIR = {str(folder / 'model')!r}"],
  )
  shapes = gin_files.macro("MODEL").parameter_shapes()
  rng = np.random.default_rng(0)
  weights = {
    name: tensor.Tensor.of(rng.normal(0, 0.1, x.shape).astype(np.float32))
    for name, x in traverse_util.flatten_dict(shapes, sep="/").items()
  }
  native.write(folder / "model", weights, written=lambda _: None)


def evaluate_once(folder: Path, split: str) -> tuple[dict[str, float], int]:
  """Evaluates; returns the seconds of each phase, and the requests measured."""
  clock = Clock()
  with clock.during("the rest"):
    [results_folder] = evaluate.evaluate(
      str(folder / "model"),
      FILES,
      BINDINGS,
      tfds_data_dir=str(folder / "records"),
      out=folder / "results",
      split=split,
      clock=clock,
    )
  return clock.seconds, results.read_result(results_folder).n


def run(args: argparse.Namespace) -> tuple[int, list[dict[str, float]]]:
  """Returns the requests measured, and the seconds of the first round on."""
  rounds, n = [], 0
  split = "test_2k" if args.raw else "test"
  with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    prepare(args.raw, folder, args.requests)
    for _ in range(args.rounds + 1):
      seconds, n = evaluate_once(folder, split)
      rounds.append(seconds)
      print(f"a round: {sum(seconds.values()):.1f} s", flush=True)
  seqio.set_tfds_data_dir_override(None)
  return n, rounds


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
  """Returns the command line's options."""
  flags = figures.parser(__doc__, rounds=3)
  flags.add_argument(
    "--raw", type=Path, help="folder of Games' files (a made-up shop)"
  )
  flags.add_argument(
    "--requests", type=int, default=5_000, help="of the made-up shop (5000)"
  )
  return figures.parse(flags, arguments, requests=100, rounds=1)


def main(arguments: Sequence[str] | None = None) -> None:
  """Runs the rounds and prints the table and the line of figures."""
  args = parse(arguments)
  where = "Games" if args.raw else "a made-up shop"
  figures.introduce(
    ("jax", "tensorflow", "seqio"),
    f"requests of {where}, 10 candidates each; {args.rounds} rounds after a "
    "first one that compiles",
  )
  absl.logging.set_verbosity(absl.logging.ERROR)
  with contextlib.redirect_stderr(io.StringIO()):
    n, [first, *rounds] = run(args)

  print(f"{n:,} requests were measured (those that fit)")
  phases = {phase: [r[phase] for r in rounds] for phase in PHASES}
  phases["all"] = [sum(seconds.values()) for seconds in rounds]
  medians = figures.table("seconds", phases, "all")
  compiling = first["model"] - medians["model"]
  print(f"compiling {compiling:.2f} s, once, before")
  figures.finish(
    {
      "requests_per_s": round(n / medians["all"], 1),
      "model_share": figures.ratio(medians["model"], medians["all"]),
      "model_requests_per_s": round(n / medians["model"], 1),
      "seconds": round(medians["all"], 2),
      "compiling_seconds": round(compiling, 2),
      "requests": n,
      "data": "games" if args.raw else "made up",
    }
  )


@contextlib.contextmanager
def compiled_once() -> Generator[None]:
  """Keeps XLA's programs on disk, as each evaluation asks for them again."""
  with tempfile.TemporaryDirectory() as folder:
    jax.config.update("jax_compilation_cache_dir", folder)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    yield


if __name__ == "__main__":
  with compiled_once():
    main()
