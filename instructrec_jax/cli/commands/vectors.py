"""`instructrec vectors`: a vector for the text of each item."""

import argparse
from typing import Any

from instructrec_jax.cli.shared import flags, printing, values
from instructrec_jax.cli.shared.command import Command

_EXAMPLES = """
  instructrec vectors games
  instructrec vectors games --encoder=models/all-MiniLM-L6-v2

Without a model, words are hashed into columns. Any sentence encoder that
sentence-transformers loads is better; `pip install instructrec-jax[vectors]`
brings that library."""


def _add_flags(parser: argparse.ArgumentParser) -> None:
  flags.data_dir(parser, written=True)
  flags.overwrite(parser)
  add = parser.add_argument
  add("dataset", help="short name of a built dataset")
  add(
    "--encoder",
    default="hashing",
    help="hashing, the folder of a sentence encoder, or an .npy file with a "
    "row for each item (hashing)",
  )
  add(
    "--fields",
    nargs="+",
    default=["title"],
    help="what of an item makes its text: title, brand, categories, "
    "description (title)",
  )
  add(
    "--out",
    type=values.folder_to_write,
    help="folder to write to (DATA_DIR/vectors/DATASET)",
  )


def _run(**options: Any) -> None:
  from instructrec_jax.vectors import stage

  printing.print_manifest(stage.make(**options), "encoder")


COMMAND = Command(
  group="data",
  help="make a vector of each item's text, for models and baselines",
  add_flags=_add_flags,
  run=_run,
  examples=_EXAMPLES,
)
