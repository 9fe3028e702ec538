"""`instructrec reproduce`: the tables of InstructRec's paper."""

import argparse
from typing import Any

from instructrec_jax.cli.shared import flags, values
from instructrec_jax.cli.shared.command import Command

_EXAMPLES = """
  instructrec reproduce games --table sequential
  instructrec reproduce gift_cards_2018 --dry_run
  instructrec reproduce video_games_2018 --transfer_to cds_and_vinyl_2018
  instructrec reproduce demo --data_dir demo/data --systems popularity,sasrec \\
    --train_steps 200

Every system ranks the same candidates. A system that is trained and a row that
is ranked are made once: run the command again after it was stopped, or with
more tables. The report has the paper's figures beside ours, and a paired test
of each system against the best one that is not a language model. The wording
of the language model is chosen on validation. All other figures are of test."""


def _add_flags(parser: argparse.ArgumentParser) -> None:
  from instructrec_jax.reproduce.rows import EVERY_TABLE, TABLES
  from instructrec_jax.reproduce.systems import SYSTEMS

  flags.data_dir(parser, written=True)
  flags.gin_bindings(parser)
  add = parser.add_argument
  add("dataset", help="short name of a built dataset, to train on")
  add(
    "--table",
    type=values.names,
    default=[EVERY_TABLE],
    help=f"{', '.join(TABLES)}; several with commas between them "
    f"({EVERY_TABLE})",
  )
  add(
    "--systems",
    type=values.names,
    help=f"some of {', '.join(SYSTEMS)} (all)",
  )
  add("--transfer_to", help="second built dataset, for the table transfer")
  add(
    "--experiment",
    type=values.path,
    help="gin file of the language model (games_tiny.gin on CPUs, Flan-T5-XL "
    "on accelerators); --gin.NAME=VALUE binds more for its training",
  )
  add(
    "--train_steps",
    type=values.COUNT,
    help="steps of every training (those of its gin file)",
  )
  add(
    "--max_seconds",
    type=values.number(above=0),
    help="seconds of every training at most (those of its gin file)",
  )
  add(
    "--wording_requests",
    type=values.COUNT,
    default=500,
    help="validation requests that each wording is asked on (500)",
  )
  add(
    "--num_requests",
    type=values.COUNT,
    help="test requests to draw for each row (all)",
  )
  add(
    "--seed",
    type=values.SEED,
    default=0,
    help="seed of trainings, draws and intervals (0)",
  )
  add(
    "--dry_run",
    action="store_true",
    help="list what would be made and what is skipped, and make nothing",
  )
  add(
    "--out",
    type=values.folder_to_write,
    help="folder for models, results and the report "
    "(DATA_DIR/reproduce/DATASET)",
  )


def _run(**options: Any) -> None:
  from instructrec_jax.reproduce import command

  print(command.reproduce(**options))


COMMAND = Command(
  group="results",
  help="make the tables of InstructRec's paper",
  add_flags=_add_flags,
  run=_run,
  examples=_EXAMPLES,
  tensorflow=True,
)
