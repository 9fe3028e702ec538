"""`instructrec convert`."""

import argparse
import os
from typing import Any

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
  add("src", help="a checkpoint, or a run's folder; its format is found out")
  add("out", help="folder to make")
  add("--to", required=True, help="native (ours), t5x or hf")
  add(
    "--optimizer",
    default="reset",
    help="reset: parameters only, at step 0; carry: with Adafactor's state and "
    "the step, so that a run can go on with the other runner (reset)",
  )
  add("--step", type=int, help="which of the run's checkpoints (the newest)")
  add("--dtype", help="float32 or bfloat16 (as it is read)")
  add("--vocabulary", help="with hf: a SentencePiece file to put beside")
  add(
    "--max_shard_gb",
    type=float,
    default=5.0,
    help="with hf: largest file of weights, in GB (5)",
  )
  add(
    "--overwrite",
    action="store_true",
    help="replace what was converted from something else",
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
  help="weights to another format: ours, T5X's or Hugging Face's",
  add_flags=_add_flags,
  run=_run,
  examples=_EXAMPLES,
)
