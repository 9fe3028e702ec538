"""A run of the toy with an optimizer state that T5X could have."""

import dataclasses

from instructrec_jax.train import runner
from tests.train import toy

# Some axes have at least 128, so that Adafactor factors some of its statistics.
CONFIG = dataclasses.replace(toy.CONFIG, emb_dim=128, mlp_dim=136)


def train(folder, steps, **options):
  """Trains so many steps; returns the state, and the losses by step."""
  writer = toy.Writer()
  state = runner.train(
    toy.model(CONFIG), toy.adafactor(), toy.Batches(), writer, folder, steps,
    log_period=1, **options,
  )  # fmt: skip
  return state, {n: scalars["loss"] for n, scalars in writer.scalars.items()}
