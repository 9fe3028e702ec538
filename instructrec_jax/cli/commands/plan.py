"""`instructrec plan`: compute what a run needs on a TPU pod, without one."""

import argparse
import signal
from typing import Any

from instructrec_jax.cli.shared import flags, values
from instructrec_jax.cli.shared.command import Command
from instructrec_jax.settings import listing

_EXAMPLES = """
  instructrec plan --topology=v5e:4x4 --gin_file=runs/native_finetune.gin \\
    --gin_file=experiments/games_flan_t5_xl.gin
  instructrec plan --topology=v4:2x2x4 --scoring --sweep \\
    --gin_file=runs/native_finetune.gin --gin_file=experiments/demo.gin

The exit status is 0 also for a step that does not fit. Each compilation of
Flan-T5-XL takes one and a half to five minutes, with --quick about half of
that. The search for the largest batch takes up to three more compilations."""


def _add_flags(parser: argparse.ArgumentParser) -> None:
  flags.gin(parser)
  add = parser.add_argument
  add(
    "--topology",
    required=True,
    help="chip (v4, v5e, v5p or v6e) and shape, e.g. v5e:4x4 or v4:2x2x4",
  )
  add(
    "--scoring",
    action="store_true",
    help="plan the scoring of candidates instead of training",
  )
  add(
    "--num_candidates",
    type=values.COUNT,
    default=10,
    help="candidates of a request (10)",
  )
  add(
    "--batch_size",
    type=values.COUNT,
    help="rows of a batch over all chips (BATCH_SIZE)",
  )
  add(
    "--largest_batch",
    action=argparse.BooleanOptionalAction,
    default=True,
    help="search for the largest batch that fits (yes)",
  )
  add(
    "--sweep",
    action="store_true",
    help="print a table of every mesh of the chips: NUM_PARTITIONS by "
    "PARAMETER_PARTITIONING_DIMS",
  )
  add(
    "--quick",
    action="store_true",
    help="compile with less effort than a run: the plan shows about a tenth "
    "more memory, and other times and bytes than a run has",
  )
  add("--json", dest="as_json", action="store_true", help="print JSON")


def _run(**options: Any) -> None:
  from instructrec_jax.plan import command

  # There is nothing to save, and the compiler heeds no handler of Python's.
  signal.signal(signal.SIGINT, signal.SIG_DFL)
  signal.signal(signal.SIGTERM, signal.SIG_DFL)
  command.plan(**options)


COMMAND = Command(
  group="models",
  help="compute what a run needs on a TPU pod, without one",
  add_flags=_add_flags,
  run=_run,
  examples=f"{_EXAMPLES}\n\n{listing.in_help('train')}",
)
