"""`instructrec baseline`: rank the same candidates with a baseline."""

import argparse
from typing import Any

from instructrec_jax import paths
from instructrec_jax.cli.shared import flags, values
from instructrec_jax.cli.shared.command import Command

_EXAMPLES = """
  instructrec baseline popularity ml_100k --split test
  instructrec baseline popularity ml_100k --rank catalogue
  instructrec baseline title_similarity games --num_requests=2000
  instructrec baseline bm25 gift_cards_2018"""


# Those of baselines/systems.py, which takes long to import.
_BASELINES = (
  "popularity", "random", "title_similarity", "repeat_label", "next_item",
  "bm25",
)  # fmt: skip


def _add_flags(parser: argparse.ArgumentParser) -> None:
  flags.data_dir(parser)
  flags.exclude_history(parser)
  add = parser.add_argument
  flags.request_sample(parser)
  add("baseline", help=f"one of {', '.join(_BASELINES)}")
  add("dataset", help="short name of a built dataset")
  add("--split", default="test", help="validation or test (test)")
  add(
    "--rank", default="candidates", help="candidates or catalogue (candidates)"
  )
  add(
    "--seed",
    type=values.SEED,
    default=0,
    help="seed of draws and intervals (0)",
  )
  add(
    "--query",
    help="for bm25: specific_intention, vague_intention or preference (the "
    "first that the records have)",
  )
  add(
    "--vectors",
    type=values.path,
    help="for title_similarity: the folder of `instructrec vectors`, or an "
    ".npy file (DATA_DIR/vectors/DATASET, or hashed titles if there is none)",
  )
  add(
    "--out",
    type=values.folder_to_write,
    help="folder for results (DATA_DIR/baselines/…)",
  )


def _run(baseline: str, out: str | None, **options: Any) -> None:
  from instructrec_jax.baselines import rank
  from instructrec_jax.report import command

  where = f"{options['dataset']}_{options['split']}_{baseline}"
  if options["rank"] != "candidates":
    where += f"_{options['rank']}"
  folder = out or paths.anywhere(options["data_dir"]) / "baselines" / where
  rank.evaluate_baseline(baseline=baseline, out=folder, **options)
  print(command.report([folder]))


COMMAND = Command(
  group="models",
  help="rank the same candidates with a baseline",
  add_flags=_add_flags,
  run=_run,
  examples=_EXAMPLES,
  tensorflow=True,
)
