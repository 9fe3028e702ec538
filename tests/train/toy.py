"""A tiny model and numpy batches, also run as a program to be killed.

  python tests/train/toy.py MODEL_DIR TRAIN_STEPS [NAME=NUMBER ...]

trains and prints one JSON line a step: {"step", "loss", "grad_norm", ...}.
"""

import json
import sys

import numpy as np

from instructrec_jax.model import network, ranking_model
from instructrec_jax.train import optimizer, runner

CONFIG = network.T5Config(
  vocab_size=64,
  emb_dim=16,
  num_heads=4,
  num_encoder_layers=1,
  num_decoder_layers=1,
  head_dim=8,
  mlp_dim=32,
)


class Batches:
  """Random tokens; the n-th batch depends on n only."""

  def __init__(self, rows=8, fixed=False, end=None):
    self.position = 0
    self._rows = rows
    self._fixed = fixed
    self._end = end

  def __next__(self):
    if self.position == self._end:
      raise StopIteration
    rng = np.random.default_rng(0 if self._fixed else self.position)
    self.position += 1
    targets = rng.integers(2, 64, (self._rows, 4)).astype(np.int32)
    return {
      "encoder_input_tokens": rng.integers(2, 64, (self._rows, 8)).astype(
        np.int32
      ),
      "decoder_target_tokens": targets,
      "decoder_input_tokens": np.pad(targets[:, :-1], ((0, 0), (1, 0))),
    }

  def get_state(self):
    return str(self.position).encode()

  def set_state(self, state):
    self.position = int(state)


class Writer:
  """Keeps the figures, and prints them if asked to."""

  def __init__(self, echo=False):
    self.scalars = {}
    self.flushed = False
    self._echo = echo

  def write_scalars(self, step, scalars):
    self.scalars[step] = dict(scalars)
    if self._echo:
      print(json.dumps({"step": step} | self.scalars[step]), flush=True)

  def flush(self):
    self.flushed = True


def model(config=CONFIG):
  return ranking_model.RankingModel(config)


def adafactor():
  return optimizer.adafactor(optimizer.constant(0.03))


def main(model_dir, train_steps, *settings):
  named = dict(setting.split("=") for setting in settings)
  runner.train(
    model(),
    adafactor(),
    Batches(),
    Writer(echo=True),
    model_dir,
    int(train_steps),
    log_period=1,
    **{name: int(value) for name, value in named.items()},
  )


if __name__ == "__main__":
  main(*sys.argv[1:])
