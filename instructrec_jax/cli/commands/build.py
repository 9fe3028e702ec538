"""`instructrec build`: tables to records: split, histories, candidates."""

import argparse
from typing import Any

from instructrec_jax.cli.shared import flags, printing
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

variants are records of their own, beside the plain ones:
  search      queries (labels of items, and vague intentions of training
              targets), items split 80/10/10; annotate first
  hard        for --candidates hard
  of_100      99 negatives
Their tasks are instructrec_DATASET_VARIANT_…, e.g.
instructrec_games_search_p0_i2_t3.

candidates of a validation or test request, drawn once by seed and kept in the
records, so that they are the same for every system. What is drawn is never
another item that the user has met:
  uniform     the target and items drawn uniformly
  popularity  drawn without replacement, in proportion to how often each was
              taken in training
  hard        what a retriever ranks highest; with --among M, drawn uniformly
              from its first M
  file        the lists of a file, as they stand there; items in them that the
              user has met are counted
A file has a line a user (JSON lines or Parquet), with the ids of the tables,
best items first:
  {"user_id": "u1", "items": ["i7", "i2", "i9"]}
and perhaps "split" (validation or test; else for both) and, of one's own lists,
"relevant" (those of the items that count as found; else the target). A matrix
of a retriever's scores, .npy, has the shape [users, items], in the order of
tables/DATASET/users.parquet and items.parquet.
To rank the whole catalogue nothing is drawn: `instructrec evaluate` and
`instructrec baseline` take --rank=catalogue, on any records."""


def _add_flags(parser: argparse.ArgumentParser) -> None:
  flags.data_dir(parser)
  flags.vocabulary_size(parser)
  flags.overwrite(parser)
  add = parser.add_argument
  add("dataset", help="short name of normalized tables")
  add("--seed", type=int, default=0, help="of negatives and orders (0)")
  add(
    "--variant",
    default="",
    help="other records of the same dataset: search, hard or of_100; see below",
  )
  add(
    "--candidates",
    help="what stands beside the target in validation and test: uniform, "
    "popularity, hard, or file; see below (uniform)",
  )
  add("--candidates_file", help="of a retriever, or your own; see below")
  add(
    "--among",
    type=int,
    help="hard: the retriever's first items to draw from (num_negatives)",
  )
  add("--num_negatives", type=int, help="of a request, drawn ones (9)")
  add("--max_history", type=int, default=50, help="newest items (50)")


def _run(vocabulary_size: int | None, **options: Any) -> None:
  from instructrec_jax.data.records import build

  extras = {}
  if vocabulary_size is not None:
    from instructrec_jax.vocabulary import training

    extras = training.build_extras(vocabulary_size)
  printing.print_manifest(build.build(**options, **extras))


COMMAND = Command(
  group="data",
  help="tables to records: split, histories, candidates",
  add_flags=_add_flags,
  run=_run,
  examples=_EXAMPLES,
  tensorflow=True,
)
