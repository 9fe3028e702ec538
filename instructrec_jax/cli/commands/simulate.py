"""`instructrec simulate`: write the raw files of the demo world."""

import argparse
from typing import Any

from instructrec_jax import paths
from instructrec_jax.cli.shared import flags, values
from instructrec_jax.cli.shared.command import Command

_EXAMPLES = """
  instructrec simulate world --num_users 500"""


def _add_flags(parser: argparse.ArgumentParser) -> None:
  add = parser.add_argument
  add("out", type=values.folder_to_write, help="folder to write")
  flags.world(parser)
  add("--seed", type=values.SEED, default=0, help="seed of the world (0)")
  flags.overwrite(parser)


def _run(out: str, **options: Any) -> None:
  from instructrec_jax.data import simulate

  folder = paths.local(out, "write to a local one and copy it")
  made = simulate.simulate(folder, **options)
  for domain, interactions in made["counts"].items():
    print(f"{out}/{domain}: {interactions:,} interactions")


COMMAND = Command(
  group="more",
  help="write the raw files of the demo world",
  add_flags=_add_flags,
  run=_run,
  examples=_EXAMPLES,
)
