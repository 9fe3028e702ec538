"""`instructrec annotate`: let a teacher write preferences and intentions."""

import argparse
from typing import Any

from instructrec_jax.cli.shared import flags, printing, values
from instructrec_jax.cli.shared.command import Command

_EXAMPLES = """
  instructrec annotate gift_cards_2018
  instructrec annotate gift_cards_2018 --teacher api --model gpt-4o-mini \\
    --estimate --price_input 0.15 --price_output 0.6
  instructrec annotate gift_cards_2018 --teacher api --model my-model \\
    --base_url http://localhost:8000/v1 --key_variable none
  instructrec annotate gift_cards_2018 --teacher api --model gpt-4o-mini \\
    --write_requests batch
  instructrec annotate gift_cards_2018 --teacher api --model gpt-4o-mini \\
    --read_answers batch/answers.jsonl
  instructrec annotate gift_cards_2018 --teacher local --model ~/flan-t5-large

A teacher writes texts for the validation and test target of each user, and for
--per_user of the user's training targets (those with the longest histories):
  preference          the user's taste, from up to 20 items before the target
  vague_intention     what the user was looking for, from the target's review
  vague_intention_2   the same in other words
  specific_intention  the labels of the target
The last three are made from the target itself. With --per_user 1 each user has
three instances. That is the paper's number of preferences (151,638 for 50,546
users). Its 101,092 intentions are two for each user; it does not say which two.

Teachers:
  extractive  rules, without a model; the result is always the same
  api         any OpenAI-compatible server; the key is read from the environment
  local       a Hugging Face model in a folder (needs the extra [teacher])

Every answer of a model is kept in DATA_DIR/annotations/answers.sqlite3 and is
asked for only once, so a run that was stopped continues where it was. If the
server failed on every try, the text is counted as absent. After the run,
--overwrite asks for the absent texts again, and for nothing else."""


def _add_flags(parser: argparse.ArgumentParser) -> None:
  flags.data_dir(parser, written=True)
  flags.per_user(parser)
  flags.overwrite(parser)
  add = parser.add_argument
  add("dataset", help="short name of a normalized dataset")
  add(
    "--num_users",
    type=values.COUNT,
    help="annotate so many users, drawn by seed (all)",
  )
  add(
    "--seed",
    type=values.SEED,
    default=0,
    help="seed of draws and wordings (0)",
  )
  add(
    "--judge",
    type=values.COUNT,
    metavar="N",
    help="api, local: ask the model to judge N texts of each field (none)",
  )
  flags.teacher(parser)


def _run(dataset: str, **options: Any) -> None:
  from instructrec_jax.teacher.annotation import command
  from instructrec_jax.teacher.annotation.choosing import Instead

  done = command.annotate(dataset, **options)
  if isinstance(done, Instead):
    print(f"annotate {dataset}: {done.did}")
    printing.print_counts(done.counts)
  else:
    printing.print_manifest(done)


COMMAND = Command(
  group="data",
  help="let a teacher write preferences and intentions",
  add_flags=_add_flags,
  run=_run,
  examples=_EXAMPLES,
)
