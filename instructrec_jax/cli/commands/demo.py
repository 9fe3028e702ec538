"""`instructrec demo`: everything on the embedded world: simulate to report."""

import argparse
from typing import Any

from instructrec_jax.cli.shared import flags
from instructrec_jax.cli.shared.command import Command

_EXAMPLES = """
  instructrec demo --out demo
  instructrec demo --out small --num_users 200 --gin.TRAIN_STEPS=20"""


def _add_flags(parser: argparse.ArgumentParser) -> None:
  add = parser.add_argument
  add("--out", default="demo", help="folder for everything (demo)")
  add("--seed", type=int, default=0, help="of world, build and training (0)")
  add("--num_users", type=int, default=2000, help="customers (2000)")
  add("--num_items", type=int, default=300, help="items a domain (300)")
  flags.gin_bindings(parser)


def _run(**options: Any) -> None:
  from instructrec_jax.runs import demo

  demo.demo(**options)


COMMAND = Command(
  group="more",
  help="everything on the embedded world: simulate to report",
  add_flags=_add_flags,
  run=_run,
  examples=_EXAMPLES,
  tensorflow=True,
)
