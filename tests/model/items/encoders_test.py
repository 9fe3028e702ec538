"""Encoders compute what flax's own parts compute, and keep sequences apart."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from instructrec_jax.model.items import encoders
from instructrec_jax.model.items.config import ItemConfig

CONFIG = ItemConfig(
  emb_dim=16, num_heads=4, mlp_dim=32, max_history=12, dropout_rate=0.0
)


def made(name, config=CONFIG):
  """Returns an encoder with parameters that are far from their first values."""
  module = encoders.ENCODERS[name](config, "encoder")
  x = jnp.zeros((1, 2, config.emb_dim))
  params = module.init(
    jax.random.key(0), x, jnp.ones((1, 2), jnp.int32), False
  )["params"]
  leaves, tree = jax.tree.flatten(params)
  keys = jax.random.split(jax.random.key(1), len(leaves))
  drawn = [
    leaf + 0.3 * jax.random.normal(key, leaf.shape)
    for leaf, key in zip(leaves, keys, strict=True)
  ]
  return module, {"params": jax.tree.unflatten(tree, drawn)}


def inputs(*lengths, width=12, seed=0):
  """Returns vectors of one row of sequences of some lengths, and their ids."""
  x = jax.random.normal(jax.random.key(seed), (1, width, CONFIG.emb_dim))
  segment = np.zeros((1, width), np.int32)
  segment[0, : sum(lengths)] = np.repeat(np.arange(len(lengths)) + 1, lengths)
  return x, jnp.asarray(segment)


def test_places_count_from_the_start_of_each_sequence():
  segment = jnp.array([[1, 1, 1, 2, 3, 3, 0, 0], [1, 2, 2, 2, 2, 2, 2, 2]])
  assert encoders.places(segment).tolist() == [
    [0, 1, 2, 0, 0, 1, 0, 1],
    [0, 0, 1, 2, 3, 4, 5, 6],
  ]


@pytest.mark.parametrize("name", encoders.ENCODERS)
def test_sequences_of_a_row_do_not_touch(name):
  module, variables = made(name)
  x, segment = inputs(5, 4, 2)
  together = module.apply(variables, x, segment, False)
  start = 0
  for length in (5, 4, 2):
    alone = module.apply(
      variables,
      x[:, start : start + length],
      jnp.ones((1, length), jnp.int32),
      False,
    )
    np.testing.assert_allclose(
      together[:, start : start + length], alone, atol=1e-5
    )
    start += length


@pytest.mark.parametrize("name", encoders.ENCODERS)
def test_who_sees_the_future(name):
  module, variables = made(name)
  x, segment = inputs(8)
  other = x.at[0, 5].set(-x[0, 5])
  before, after = (
    module.apply(variables, given, segment, False) for given in (x, other)
  )
  moved = np.abs(before - after).max(axis=2)[0] > 1e-4
  expected = [name == "bidirectional"] * 5 + [True] * 3
  assert moved[:8].tolist() == expected


@pytest.mark.parametrize("causal", [True, False])
@jax.numpy_rank_promotion("allow")  # Flax's parts do.
def test_transformer_is_one_of_flax_s_parts(causal):
  config = dataclasses.replace(CONFIG, num_layers=2)
  name = "causal" if causal else "bidirectional"
  module, variables = made(name, config)
  x, segment = inputs(9)
  params = variables["params"]

  def norm(x, part):
    return nn.LayerNorm().apply({"params": part}, x)

  def dense(x, part):
    return x @ part["kernel"] + part["bias"][None, None]

  heads = (config.num_heads, config.emb_dim // config.num_heads)
  mask = nn.make_attention_mask(segment > 0, segment > 0)
  if causal:
    mask = nn.combine_masks(mask, nn.make_causal_mask(segment))
  from_end = jnp.concatenate([jnp.arange(9)[::-1], jnp.arange(3)[::-1]])
  expected = x + params["positions"][from_end][None]
  for number in range(2):
    layer = params[f"layers_{number}"]
    attention = {
      part: {
        "kernel": layer["attention"][part]["kernel"].reshape(-1, *heads),
        "bias": layer["attention"][part]["bias"].reshape(heads),
      }
      for part in ("query", "key", "value")
    }
    out = layer["attention"]["out"]
    attention["out"] = {
      "kernel": out["kernel"].reshape(*heads, -1), "bias": out["bias"]
    }  # fmt: skip
    normed = norm(expected, layer["attention_norm"])
    expected = expected + nn.MultiHeadDotProductAttention(
      config.num_heads
    ).apply({"params": attention}, normed, mask=mask)
    normed = norm(expected, layer["mlp_norm"])
    hidden = nn.gelu(dense(normed, layer["mlp"]["wi"]))
    expected = expected + dense(hidden, layer["mlp"]["wo"])
  expected = norm(expected, params["encoder_norm"])
  found = module.apply(variables, x, segment, False)
  np.testing.assert_allclose(found[:, :9], expected[:, :9], atol=2e-4)


@jax.numpy_rank_promotion("allow")
def test_recurrent_is_flax_s_gru():
  config = dataclasses.replace(CONFIG, num_layers=1)
  module, variables = made("recurrent", config)
  x, segment = inputs(9)
  params = variables["params"]
  cell = params["layers_0"]
  D = config.emb_dim
  # Flax has a bias for the state in the new value's gate alone.
  given, state = cell["input"], cell["hidden_kernel"]
  in_bias, state_bias = given["bias"], cell["hidden_bias"]
  parts = {}
  for number, gate in enumerate("rzn"):
    columns = slice(number * D, (number + 1) * D)
    both = in_bias[columns] + (state_bias[columns] if gate != "n" else 0)
    parts[f"i{gate}"] = {"kernel": given["kernel"][:, columns], "bias": both}
    parts[f"h{gate}"] = {"kernel": state[:, columns]}
  parts["hn"]["bias"] = state_bias[2 * D :]
  expected = nn.RNN(nn.GRUCell(D)).apply({"params": {"cell": parts}}, x)
  expected = expected @ params["out"]["kernel"]
  expected += params["out"]["bias"][None, None]
  found = module.apply(variables, x, segment, False)
  np.testing.assert_allclose(found[:, :9], expected[:, :9], atol=1e-4)
