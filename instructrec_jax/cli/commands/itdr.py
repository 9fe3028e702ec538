"""`instructrec itdr`."""

import argparse
from typing import Any

from instructrec_jax.cli.shared import flags, printing, values
from instructrec_jax.cli.shared.command import Command

_EXAMPLES = """
  instructrec itdr
  instructrec itdr top_k rating_prediction_ml_32m \\
    --tables ml_32m=ml_latest_small --size 600
  instructrec itdr understanding --vocabulary_size 8000
  instructrec itdr interests --teacher api --model gpt-4o-mini --estimate

A pair is a subtask with a dataset. It is built from the tables that
`instructrec normalize` has written, and becomes the SeqIO task itdr_PAIR. The
subtasks, under their root tasks:
  interaction    rating_prediction, top_k, cross_domain, next_item
  understanding  user_attributes, interests, target_users

Without names, all pairs whose tables exist are built, and the others are
listed. A user is in the same split in all pairs. A teacher writes the answers
of interests and target_users, as in `instructrec annotate`. An instance without
a good text is left out and counted, and another one takes its place.

--vocabulary_size trains one vocabulary on the texts of all pairs that were
built: DATA_DIR/records/itdr_vocabulary/vocabulary.model."""


def _add_flags(parser: argparse.ArgumentParser) -> None:
  flags.data_dir(parser, written=True)
  flags.vocabulary_size(parser)
  flags.overwrite(parser)
  add = parser.add_argument
  add(
    "pairs",
    nargs="*",
    metavar="PAIR",
    help="pairs, subtasks or root tasks (all whose tables exist)",
  )
  add(
    "--size",
    type=values.COUNT,
    help="instances of each pair, divided 8 : 1 : 1 into train, validation and "
    "test (as many as in the paper)",
  )
  add(
    "--tables",
    type=values.pair,
    action="append",
    default=[],
    metavar="DATASET=OTHER",
    help="use other tables, e.g. ml_32m=ml_latest_small; may be given several "
    "times",
  )
  add("--seed", type=values.SEED, default=0, help="seed of all draws (0)")
  flags.teacher(parser)


def _run(**options: Any) -> None:
  from instructrec_jax.itdr import command
  from instructrec_jax.teacher.annotation.choosing import Instead

  done = command.itdr(**options)
  if isinstance(done, Instead):
    print(f"itdr: {done.did}")
    printing.print_counts(done.counts)
    return
  for line in command.summary(done):
    print(line)


COMMAND = Command(
  group="data",
  help="turn tables into ITDR's records: seven subtasks, 33 pairs",
  add_flags=_add_flags,
  run=_run,
  examples=_EXAMPLES,
  tensorflow=True,
)
