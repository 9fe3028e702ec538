"""Makes t5x_tiny.tar.xz: one state, as T5X writes it in both of its formats.

A tiny T5.1.1 of T5X's own network and Adafactor, filled with numbers that a
test can tell apart and an archive packs well, saved by T5X with Orbax (orbax/)
and with its former checkpointer (old/). Needs T5X:

  python tests/testdata/make_t5x_checkpoints.py
"""

import pathlib
import shutil
import tempfile
from typing import Any

import jax
import numpy as np

STEP = 1203
# Axes of 128 have factored statistics, smaller ones have not.
CONFIG = {
  "vocab_size": 136,
  "emb_dim": 128,
  "num_heads": 8,  # T5X splits them over all devices of a CPU.
  "num_encoder_layers": 1,
  "num_decoder_layers": 2,
  "head_dim": 4,
  "mlp_dim": 160,
}
SHAPES = {
  "encoder_input_tokens": (1, 8),
  "encoder_positions": (1, 8),
  "decoder_input_tokens": (1, 8),
  "decoder_target_tokens": (1, 8),
}


def initializer(partitioner: Any) -> Any:
  """Returns T5X's TrainStateInitializer of the tiny network, with Adafactor."""
  from t5x import adafactor, models, utils
  from t5x.examples.t5 import network

  config = network.T5Config(
    dropout_rate=0.0,
    mlp_activations=("gelu", "linear"),
    logits_via_embedding=False,
    **CONFIG,
  )
  optimizer = adafactor.Adafactor(
    decay_rate=0.8,
    logical_factor_rules=adafactor.standard_logical_factor_rules(),
  )
  model = models.EncoderDecoderModel(
    network.Transformer(config), None, None, optimizer
  )
  return utils.TrainStateInitializer(
    optimizer, model.get_initial_variables, SHAPES, partitioner
  )


def numbers(name: str, shape: tuple[int, ...]) -> np.ndarray:
  """Returns an array that belongs to a name, and no two axes of it are alike.

  Every value is a small multiple of a quarter, so bfloat16 holds it as well.
  """
  seed = sum(name.encode()) % 97
  values = np.arange(int(np.prod(shape))) % (7 + seed % 5)
  return (values.reshape(shape) / 4 + seed).astype(np.float32)


def filled(state: dict, path: str = "") -> dict:
  """Returns a state dict with `numbers` in place of its arrays."""
  if isinstance(state, dict):
    return {key: filled(x, f"{path}/{key}") for key, x in state.items()}
  if path == "/state/step":
    return np.int32(STEP)
  # T5X's placeholders, of what it does not keep, are zero.
  if state.shape == (1,):
    return np.zeros(1, np.float32)
  return numbers(path[1:], state.shape)


def save(folder: pathlib.Path) -> None:
  """Writes <folder>/{orbax,old}/checkpoint_<STEP>."""
  from t5x import checkpoints, partitioning

  partitioner = partitioning.PjitPartitioner(num_partitions=1)
  state = initializer(partitioner)
  made = state.from_scratch(jax.random.PRNGKey(0))
  made = made.restore_state(
    jax.tree.map(jax.numpy.asarray, filled(made.state_dict()))
  )
  shapes = state.global_train_state_shape
  (folder / "orbax").mkdir()
  manager = checkpoints.OrbaxCheckpointManagerInterface(
    str(folder / "orbax"), shapes, partitioner
  )
  manager.save(made)
  manager.close()
  old = checkpoints.Checkpointer(shapes, partitioner, str(folder / "old"))
  old.save(made)


def main() -> None:
  """Writes the archive beside this script."""
  out = pathlib.Path(__file__).with_name("t5x_tiny.tar.xz")
  with tempfile.TemporaryDirectory() as folder:
    save(pathlib.Path(folder))
    shutil.make_archive(str(out).removesuffix(".tar.xz"), "xztar", folder)
  print(f"{out}: {out.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
  main()
