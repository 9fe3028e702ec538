"""Packing tokens into batches: ours from a cache against SeqIO's packer.

    python benchmarks/packing.py

Lengths are those of InstructRec's examples: inputs log-normal with median 180
and sigma 0.8, cut at 512; targets with median 12 and sigma 0.7, cut at 128.
Tokens are random. Both sides make the same features, int32 and in batches of
as many rows, in turns, in one process pinned to one core; seconds are the
process's own, so that what else the machine does counts less.

  ours    a cache on disk, as `instructrec cache` writes it: a shuffled epoch
          out of `from_tokens.CachedBatches`, packing and all
  SeqIO   the same tokens in memory: `seqio.EncDecFeatureConverter`, which
          packs by `trim_and_pack_dataset`, then `batch`

The second table is the way from records to batches, with the demo world's
text and vocabulary at 192/24 tokens: SeqIO's pipeline, which renders,
tokenizes, packs; writing it to a cache once; and reading it from there. All
of it on one core as well, of the many that SeqIO could use.

The last line is a JSON object. Of packing: real_token_share and examples_per_s
of ours, seqio_real_token_share and seqio_examples_per_s of SeqIO. From records
on: pipeline_examples_per_s out of our cache, seqio_pipeline_examples_per_s out
of SeqIO's pipeline, cache_examples_per_s while the cache is written.
"""

import argparse
import contextlib
import io
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import absl.logging
import figures
import gin
import numpy as np
import seqio
import tensorflow as tf

from instructrec_jax import artifacts, tasks
from instructrec_jax.batches import from_records, from_tokens, token_cache
from instructrec_jax.data import normalize, simulate
from instructrec_jax.data.records import build
from instructrec_jax.runs import cache
from instructrec_jax.vocabulary import training

ROW = (512, 128)
MEDIANS, SIGMAS = (180, 12), (0.8, 0.7)
PIECES = 32128
# Sides of the first table, and of the second.
SEQIO, OURS = "SeqIO trim_and_pack", "ours, from cached tokens"
RECORDS, CACHE = "SeqIO, records to batches", "instructrec cache"
CACHED = "cached tokens to batches"
MIXTURE = "instructrec_demo"
WORLD_ROW = {"inputs": 192, "targets": 24}

Batches = Iterator[dict[str, np.ndarray]]


