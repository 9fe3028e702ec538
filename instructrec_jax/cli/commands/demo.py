"""`instructrec demo`."""

import argparse
from typing import Any

from instructrec_jax.cli.shared import flags, values
from instructrec_jax.cli.shared.command import Command

_EXAMPLES = """
  instructrec demo --out demo
  instructrec demo --out small --num_users 200 --gin.TRAIN_STEPS=20"""


def _add_flags(parser: argparse.ArgumentParser) -> None:
  add = parser.add_argument
  add(
    "--out",
    type=values.folder_to_write,
    default="demo",
    help="folder to write everything to (demo)",
  )
  add(
    "--seed",
    type=values.SEED,
    default=0,
    help="seed of the world, the records and training (0)",
  )
  flags.world(parser)
  flags.gin_bindings(parser)


def _run(**options: Any) -> None:
  from instructrec_jax.runs import demo

  demo.demo(**options)


COMMAND = Command(
  group="more",
  help="run everything on the embedded world, from files to a report",
  add_flags=_add_flags,
  run=_run,
  examples=_EXAMPLES,
  tensorflow=True,
)
