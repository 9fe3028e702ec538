"""A tiny model and numpy batches, also run as a program to be killed.

  python tests/train/toy.py MODEL_DIR TRAIN_STEPS [NAME=NUMBER ...]

trains and prints one JSON line a step: {"step", "loss", "grad_norm", ...}. Of
several processes, each is told port, num_processes and process_id.
"""

import json
import sys

import numpy as np

from instructrec_jax.model import network, ranking_model, sharding
from instructrec_jax.optim import optimizers
from instructrec_jax.train import distributed, runner

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
  """Random tokens; the n-th batch depends on n only, and is shared out."""

  shares_position = True

  def __init__(self, rows=8, fixed=False, end=None, shard=(0, 1)):
    self.position = 0
    self._rows = rows
    index, count = shard
    self._shard = slice(rows // count * index, rows // count * (index + 1))
    self._fixed = fixed
    self._end = end

  def __next__(self):
    if self.position == self._end:
      raise StopIteration
    rng = np.random.default_rng(0 if self._fixed else self.position)
    self.position += 1
    targets = rng.integers(2, 64, (self._rows, 4)).astype(np.int32)
    batch = {
      "encoder_input_tokens": rng.integers(2, 64, (self._rows, 8)).astype(
        np.int32
      ),
      "decoder_target_tokens": targets,
      "decoder_input_tokens": np.pad(targets[:, :-1], ((0, 0), (1, 0))),
    }
    return {name: array[self._shard] for name, array in batch.items()}

  def get_state(self):
    return str(self.position).encode()

  def set_state(self, state):
    self.position = int(state)

  def seek(self, step):
    self.position = step


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
  return optimizers.adafactor(optimizers.constant(0.03))


def main(model_dir, train_steps, *settings):
  named = {k: int(v) for k, v in (s.split("=") for s in settings)}
  end = named.pop("end", None)
  port = named.pop("port", None)
  distributed.DEAD_AFTER = named.pop("dead_after", distributed.DEAD_AFTER)
  with distributed.processes(
    f"localhost:{port}" if port else None,
    named.pop("num_processes", None),
    named.pop("process_id", None),
  ):
    mesh = sharding.make_mesh(named.get("num_partitions", 1))
    runner.train(
      model(),
      adafactor(),
      Batches(end=end, shard=sharding.data_shard(mesh)),
      Writer(echo=True),
      model_dir,
      int(train_steps),
      log_period=1,
      **named,
    )


if __name__ == "__main__":
  main(*sys.argv[1:])
