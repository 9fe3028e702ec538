"""`instructrec annotate`: preferences and intentions, written by a teacher."""

import argparse
from typing import Any

from instructrec_jax.cli.shared import flags, printing
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

of each user's validation and test target, and of --per_user training targets
(those with the longest histories):
  preference          the taste, from up to 20 items before the target
  vague_intention     what the user was after, from the review of the target
  vague_intention_2   the same in other words
  specific_intention  the labels of the target
The last three look at the target. With --per_user 1 there are three instances
a user, as there are preferences in the paper (151,638 of 50,546 users); its
101,092 intentions are two a user, which two it does not say.
Teachers:
  extractive  no model: what histories share and reviews state; always the same
  api         any OpenAI-compatible server; its key is read from the environment
  local       a Hugging Face model by its folder (extra [teacher])
Every answer of a model is kept in DATA_DIR/annotations/answers.sqlite3, and is
asked for once: a run that was stopped goes on where it was. What got no answer
(the server failed each time) is counted as absent; once the run is finished,
--overwrite asks for that again, and for nothing else."""


def _add_flags(parser: argparse.ArgumentParser) -> None:
  flags.data_dir(parser)
  flags.per_user(parser)
  flags.overwrite(parser)
  add = parser.add_argument
  add("dataset", help="short name of normalized tables")
  add("--num_users", type=int, help="so many users, drawn by seed (all)")
  add("--seed", type=int, default=0, help="of draws and wordings (0)")
  add(
    "--judge",
    type=int,
    metavar="N",
    help="api, local: texts of each field that it is asked to judge (none)",
  )
  flags.teacher(parser)


def _run(dataset: str, **options: Any) -> None:
  from instructrec_jax.teacher.annotation import command

  done = command.annotate(dataset, **options)
  if "did" not in done:
    printing.print_manifest(done)
    return
  print(f"annotate {dataset}: {done['did']}")
  printing.print_counts(done["counts"])


COMMAND = Command(
  group="data",
  help="preferences and intentions, written by a teacher",
  add_flags=_add_flags,
  run=_run,
  examples=_EXAMPLES,
)
