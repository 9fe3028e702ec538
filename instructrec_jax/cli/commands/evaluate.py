"""`instructrec evaluate`."""

import argparse
from typing import Any

from instructrec_jax.cli.shared import flags, values
from instructrec_jax.cli.shared.command import Command
from instructrec_jax.settings import listing

_EXAMPLES = """
  instructrec evaluate --model_dir=demo/model
  instructrec evaluate --model_dir=runs/games --split=test_2k \\
    --mixture_or_task_name=instructrec_games_p1_i0_t3
  instructrec evaluate --model_dir=runs/games --split=validation \\
    --num_requests=500 --sample_seed=1
  instructrec evaluate --model_dir=runs/games --rank=catalogue \\
    --gin.NUM_BEAMS=20
  instructrec evaluate --model_dir=runs/games --tune_scores

Of a mixture of InstructRec's families, those that rank are measured. A family
that writes texts is measured when it is named.

Use `instructrec measure` for the answers of another model, from a file."""


def _add_flags(parser: argparse.ArgumentParser) -> None:
  flags.gin(parser, required=False)
  flags.processes(parser)
  flags.request_sample(parser)
  flags.exclude_history(parser)
  parser.add_argument(
    "--model_dir",
    type=values.path,
    required=True,
    help="folder of a training run",
  )
  add = flags.left_to_gin(parser)
  add(
    "--tfds_data_dir",
    type=values.path,
    help="folder of the records (the run's)",
  )
  add("--mixture_or_task_name", help="what to evaluate (the run's mixture)")
  add(
    "--template",
    help="ask all requests in one wording, such as A7.0; see "
    "instructrec_jax/instructions (a wording drawn for each request)",
  )
  add("--split", help="validation, test, or test_2k, a sample (test)")
  add(
    "--rank",
    help="candidates, or catalogue: the model writes NUM_BEAMS (10) of all "
    "titles, in tasks that show no candidates (candidates)",
  )
  add(
    "--step", type=values.whole(0), help="step of the checkpoint (the newest)"
  )
  parser.add_argument(
    "--tune_scores",
    action="store_true",
    help="choose PRIOR_WEIGHT and POPULARITY_WEIGHT of each task on the "
    "validation split (500 requests, or --num_requests), and keep them in "
    "MODEL_DIR for later evaluations; nothing else is evaluated",
  )
  add("--batch_size", type=values.COUNT, help="requests in a batch (32)")
  add("--system", help="name of the model in tables (that of MODEL_DIR)")
  add("--seed", type=values.SEED, help="seed of the bootstrap intervals (0)")
  add(
    "--procedure",
    help="ask questions that depend on earlier answers: sorting (T1, few "
    "comparisons), rounds (T3, more candidates than a prompt holds) or orders "
    "(T1 and T3, how much the order of candidates matters)",
  )
  add(
    "--out",
    type=values.folder_to_write,
    help="folder for results (MODEL_DIR/evaluation)",
  )


def _run(**options: Any) -> None:
  import jax

  from instructrec_jax.report import command
  from instructrec_jax.runs import evaluate

  with flags.joined_processes(options):
    folders = evaluate.evaluate(**options)
    if jax.process_index() == 0 and not options["tune_scores"]:
      print(command.report(folders))


COMMAND = Command(
  group="models",
  help="measure how well a trained model ranks and answers",
  add_flags=_add_flags,
  run=_run,
  examples=f"{_EXAMPLES}\n\n{listing.in_help('evaluate')}",
  tensorflow=True,
)
