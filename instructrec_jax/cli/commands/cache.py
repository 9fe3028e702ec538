"""`instructrec cache`."""

import argparse
from typing import Any

from instructrec_jax.cli.shared import flags, printing, values
from instructrec_jax.cli.shared.command import Command
from instructrec_jax.settings import listing

_EXAMPLES = """
  instructrec cache --gin_file=gin/experiments/games_tiny.gin --epochs=4 \\
    --out=data/tokens/games"""


def _add_flags(parser: argparse.ArgumentParser) -> None:
  flags.gin(parser)
  flags.records(parser)
  flags.overwrite(parser)
  add = flags.left_to_gin(parser)
  add(
    "--out",
    type=values.folder_to_write,
    help="folder to write the tokens to (CACHED_TOKENS)",
  )
  add(
    "--epochs",
    type=values.COUNT,
    help="times to render the records, each with other wordings and negatives "
    "(1)",
  )


def _run(**options: Any) -> None:
  from instructrec_jax.runs import cache

  printing.print_manifest(cache.cache(**options), "mixture")


COMMAND = Command(
  group="models",
  help="write training tokens once, to train without TensorFlow",
  add_flags=_add_flags,
  run=_run,
  examples=f"{_EXAMPLES}\n\n{listing.in_help('cache')}",
  tensorflow=True,
)
