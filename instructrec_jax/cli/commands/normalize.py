"""`instructrec normalize`: read raw files and write clean tables."""

import argparse
import pathlib
from typing import Any

from instructrec_jax.cli.shared import flags, printing, values
from instructrec_jax.cli.shared.command import Command
from instructrec_jax.errors import InputError

_EXAMPLES = """
  instructrec normalize movielens/100k --raw ~/ml-100k
  instructrec normalize table --raw ~/shop --dataset shop \\
    --user_column customer --item_column sku --time_column day"""


def _add_flags(parser: argparse.ArgumentParser) -> None:
  flags.source(parser)
  flags.data_dir(parser, written=True)
  flags.overwrite(parser)
  parser.add_argument(
    "--seed",
    type=values.SEED,
    default=0,
    help="seed of the order of a user's rows that have the same time (0)",
  )


def _run(source: str, raw: str, **options: Any) -> None:
  from instructrec_jax.data import normalize
  from instructrec_jax.data.sources import proposing

  proposal = proposing.if_needed(source, pathlib.Path(raw), options)
  if proposal is not None:
    print("\n".join(proposal.lines()))
    raise InputError(
      "nothing was read, because no columns are named. The values above are of "
      "the columns that fit best. If they are right, run\n"
      f"  {proposal.command}"
    )
  printing.print_manifest(normalize.normalize(source, raw, **options))


COMMAND = Command(
  group="data",
  help="read raw files and write clean tables",
  add_flags=_add_flags,
  run=_run,
  examples=_EXAMPLES,
)
