"""`instructrec gin-path`: print the folder of the gin files."""

import argparse

from instructrec_jax.cli.shared.command import Command

_EXAMPLES = """
  python -m t5x.train --gin_search_paths=$(instructrec gin-path) …"""


def _add_flags(parser: argparse.ArgumentParser) -> None:
  del parser  # There are none.


def _run() -> None:
  from instructrec_jax import gin_files

  print(gin_files.path())


COMMAND = Command(
  group="more",
  help="print the folder of the gin files",
  add_flags=_add_flags,
  run=_run,
  examples=_EXAMPLES,
)
