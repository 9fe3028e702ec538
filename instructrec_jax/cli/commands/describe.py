"""`instructrec describe`: count what the instructions of a dataset hold."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from instructrec_jax.cli.shared import flags, values
from instructrec_jax.cli.shared.command import Command

_EXAMPLES = """
  instructrec describe gift_cards_2018 --vocabulary gift_cards_2018
  instructrec describe gift_cards_2018 --vocabulary t5 \\
    --out describe.html --out describe.md --out describe.json
  instructrec describe gift_cards_2018 --sample 0

The output is Markdown. It has the paper's table of its data with this dataset
beside it; the numbers of records, users and histories; how many texts were
written, rejected and absent; instances by family and split; and, for a sample
of rendered instructions, their words and tokens, and how many are shortened or
left out at the given lengths."""


def _add_flags(parser: argparse.ArgumentParser) -> None:
  flags.data_dir(parser)
  flags.files_to_write(parser, ".md, .html or .json")
  add = parser.add_argument
  add("dataset", help="short name of a built dataset")
  add(
    "--sample",
    type=values.whole(0),
    default=500,
    help="render and measure so many training records of each family (500)",
  )
  add(
    "--inputs_length",
    type=values.COUNT,
    default=512,
    help="tokens of an input (512)",
  )
  add(
    "--targets_length",
    type=values.COUNT,
    default=128,
    help="tokens of a target (128)",
  )
  add(
    "--vocabulary",
    type=values.path,
    default="t5",
    help="vocabulary to count tokens with: t5, a dataset built with "
    "--vocabulary_size, or a SentencePiece file (t5)",
  )
  add(
    "--seed",
    type=values.SEED,
    default=0,
    help="seed of wordings and negatives (0)",
  )


def _run(out: Sequence[str], **options: Any) -> None:
  from instructrec_jax.describe import command

  print(command.describe(out=out, **options))
  for path in out:
    print(f"written: {path}", file=sys.stderr)


COMMAND = Command(
  group="data",
  help="count what the instructions of a dataset hold",
  add_flags=_add_flags,
  run=_run,
  examples=_EXAMPLES,
  tensorflow=True,
)
