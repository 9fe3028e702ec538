"""`instructrec baseline llm`: let a language model rank the same candidates."""

import argparse
from typing import Any

from instructrec_jax.cli.shared import flags, printing, values
from instructrec_jax.cli.shared.command import Command

_EXAMPLES = """
  instructrec baseline llm games --model gpt-4o-mini-2024-07-18 \\
    --num_requests 500 --estimate --price_input 0.15 --price_output 0.6
  instructrec baseline llm games --model gpt-4o-mini-2024-07-18 \\
    --num_requests 500 --shuffles 3
  instructrec baseline llm games --model my-model \\
    --base_url http://localhost:8000/v1 --key_variable none
  instructrec baseline llm games --ranker local --model ~/SmolLM2-135M-Instruct

The model sees the titles of a user's history, oldest first, and the numbered
titles of the candidates. It has not been trained on either.

Rankers:
  api    any OpenAI-compatible server; the key is read from the environment
  local  a Hugging Face model in a folder (needs the extra [teacher]), or a
         .gguf file (needs the extra [gguf])

An answer is read as JSON, as [2] > [1], or as a list of numbers or titles. One
that is no ranking is asked for again. Candidates that are not ranked tie for
last. The report shows the shares of invalid and of partial answers.

Every answer is kept in DATA_DIR/annotations/answers.sqlite3 and is asked for
only once, so a run that was stopped continues where it was."""


def _add_flags(parser: argparse.ArgumentParser) -> None:
  flags.data_dir(parser)
  flags.request_sample(parser)
  add = parser.add_argument
  add("dataset", help="short name of a built dataset")
  add("--split", default="test", help="validation or test (test)")
  add("--ranker", default="api", help="api or local; see below (api)")
  add(
    "--shuffles",
    type=values.COUNT,
    default=1,
    help="orders of the candidates to ask for, whose ranks are summed; 1 is "
    "the order of the records (1)",
  )
  add(
    "--history_length",
    type=values.COUNT,
    default=50,
    help="the most items of a history to show, the newest (50)",
  )
  add(
    "--seed",
    type=values.SEED,
    default=0,
    help="seed of orders and intervals (0)",
  )
  add(
    "--out",
    type=values.folder_to_write,
    help="folder for results (DATA_DIR/baselines/…)",
  )
  flags.asked_model(parser)


def _run(dataset: str, **options: Any) -> None:
  from instructrec_jax.baselines.asked import command
  from instructrec_jax.report import command as report
  from instructrec_jax.teacher.annotation.choosing import Instead

  done = command.rank(dataset, **options)
  if isinstance(done, Instead):
    print(f"baseline llm {dataset}: {done.did}")
    printing.print_counts(done.counts)
  else:
    print(report.report([done]))


COMMAND = Command(
  group="models",
  help="let a language model rank the same candidates",
  add_flags=_add_flags,
  run=_run,
  examples=_EXAMPLES,
  under="baseline",
)
