"""`instructrec evaluate`: measure what a trained model answers."""

import argparse
from typing import Any

from instructrec_jax.cli.shared import flags
from instructrec_jax.cli.shared.command import Command

_EXAMPLES = """
  instructrec evaluate --model_dir=demo/model
  instructrec evaluate --model_dir=runs/games --split=test_2k \\
    --mixture_or_task_name=instructrec_games_p1_i0_t3
  instructrec evaluate --model_dir=runs/games --rank=catalogue \\
    --gin.NUM_BEAMS=20 --gin.title_trie.same_title="'first'" …

Of InstructRec's families those that rank are measured; those that write, where
they are named."""


def _add_flags(parser: argparse.ArgumentParser) -> None:
  flags.gin(parser, required=False)
  flags.processes(parser)
  flags.exclude_history(parser)
  parser.add_argument(
    "--model_dir", required=True, help="folder of a training run"
  )
  add = flags.left_to_gin(parser)
  add("--tfds_data_dir", help="folder of the records (the run's)")
  add("--mixture_or_task_name", help="what to evaluate (the run's mixture)")
  add("--split", help="validation, test, or test_2k for a sample (test)")
  add(
    "--rank",
    help="candidates, or catalogue: the model writes NUM_BEAMS titles (10) out "
    "of the whole of it, in tasks that show no candidates (candidates)",
  )
  add("--step", type=int, help="which checkpoint (the newest)")
  add("--batch_size", type=int, help="requests at a time (32)")
  add("--system", help="name in tables (that of MODEL_DIR)")
  add("--seed", type=int, help="of the bootstrap intervals (0)")
  add(
    "--procedure",
    help="ask by earlier answers: sorting (T1, few comparisons), rounds (T3, "
    "more candidates than fit a prompt) or orders (T1 and T3, how much their "
    "order matters); what each task declares",
  )
  add("--out", help="folder for results (MODEL_DIR/evaluation)")


def _run(
  coordinator_address: str | None,
  num_processes: int | None,
  process_id: int | None,
  **options: Any,
) -> None:
  import jax

  from instructrec_jax.report import command
  from instructrec_jax.runs import evaluate
  from instructrec_jax.train import distributed

  with distributed.processes(coordinator_address, num_processes, process_id):
    folders = evaluate.evaluate(**options)
    if jax.process_index() == 0:
      print(command.report(folders))


COMMAND = Command(
  group="models",
  help="measure what a trained model answers",
  add_flags=_add_flags,
  run=_run,
  examples=_EXAMPLES,
  tensorflow=True,
)
