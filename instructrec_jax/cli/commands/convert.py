"""`instructrec convert`."""

import argparse
import os
from typing import Any

from instructrec_jax.cli.shared import values
from instructrec_jax.cli.shared.command import Command

_EXAMPLES = """
  instructrec convert ~/flan-t5-xl runs/flan_t5_xl --to native
  instructrec convert runs/games games_hf --to hf --step 2000
  instructrec convert runs/games games_t5x --to t5x --optimizer carry
  instructrec convert \\
    gs://t5-data/pretrained_models/t5x/flan_t5_small/checkpoint_1198000 \\
    flan_t5_small_hf --to hf --dtype bfloat16"""


def _add_flags(parser: argparse.ArgumentParser) -> None:
  add = parser.add_argument
  add(
    "src",
    type=values.path,
    help="a checkpoint or the folder of a run, in any of the formats",
  )
  add("out", type=values.folder_to_write, help="folder to write")
  add("--to", required=True, help="native (ours), t5x or hf")
  add(
    "--optimizer",
    default="reset",
    help="reset: parameters only, at step 0; carry: also Adafactor's state and "
    "the step, so that a run can continue with the other runner (reset)",
  )
  add(
    "--step",
    type=values.whole(0),
    help="step of the run's checkpoint (the newest)",
  )
  add("--dtype", help="float32 or bfloat16 (that of the source)")
  add(
    "--vocabulary",
    type=values.path,
    help="hf: a SentencePiece file to copy beside the weights",
  )
  add(
    "--max_shard_gb",
    type=values.number(above=0),
    default=5.0,
    help="hf: largest file of weights, in GB (5)",
  )
  add(
    "--overwrite",
    action="store_true",
    help="replace a folder that was converted from another source",
  )


def _run(out: str, to: str, **options: Any) -> None:
  from instructrec_jax.weights import convert

  manifest = convert.convert(out=out, to=to, **options)
  counts = manifest["counts"]
  state = "is there already" if manifest["reused"] else "done"
  print(
    f"{counts['from']} to {to}: {state}: {counts['tensors']} "
    f"tensors, {counts['parameters']:,} parameters, {counts['bytes']:,} bytes "
    f"of {', '.join(counts['dtypes'])}"
  )
  print(f"  read     {counts['read']}")
  print(f"  written  {os.path.join(out, counts['written'])}")
  print(f"  model    {counts['model']}")


COMMAND = Command(
  group="models",
  help="convert weights between our format, T5X's and Hugging Face's",
  add_flags=_add_flags,
  run=_run,
  examples=_EXAMPLES,
)
