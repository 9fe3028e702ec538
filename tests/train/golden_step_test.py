"""One training step, against figures that were written down once.

The other tests compare two of our own runs, or a part with another library.
This one sees when the step as a whole begins to compute something else.
"""

import json

import jax
import numpy as np
import pytest

from instructrec_jax.model import network, ranking_model, sharding
from instructrec_jax.optim import optimizers
from instructrec_jax.train import step

_CONFIG = network.T5Config(
  vocab_size=48,
  emb_dim=16,
  num_heads=2,
  num_encoder_layers=2,
  num_decoder_layers=2,
  head_dim=8,
  mlp_dim=24,
  dropout_rate=0.1,
)
# Of other machines and versions of XLA: a sum in another order.
_RELATIVE, _ABSOLUTE = 1e-4, 1e-6
# Names as in a checkpoint; one parameter of each kind.
_PARAMETERS = (
  "token_embedder/embedding",
  "encoder/relpos_bias/rel_embedding",
  "encoder/layers_0/attention/query/kernel",
  "encoder/layers_1/mlp/wi_0/kernel",
  "decoder/layers_0/encoder_decoder_attention/value/kernel",
  "decoder/layers_1/pre_mlp_layer_norm/scale",
  "decoder/logits_dense/kernel",
)
_GOLDEN = {
  "loss": 4.183779,
  "z_loss": 0.001932402,
  "grad_norm": 79.57687,
  "learning_rate": 0.01,
  "last of token_embedder/embedding": 0.9570724,
  "change of token_embedder/embedding": 0.2577581,
  "last of encoder/relpos_bias/rel_embedding": -0.2843623,
  "change of encoder/relpos_bias/rel_embedding": 0.0145277,
  "last of encoder/layers_0/attention/query/kernel": 0.09935675,
  "change of encoder/layers_0/attention/query/kernel": 0.01341442,
  "last of encoder/layers_1/mlp/wi_0/kernel": 0.2772697,
  "change of encoder/layers_1/mlp/wi_0/kernel": 0.04870046,
  "last of decoder/layers_0/encoder_decoder_attention/value/kernel": -0.1452054,
  "change of decoder/layers_0/encoder_decoder_attention/value/kernel": 0.04149,
  "last of decoder/layers_1/pre_mlp_layer_norm/scale": 0.99,
  "change of decoder/layers_1/pre_mlp_layer_norm/scale": 0.03999996,
  "last of decoder/logits_dense/kernel": -0.1203368,
  "change of decoder/logits_dense/kernel": 0.06831758,
}
_FILE = "tests/train/golden_step_test.py"
_MOVED = """\
A training step gives other figures than it did ({wrong}).

If you did not mean to change what a step computes, this is a bug: look for it
in model/, optim/ and train/step.py. A refactoring, a faster kernel or another
mesh must not move these figures.

If you did mean to (another initialization, loss, optimizer or dropout, or a
version of JAX that draws other random numbers), replace _GOLDEN in this file,
{file}, by the figures below, and note in
CHANGELOG.md what changed, and that runs from before it cannot be compared with
runs from after it. This command prints the figures whenever they differ:

  python -m pytest {file}

_GOLDEN = {today}
"""


def _batch():
  """Returns eight rows of tokens, some padded, without drawing any."""
  rows, length = np.indices((8, 12))
  inputs = 2 + (5 * rows + 7 * length * length) % 46
  targets = 2 + (11 * rows + 3 * length[:, :5].sum() + length) % 46
  targets = targets[:, :5]
  inputs[1::2, 9:] = 0
  targets[::3, 3:] = 0
  return {
    "encoder_input_tokens": inputs.astype(np.int32),
    "decoder_target_tokens": targets.astype(np.int32),
    "decoder_input_tokens": np.pad(targets[:, :-1], ((0, 0), (1, 0))).astype(
      np.int32
    ),
  }


def _figures():
  """Returns what one step gives, rounded to seven digits."""
  model = ranking_model.RankingModel(_CONFIG)
  optimizer = optimizers.adafactor(optimizers.constant(0.01))
  mesh = sharding.make_mesh(1, jax.devices()[:1])
  shapes = step.state_shapes(model, optimizer)
  shardings = sharding.tree_shardings(mesh, shapes.params, shapes)
  state = step.make_state(model, optimizer, 0, shardings)
  before = jax.tree.map(np.array, state.params)
  train_step = step.make_train_step(model, optimizer, 1, mesh, shardings)
  state, metrics = train_step(state, sharding.put_batch(mesh, _batch()))
  figures = {
    name: float(metrics[name].compute())
    for name in ("loss", "z_loss", "grad_norm", "learning_rate")
  }
  for name in _PARAMETERS:
    old, new = (_at(tree, name) for tree in (before, state.params))
    figures[f"last of {name}"] = float(new.flat[-1])
    figures[f"change of {name}"] = float(np.linalg.norm(new - old))
  return {name: float(f"{figure:.7g}") for name, figure in figures.items()}


def _at(tree, name):
  for key in name.split("/"):
    tree = tree[key]
  return np.asarray(tree)


def test_a_step_computes_what_it_did():
  today = _figures()
  wrong = [
    name
    for name in today.keys() | _GOLDEN.keys()
    if today.get(name, np.nan)
    != pytest.approx(_GOLDEN.get(name, np.nan), rel=_RELATIVE, abs=_ABSOLUTE)
  ]
  assert not wrong, _MOVED.format(
    wrong=", ".join(sorted(wrong)),
    file=_FILE,
    today=json.dumps(today, indent=2),
  )
