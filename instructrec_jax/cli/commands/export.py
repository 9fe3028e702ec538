"""`instructrec export`."""

import argparse
from typing import Any

from instructrec_jax.cli.shared import flags, printing, values
from instructrec_jax.cli.shared.command import Command

_EXAMPLES = """
  instructrec export instructrec_gift_cards_2018 --out gift_cards.jsonl
  instructrec export instructrec_gift_cards_2018 --out mixed.jsonl \\
    --num_instructions 252730 --form chat \\
    --gin.FAMILY_RATES="{'p1_i0_t3': 2, 'p0_i1_t3': 1}"
  instructrec export instructrec_gift_cards_2018_p1_i0_t3 --split test \\
    --out test.jsonl --inputs_length 512 --targets_length 128 --vocabulary t5
  instructrec export itdr --form itdr --split test --out itdr_test.json

Without --num_instructions every instruction of each task is written once. With
it, so many are drawn by the rates of the mixture, and a record may come again
in other words. The fields of a line depend on the form:
  instruction  instruction, input (empty) and output: LLaMA-Factory's "alpaca"
  chat         messages of a user and an assistant, for TRL, and for
               LLaMA-Factory with "formatting": "sharegpt",
               "columns": {"messages": "messages"} and
               "tags": {"role_tag": "role", "content_tag": "content",
               "user_tag": "user", "assistant_tag": "assistant"}
  completion   prompt and completion, for TRL
  itdr         instruction, input and output as in ITDR's own files: what the
               task is, the question, and the answer
ITDR's tasks begin with what the task is; in a chat, the system says it. A file
named .json holds one list. Any other file has one object on each line. Every
object also has the fields task, template, instance and user, and candidates
where the request has any."""


def _add_flags(parser: argparse.ArgumentParser) -> None:
  flags.gin(parser, required=False)
  flags.records(parser)
  flags.overwrite(parser)
  add = parser.add_argument
  add("mixture_or_task_name", help="what to export, e.g. instructrec_shop")
  add("--out", type=values.file_to_write, required=True, help="file to write")
  add("--split", default="train", help="train, validation or test (train)")
  add(
    "--form",
    default="instruction",
    help="instruction, chat, completion or itdr; see below (instruction)",
  )
  add(
    "--num_instructions",
    type=values.COUNT,
    help="write so many, drawn by the mixture's rates (every one once)",
  )
  add(
    "--num_epochs",
    type=values.COUNT,
    default=1,
    help="times to write every one (1)",
  )
  add(
    "--inputs_length",
    type=values.COUNT,
    help="tokens of an input at most (any)",
  )
  add(
    "--targets_length",
    type=values.COUNT,
    help="tokens of a target at most (any)",
  )
  add(
    "--vocabulary",
    type=values.path,
    help="vocabulary to count tokens with: t5, a dataset built with "
    "--vocabulary_size, or a SentencePiece file (t5)",
  )
  add(
    "--seed",
    type=values.SEED,
    default=0,
    help="seed of wordings and negatives (0)",
  )


def _run(mixture_or_task_name: str, out: str, **options: Any) -> None:
  from instructrec_jax.export import command

  counts = command.export(mixture_or_task_name, out, **options)
  print(f"export {mixture_or_task_name}: {out}")
  printing.print_counts(counts)


COMMAND = Command(
  group="data",
  help="write instructions as JSON, for trainers without SeqIO",
  add_flags=_add_flags,
  run=_run,
  examples=_EXAMPLES,
  tensorflow=True,
)
