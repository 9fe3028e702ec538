"""`instructrec measure`: measure the answers of any model, from a file."""

import argparse
from typing import Any

from instructrec_jax.cli.shared import flags, values
from instructrec_jax.cli.shared.command import Command
from instructrec_jax.settings import listing

_EXAMPLES = """
  instructrec measure glm4.jsonl --system=GLM-4 \\
    --mixture_or_task_name=itdr --out=runs/glm4
  instructrec measure generated_predictions.jsonl \\
    --exported=itdr_test.json --system=GLM-4 \\
    --mixture_or_task_name=itdr --out=runs/glm4

FILE has one JSON object on each line, and no checkpoint is needed:
  {"task": "itdr_top_k_ml_32m", "instance": 17, "prediction": "1. …; 2. …"}
The task and the instance are those that `instructrec export --split test`
writes, so it is enough to add "prediction" to each of its lines. In
LLaMA-Factory's generated_predictions.jsonl (prompt, predict, label) each line
belongs to the line with the same number in --exported, the file that the model
was given."""


def _add_flags(parser: argparse.ArgumentParser) -> None:
  flags.gin(parser, required=False)
  flags.records(parser)
  flags.request_sample(parser)
  add = parser.add_argument
  add(
    "predictions",
    type=values.path,
    metavar="FILE",
    help="the predictions; see below",
  )
  add(
    "--mixture_or_task_name",
    required=True,
    help="the mixture or task that the model answered",
  )
  add(
    "--system",
    type=values.some,
    required=True,
    help="name of the model in tables",
  )
  add(
    "--out",
    type=values.folder_to_write,
    required=True,
    help="folder for results",
  )
  add(
    "--exported",
    type=values.path,
    metavar="FILE",
    help="the file that was answered, where predictions do not name their "
    "tasks",
  )
  add(
    "--allow_missing",
    action="store_true",
    help="leave out requests without a prediction, and count them",
  )
  add(
    "--split",
    default="test",
    help="validation, test, or test_2k, a sample (test)",
  )
  add(
    "--seed",
    type=values.SEED,
    default=0,
    help="seed of the bootstrap intervals (0)",
  )


def _run(predictions: str, **options: Any) -> None:
  from instructrec_jax.report import command
  from instructrec_jax.runs import measure

  print(command.report(measure.measure(predictions, **options)))


COMMAND = Command(
  group="models",
  help="measure the answers of any model, from a file",
  add_flags=_add_flags,
  run=_run,
  examples=f"{_EXAMPLES}\n\n{listing.in_help('mixing')}",
  tensorflow=True,
)
