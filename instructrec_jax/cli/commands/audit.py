"""`instructrec audit`: what a trick could score on a dataset's requests."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from instructrec_jax.cli.shared import flags, values
from instructrec_jax.cli.shared.command import Command

_EXAMPLES = """
  instructrec audit ml_100k
  instructrec audit ml_100k --split validation --out audit.md --out audit.json
  instructrec audit shop --variant of_100

The output is Markdown. Its first table has a row for each rule that looks at no
preference, such as "the candidate whose id comes next after the last item's",
"the longest title" or "has a price", and what the rule scores on the requests
as they stand, with 95 % intervals. A rule that is clearly above popularity is
named as a leak, and so is one that is clearly above guessing if a model can see
what it looks at. Another table has the share of the target's title words that
an intention gives away."""


def _add_flags(parser: argparse.ArgumentParser) -> None:
  flags.data_dir(parser)
  flags.files_to_write(parser, ".md or .json")
  add = parser.add_argument
  add("dataset", help="short name of a built dataset")
  add(
    "--variant",
    default="",
    help="audit other records of the dataset: search, hard or of_100 (none)",
  )
  add("--split", default="test", help="validation or test (test)")
  add(
    "--seed", type=values.SEED, default=0, help="seed of ties and intervals (0)"
  )


def _run(out: Sequence[str], **options: Any) -> None:
  from instructrec_jax.audit import command

  print(command.audit(out=out, **options))
  for path in out:
    print(f"written: {path}", file=sys.stderr)


COMMAND = Command(
  group="data",
  help="show what a rule that knows nothing scores on a dataset",
  add_flags=_add_flags,
  run=_run,
  examples=_EXAMPLES,
  tensorflow=True,
)