def draw(examples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
  """Returns tokens and lengths, as `token_cache.Writer.add` takes them."""
  rng = np.random.default_rng(seed)
  columns = rng.lognormal(np.log(MEDIANS), SIGMAS, (examples, 2))
  lengths_Ex2 = np.clip(columns.round().astype(np.int64), 1, ROW)
  return rng.integers(3, PIECES, lengths_Ex2.sum()), lengths_Ex2


def write(
  folder: Path, tokens: np.ndarray, lengths_Ex2: np.ndarray
) -> token_cache.TokenCache:
  """Writes a cache of one task."""
  task = {"records": len(lengths_Ex2), "examples": len(lengths_Ex2)}

  def fill(staging: Path) -> dict:
    with token_cache.Writer(staging, ROW, PIECES) as writer:
      writer.add(tokens, lengths_Ex2)
    return {
      "examples": writer.examples,
      "tokens": writer.tokens,
      "tasks": {"drawn": task},
    }

  artifacts.run_stage(
    token_cache.STAGE,
    folder,
    fill,
    inputs={},
    options={
      "task_feature_lengths": dict(zip(token_cache.FEATURES, ROW, strict=True)),
      "epochs": 1,
      "rates": {"drawn": 1.0},
      "pieces": PIECES,
    },
  )
  return token_cache.TokenCache(folder)


def seqio_batches(
  tokens: np.ndarray, lengths_Ex2: np.ndarray, batch_size: int
) -> Batches:
  """Yields SeqIO's batches of the same examples."""
  sides = tf.RaggedTensor.from_row_lengths(
    tf.constant(tokens, tf.int32), lengths_Ex2.reshape(-1)
  )
  ds = tf.data.Dataset.from_tensor_slices(
    {"inputs": sides[::2], "targets": sides[1::2]}
  )
  ds = ds.map(lambda example: {k: v[:] for k, v in example.items()})
  lengths = dict(zip(token_cache.FEATURES, ROW, strict=True))
  ds = seqio.EncDecFeatureConverter(pack=True)(ds, lengths)
  return ds.batch(batch_size).as_numpy_iterator()


def measure(
  batches: Batches, examples: int, uncounted: int = 0
) -> tuple[float, float]:
  """Takes batches until they held so many examples.

  Args:
    batches: at their start.
    examples: how many to take, if there are.
    uncounted: batches to take before.

  Returns:
    Examples a second, and the share of real tokens.
  """
  for _ in range(uncounted):
    next(batches)
  seen = tokens = positions = 0
  spent = 0.0
  while seen < examples:
    start = time.process_time()
    batch = next(batches, None)
    spent += time.process_time() - start
    if batch is None:
      break
    seen += int(batch["encoder_segment_ids"].max(axis=1).sum())
    for name in ("encoder_segment_ids", "decoder_segment_ids"):
      tokens += np.count_nonzero(batch[name])
      positions += batch[name].size
  return seen / spent, tokens / positions


def make_world(folder: Path, users: int) -> None:
  """Builds the demo world's records, and registers their tasks."""
  simulate.write(folder / "raw", num_users=users)
  normalize.normalize("table", folder / "raw" / "board_games", folder, "demo")
  build.build(folder, "demo", **training.build_extras(512))
  seqio.set_tfds_data_dir_override(str(folder / "records"))
  tasks.register_found(folder / "records")
  gin.bind_parameter("vocabulary.location", "demo")


def cache_world(folder: Path, mixture: str) -> float:
  """Caches the world's tokens; returns examples/s."""
  start = time.process_time()
  manifest = cache.cache_tokens(str(folder), mixture, WORLD_ROW)
  return manifest["counts"]["examples"] / (time.process_time() - start)


def run_packing(
  folder: Path, args: argparse.Namespace
) -> tuple[dict[str, list[float]], dict[str, float]]:
  """Measures both packers; returns examples/s and fill by side."""
  tokens, lengths_Ex2 = draw(args.examples, seed=0)
  cached = write(folder / "cache", tokens, lengths_Ex2)
  means = lengths_Ex2.mean(axis=0)
  none, bound = (
    means.sum() / sum(ROW) * rate for rate in (1, ROW[0] / means[0])
  )
  print(
    f"without packing {none:.1%} of tokens are real, and with any packing at "
    f"most {bound:.1%}"
  )
  few = args.seqio_examples
  sides: dict[str, tuple[Callable[[int], Batches], int]] = {
    SEQIO: (
      lambda _: seqio_batches(
        tokens[: lengths_Ex2[:few].sum()], lengths_Ex2[:few], args.batch_size
      ),
      few,
    ),
    OURS: (
      lambda seed: from_tokens.CachedBatches(cached, args.batch_size, seed),
      args.examples,
    ),
  }
  runs = {side: [] for side in sides}
  fills = {}
  for seed in range(-1, args.rounds):
    for side, (batches, examples) in sides.items():
      rate, fills[side] = measure(batches(seed + 1), examples)
      if seed >= 0:  # A round before, to warm up.
        runs[side].append(rate)
  return runs, fills


def run_pipeline(
  folder: Path, args: argparse.Namespace
) -> dict[str, list[float]]:
  """Measures the way from records to batches; returns examples/s by side."""
  make_world(folder, args.users)
  runs = {RECORDS: [], CACHE: [], CACHED: []}
  for seed in range(args.rounds):
    slow = from_records.train_batches(
      args.mixture, WORLD_ROW, args.batch_size, seed
    )
    writing = cache_world(folder / f"tokens_{seed}", args.mixture)
    cached = token_cache.TokenCache(folder / f"tokens_{seed}")
    fast = from_tokens.CachedBatches(cached, args.batch_size, seed)
    rates = (
      # Filling the shuffle buffers is not counted.
      measure(slow, args.pipeline_examples, uncounted=1)[0],
      writing,
      measure(fast, 20 * args.pipeline_examples)[0],
    )
    for side, rate in zip(runs, rates, strict=True):
      runs[side].append(rate)
  return runs


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
  """Returns the command line's options."""
  flags = figures.parser(__doc__, rounds=5)
  for name, default, what in (
    ("examples", 200_000, "to pack from the cache"),
    ("seqio_examples", 20_000, "to pack with SeqIO"),
    ("pipeline_examples", 5_000, "out of the demo world's records"),
    ("users", 400, "of the demo world"),
    ("batch_size", 128, "rows"),
  ):
    help_ = f"{what} ({default})"
    flags.add_argument(f"--{name}", type=int, default=default, help=help_)
  flags.add_argument(
    "--mixture", default=MIXTURE, help=f"of the demo world ({MIXTURE})"
  )
  toy: dict[str, object] = {
    "examples": 500,
    "seqio_examples": 100,
    "pipeline_examples": 50,
  }
  toy |= {"mixture": f"{MIXTURE}_p1_i0_t3", "users": 150, "batch_size": 8}
  return figures.parse(flags, arguments, **toy, rounds=1)


def main(arguments: Sequence[str] | None = None) -> None:
  """Runs the rounds and prints the tables and the line of figures."""
  args = parse(arguments)
  figures.introduce(
    ("numpy", "seqio", "tensorflow"),
    f"{args.examples:,} examples, rows of {ROW[0]}/{ROW[1]} tokens, batches of "
    f"{args.batch_size}; {args.rounds} rounds, each side once a round",
  )
  absl.logging.set_verbosity(absl.logging.ERROR)
  with tempfile.TemporaryDirectory() as folder:
    packing, fills = run_packing(Path(folder), args)
    medians = figures.table("examples/s", packing, SEQIO, digits=0)
    for side, fill in fills.items():
      print(f"  {side}: {fill:.1%} of tokens are real")
    with contextlib.redirect_stderr(io.StringIO()):
      ways = run_pipeline(Path(folder), args)
    medians |= figures.table("examples/s", ways, RECORDS, digits=0)

  figures.finish(
    {
      "real_token_share": round(fills[OURS], 4),
      "examples_per_s": round(medians[OURS]),
      "seqio_real_token_share": round(fills[SEQIO], 4),
      "seqio_examples_per_s": round(medians[SEQIO]),
      "pipeline_examples_per_s": round(medians[CACHED]),
      "seqio_pipeline_examples_per_s": round(medians[RECORDS]),
      "cache_examples_per_s": round(medians[CACHE]),
    }
  )


if __name__ == "__main__":
  figures.pin()
  main()
