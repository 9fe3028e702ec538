"""`instructrec train`: train with our own runner, or continue a run."""

import argparse
from typing import Any

from instructrec_jax.cli.shared import flags
from instructrec_jax.cli.shared.command import Command
from instructrec_jax.settings import listing

_EXAMPLES = """
  instructrec train --gin_file=gin/runs/native_finetune.gin \\
    --gin_file=gin/experiments/demo.gin --tfds_data_dir=demo/data/records \\
    --gin.MODEL_DIR="'runs/long'" --gin.TRAIN_STEPS=2000"""


def _add_flags(parser: argparse.ArgumentParser) -> None:
  flags.gin(parser)
  flags.records(parser)
  flags.processes(parser)


def _run(**options: Any) -> None:
  from instructrec_jax.runs import train

  with flags.joined_processes(options):
    manifest = train.train(**options)
  print(f"{manifest['mixture']}: {manifest['step']} steps are trained")


COMMAND = Command(
  group="models",
  help="train with our own runner, or continue a run",
  add_flags=_add_flags,
  run=_run,
  examples=f"{_EXAMPLES}\n\n{listing.in_help('train')}",
)
