"""The tiny run that tests of several rooms train, cache and evaluate.

What has the same shapes is compiled once, as pytest's workers and the programs
that tests start share JAX's cache.
"""

import json
import pathlib

import seqio

from instructrec_jax.runs import train as training
from instructrec_jax.tasks import itdr, parts

FILES = ("runs/native_finetune.gin", "models/tiny.gin")
NETWORK = (
  "T5Config.emb_dim = 16",
  "T5Config.mlp_dim = 16",
  "T5Config.num_heads = 4",
  "T5Config.head_dim = 4",
  "T5Config.num_encoder_layers = 1",
  "T5Config.num_decoder_layers = 1",
)
DATA = (
  "VOCABULARY = 'small'",
  "VOCAB_SIZE = 320",
  "MIXTURE_OR_TASK_NAME = 'instructrec_small_history'",
  "TASK_FEATURE_LENGTHS = {'inputs': 192, 'targets': 16}",
)
RUN = (
  *NETWORK,
  *DATA,
  "BATCH_SIZE = 8",
  "WARMUP_STEPS = 1",
  "CHECKPOINT_PERIOD = 5",
  "runner.train.log_period = 1",
)


# As many examples of a task are shuffled in the package.
SHUFFLED = parts.SHUFFLE_BUFFER_SIZE


def shorten_shuffling(examples: int = 48) -> None:
  """Lets training begin early on ITDR's tasks and those registered later.

  A run renders as many examples of each task as are shuffled before it takes
  its first step: 33,000 of ITDR's, otherwise. The order of a run follows from
  their number, so a program that goes on with a run of a test calls this too.
  """
  parts.SHUFFLE_BUFFER_SIZE = examples
  for registry in (seqio.MixtureRegistry, seqio.TaskRegistry):
    for name in [*registry.names()]:
      if name.startswith(("itdr", "instructrec_small", "instructrec_all")):
        registry.remove(name)
  itdr.register()


def train(data, model_dir, steps, *bindings):
  """Trains so many steps on `small_data`, and returns the run's manifest."""
  return training.train(
    FILES,
    [
      *RUN,
      f"MODEL_DIR = {str(model_dir)!r}",
      f"TRAIN_STEPS = {steps}",
      *bindings,
    ],
    tfds_data_dir=str(data / "records"),
  )


def losses(model_dir):
  """Returns the loss by step, as the run logged it."""
  lines = (pathlib.Path(model_dir) / "metrics.jsonl").read_text().splitlines()
  return {row["step"]: row["loss"] for row in map(json.loads, lines)}
