"""`instructrec describe`."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from instructrec_jax.cli.shared import flags
from instructrec_jax.cli.shared.command import Command

_EXAMPLES = """
  instructrec describe gift_cards_2018 --vocabulary gift_cards_2018
  instructrec describe gift_cards_2018 --vocabulary t5 \\
    --out describe.html --out describe.md --out describe.json
  instructrec describe gift_cards_2018 --sample 0

prints, as Markdown, the paper's table of its data with ours beside it; records,
users and histories; texts that were written, rejected and absent; instances by
family and split; and, of a sample of rendered instructions, words and tokens,
and what is shortened or left out at given lengths."""


def _add_flags(parser: argparse.ArgumentParser) -> None:
  flags.data_dir(parser)
  flags.files_to_write(parser, ".md, .html or .json")
  add = parser.add_argument
  add("dataset", help="short name of built records")
  add(
    "--sample",
    type=int,
    default=500,
    help="training records of a family to render and measure (500)",
  )
  add("--inputs_length", type=int, default=512, help="tokens to fit (512)")
  add("--targets_length", type=int, default=128, help="tokens to fit (128)")
  add(
    "--vocabulary",
    default="t5",
    help="that tokens are counted in: t5, a dataset built with "
    "--vocabulary_size, or a SentencePiece file (t5)",
  )
  add("--seed", type=int, default=0, help="of wordings and negatives (0)")


def _run(out: Sequence[str], **options: Any) -> None:
  from instructrec_jax.describe import command

  print(command.describe(out=out, **options))
  for path in out:
    print(f"written: {path}", file=sys.stderr)


COMMAND = Command(
  group="data",
  help="what the instructions of built records are: counts, words, tokens",
  add_flags=_add_flags,
  run=_run,
  examples=_EXAMPLES,
  tensorflow=True,
)
