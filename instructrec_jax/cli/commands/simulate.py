"""`instructrec simulate`: write the raw files of the demo world."""

import argparse
from typing import Any

from instructrec_jax import paths
from instructrec_jax.cli.shared import flags
from instructrec_jax.cli.shared.command import Command

_EXAMPLES = """
  instructrec simulate world --num_users 500"""


def _add_flags(parser: argparse.ArgumentParser) -> None:
  add = parser.add_argument
  add("out", help="folder to write")
  add("--num_users", type=int, default=2000, help="number of customers (2000)")
  add("--num_items", type=int, default=300, help="items of each domain (300)")
  add("--seed", type=int, default=0, help="seed of the world (0)")
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
