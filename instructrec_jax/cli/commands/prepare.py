"""`instructrec prepare`."""

import argparse
from typing import Any

from instructrec_jax.cli.shared import flags, printing
from instructrec_jax.cli.shared.command import Command

_EXAMPLES = """
  instructrec prepare amazon_2018/Gift_Cards --raw ~/amazon_2018
  instructrec prepare movielens/100k --raw ~/ml-100k --vocabulary_size 8000

is, with the extractive teacher and what each command does unless told otherwise
  instructrec normalize SOURCE --raw RAW
  instructrec annotate DATASET
  instructrec build DATASET
  instructrec build DATASET --variant search
  instructrec describe DATASET --sample 0
Annotations that are there already are kept, whoever wrote them.
Families whose texts a dataset cannot have, such as those of intentions where
there are no reviews, are left out when a mixture is used."""


def _add_flags(parser: argparse.ArgumentParser) -> None:
  flags.source(parser)
  flags.data_dir(parser)
  flags.per_user(parser)
  flags.vocabulary_size(parser)
  flags.overwrite(parser)
  parser.add_argument("--seed", type=int, default=0, help="of all stages (0)")


def _run(data_dir: str, **options: Any) -> None:
  from instructrec_jax.describe import command
  from instructrec_jax.runs import prepare

  done = prepare.prepare(data_dir=data_dir, **options)
  for manifest in done.values():
    printing.print_manifest(manifest)
  dataset = done["build"]["options"]["dataset"]
  print()
  print(command.describe(dataset, data_dir, sample=0))


COMMAND = Command(
  group="data",
  help="raw files to instructions: normalize, annotate, build and describe",
  add_flags=_add_flags,
  run=_run,
  examples=_EXAMPLES,
  tensorflow=True,
)
