"""`instructrec sources`."""

import argparse

from instructrec_jax.cli.shared import values
from instructrec_jax.cli.shared.command import Command

_EXAMPLES = """
  instructrec sources
  instructrec sources --raw ~/Downloads
  instructrec sources movielens/32m --raw ~/Downloads"""


def _add_flags(parser: argparse.ArgumentParser) -> None:
  add = parser.add_argument
  add(
    "name",
    nargs="?",
    help="show one source in detail (without it, a list of all)",
  )
  add(
    "--raw",
    type=values.path,
    help="a folder; shows which files of each source are there or missing",
  )


def _run(name: str | None, raw: str | None) -> None:
  from instructrec_jax.data.sources import listing

  for line in listing.lines(name, raw):
    print(line)


COMMAND = Command(
  group="data",
  help="list the datasets that can be read, and their files in a folder",
  add_flags=_add_flags,
  run=_run,
  examples=_EXAMPLES,
)
