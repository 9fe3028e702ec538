"""`instructrec retrieve`: the items that a model ranks highest, in a file."""

import argparse
from typing import Any

from instructrec_jax import paths
from instructrec_jax.cli.shared import flags, printing, values
from instructrec_jax.cli.shared.command import Command

_EXAMPLES = """
  instructrec retrieve games --model_dir=runs/games_two_towers
  instructrec build games --variant hard \\
    --candidates_file=data/retrieved/games.parquet

For each validation and test request it writes the items of highest score, best
first. The items of the user's training part and history are left out. The
target is not looked at; `instructrec build` takes it out of the negatives."""


def _add_flags(parser: argparse.ArgumentParser) -> None:
  flags.data_dir(parser, written=True)
  flags.gin_bindings(parser)
  add = parser.add_argument
  add("dataset", help="short name of a built dataset")
  add(
    "--model_dir",
    type=values.path,
    required=True,
    help="folder of a training run of a model of items",
  )
  add(
    "--count", type=values.COUNT, default=100, help="items of a request (100)"
  )
  add(
    "--step", type=values.whole(0), help="step of the checkpoint (the newest)"
  )
  add(
    "--out",
    type=values.file_to_write,
    help="Parquet file to write (DATA_DIR/retrieved/DATASET.parquet)",
  )


def _run(dataset: str, data_dir: str, out: str | None, **options: Any) -> None:
  from instructrec_jax.runs import retrieve

  where = paths.anywhere(data_dir) / "retrieved" / f"{dataset}.parquet"
  file = out or where
  counts = retrieve.retrieve(dataset, out=file, data_dir=data_dir, **options)
  print(f"retrieve {dataset}: {file}")
  printing.print_counts(counts)


COMMAND = Command(
  group="models",
  help="write the items that a model ranks highest, as candidates",
  add_flags=_add_flags,
  run=_run,
  examples=_EXAMPLES,
  tensorflow=True,
)
