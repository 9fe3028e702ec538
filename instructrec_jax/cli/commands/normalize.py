"""`instructrec normalize`: read raw files and write clean tables."""

import argparse
from typing import Any

from instructrec_jax.cli.shared import flags, printing
from instructrec_jax.cli.shared.command import Command

_EXAMPLES = """
  instructrec normalize movielens/100k --raw ~/ml-100k
  instructrec normalize table --raw ~/shop --dataset shop \\
    --user_column customer --item_column sku --time_column day"""


def _add_flags(parser: argparse.ArgumentParser) -> None:
  flags.source(parser)
  flags.data_dir(parser)
  flags.overwrite(parser)
  parser.add_argument(
    "--seed",
    type=int,
    default=0,
    help="seed of the order of a user's rows that have the same time (0)",
  )


def _run(source: str, raw: str, **options: Any) -> None:
  from instructrec_jax.data import normalize

  printing.print_manifest(normalize.normalize(source, raw, **options))


COMMAND = Command(
  group="data",
  help="read raw files and write clean tables",
  add_flags=_add_flags,
  run=_run,
  examples=_EXAMPLES,
)
