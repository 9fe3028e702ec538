"""`instructrec build`."""

import argparse
from typing import Any

from instructrec_jax.cli.shared import flags, printing, values
from instructrec_jax.cli.shared.command import Command

_EXAMPLES = """
  instructrec build ml_100k
  instructrec build shop --vocabulary_size 8000
  instructrec build shop --candidates popularity --num_negatives 99
  instructrec build shop --candidates hard --candidates_file retrieved.parquet
  instructrec build shop --candidates hard --candidates_file scores.npy \\
    --among 100
  instructrec build shop --candidates file --candidates_file mine.jsonl
  instructrec build shop --variant search
  instructrec build shop --variant hard --candidates_file retrieved.parquet

A variant is a second set of records of the same dataset, beside the plain one:
  search      queries (labels of items, and vague intentions of training
              targets); items are split 80/10/10; run `annotate` first
  hard        for --candidates hard
  of_100      99 negatives
The tasks of a variant are named instructrec_DATASET_VARIANT_…, for example
instructrec_games_search_p0_i2_t3.

The candidates of a validation or test request are drawn once, by seed, and kept
in the records, so that they are the same for every system. A drawn candidate is
never another item that the user has had.
  uniform     the target and items drawn uniformly
  popularity  items drawn without replacement, in proportion to how often each
              one was taken in training
  hard        the items that a retriever ranks highest; with --among M, items
              drawn uniformly from its first M
  file        the lists of your file, unchanged; items in them that the user has
              had are counted
A candidates file is JSON lines or Parquet and has one row for each user, with
the ids of the tables and the best items first:
  {"user_id": "u1", "items": ["i7", "i2", "i9"]}
A row may have "split" (validation or test; without it the row is for both). In
a file of your own lists it may have "relevant", those of the items that count
as found (without it, the target). A .npy file is a matrix of a retriever's
scores with the shape [users, items], in the order of
tables/DATASET/users.parquet and items.parquet.

At the end, rules that look at no preference are asked on up to 2,000 test
requests. A rule that ranks too well is a warning; see `instructrec audit`.

To rank the whole catalogue no candidates are needed: `instructrec evaluate` and
`instructrec baseline` take --rank=catalogue on any records."""


def _add_flags(parser: argparse.ArgumentParser) -> None:
  flags.data_dir(parser, written=True)
  flags.vocabulary_size(parser)
  flags.overwrite(parser)
  add = parser.add_argument
  add("dataset", help="short name of a normalized dataset")
  add(
    "--seed",
    type=values.SEED,
    default=0,
    help="seed of negatives and orders (0)",
  )
  add(
    "--variant",
    default="",
    help="build other records of the dataset: search, hard or of_100 (none)",
  )
  add(
    "--candidates",
    help="what the target is ranked among in validation and test: uniform, "
    "popularity, hard or file; see below (uniform)",
  )
  add(
    "--candidates_file",
    type=values.path,
    help="file of a retriever, or your own; see below",
  )
  add(
    "--among",
    type=values.COUNT,
    help="hard: draw from so many of the retriever's first items "
    "(num_negatives)",
  )
  add(
    "--num_negatives", type=values.COUNT, help="negatives of each request (9)"
  )
  flags.max_history(parser)


def _run(vocabulary_size: int | None, data_dir: str, **options: Any) -> None:
  from instructrec_jax.data.records import build

  extras = {}
  if vocabulary_size is not None:
    from instructrec_jax.vocabulary import training

    extras = training.build_extras(vocabulary_size)
  made = build.build(data_dir, **options, **extras)
  printing.print_manifest(made)
  printing.print_leaks(made, data_dir)


COMMAND = Command(
  group="data",
  help="turn tables into records: splits, histories, candidates",
  add_flags=_add_flags,
  run=_run,
  examples=_EXAMPLES,
  tensorflow=True,
)
