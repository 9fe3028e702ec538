"""`instructrec measure`: measure what any model has answered, from a file."""

import argparse
from typing import Any

from instructrec_jax.cli.shared import flags
from instructrec_jax.cli.shared.command import Command

_EXAMPLES = """
  instructrec measure glm4.jsonl --system=GLM-4 \\
    --mixture_or_task_name=itdr --out=runs/glm4
  instructrec measure generated_predictions.jsonl \\
    --exported=itdr_test.json --system=GLM-4 \\
    --mixture_or_task_name=itdr --out=runs/glm4

A file of predictions has a JSON object a line, and needs no checkpoint:
  {"task": "itdr_top_k_ml_32m", "instance": 17, "prediction": "1. …; 2. …"}
task and instance are those of `instructrec export --split test`, so that it is
enough to add the prediction to its lines. Of LLaMA-Factory's
generated_predictions.jsonl (prompt, predict, label) each line belongs to the
line of that number of --exported, the file that it was given."""


def _add_flags(parser: argparse.ArgumentParser) -> None:
  flags.gin(parser, required=False)
  flags.records(parser)
  add = parser.add_argument
  add("predictions", metavar="FILE", help="the answers, see below")
  add("--mixture_or_task_name", required=True, help="what was asked")
  add("--system", required=True, help="name of the model in tables")
  add("--out", required=True, help="folder for results")
  add(
    "--exported",
    metavar="FILE",
    help="what was answered, line by line, where the answers do not say it",
  )
  add(
    "--allow_missing",
    action="store_true",
    help="leave out requests that have no prediction",
  )
  add(
    "--split",
    default="test",
    help="validation, test, or test_2k for a sample (test)",
  )
  add("--seed", type=int, default=0, help="of the bootstrap intervals (0)")


def _run(predictions: str, **options: Any) -> None:
  from instructrec_jax.report import command
  from instructrec_jax.runs import measure

  print(command.report(measure.measure(predictions, **options)))


COMMAND = Command(
  group="models",
  help="measure what any model has answered, from a file",
  add_flags=_add_flags,
  run=_run,
  examples=_EXAMPLES,
  tensorflow=True,
)
