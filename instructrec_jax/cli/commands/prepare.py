"""`instructrec prepare`: go from raw files to instructions in one command."""

import argparse
from typing import Any

from instructrec_jax.cli.shared import flags, printing, values
from instructrec_jax.cli.shared.command import Command

_EXAMPLES = """
  instructrec prepare amazon_2018/Gift_Cards --raw ~/amazon_2018
  instructrec prepare movielens/100k --raw ~/ml-100k --vocabulary_size 8000

This runs five commands with their defaults and the extractive teacher:
  instructrec normalize SOURCE --raw RAW
  instructrec annotate DATASET
  instructrec build DATASET
  instructrec build DATASET --variant search
  instructrec describe DATASET --sample 0
Annotations that exist already are kept, whichever teacher wrote them. If a
dataset cannot have the texts of a family (there are no intentions without
reviews), mixtures leave the family out."""


def _add_flags(parser: argparse.ArgumentParser) -> None:
  flags.source(parser)
  flags.data_dir(parser, written=True)
  flags.per_user(parser)
  flags.vocabulary_size(parser)
  flags.max_history(parser)
  flags.overwrite(parser)
  parser.add_argument(
    "--seed", type=values.SEED, default=0, help="seed of all stages (0)"
  )


def _run(data_dir: str, **options: Any) -> None:
  from instructrec_jax.describe import command
  from instructrec_jax.runs import prepare

  done = prepare.prepare(data_dir=data_dir, **options)
  for manifest in done.values():
    printing.print_manifest(manifest)
    if manifest["stage"] == "build":
      printing.print_leaks(manifest, data_dir)
  dataset = done["build"]["options"]["dataset"]
  print()
  print(command.describe(dataset, data_dir, sample=0))


COMMAND = Command(
  group="data",
  help="go from raw files to instructions in one command",
  add_flags=_add_flags,
  run=_run,
  examples=_EXAMPLES,
  tensorflow=True,
)
