"""The model of items learns, ranks, and is the same on any mesh."""

import dataclasses
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from instructrec_jax.errors import InputError
from instructrec_jax.model import sharding
from instructrec_jax.model.items.config import ItemConfig, table_rows
from instructrec_jax.model.items.item_model import ItemModel
from instructrec_jax.model.items.losses import LOSSES, ItemLoss
from instructrec_jax.optim import optimizers
from instructrec_jax.train import step

ITEMS = 40
CONFIG = ItemConfig(
  emb_dim=16, mlp_dim=32, max_history=8, dropout_rate=0.0, word_buckets=128
)
# Each item has two words of its own.
WORDS = np.arange(2 * ITEMS, dtype=np.int32).reshape(ITEMS, 2)
KINDS = {
  "sasrec": CONFIG,
  "bert4rec": dataclasses.replace(
    CONFIG,
    encoder="bidirectional",
    objective="masked",
    mask_rate=0.3,
    last_mask_rate=0.5,
  ),
  "gru4rec": dataclasses.replace(CONFIG, encoder="recurrent", num_layers=1),
  "sasrec_text": CONFIG,
  "two_towers": dataclasses.replace(CONFIG, encoder="mean", item_words=True),
  "text_alone": dataclasses.replace(CONFIG, item_ids=False),
}


def model(kind="sasrec", loss="softmax", **changes):
  text = None
  if "text" in kind:
    text = np.random.default_rng(0).normal(size=(ITEMS, 12)).astype("float32")
  catalogue = types.SimpleNamespace(
    num_items=ITEMS,
    text_vectors=text,
    item_words=lambda buckets, most: WORDS % buckets + 1,
  )
  config = dataclasses.replace(KINDS[kind], **changes)
  return ItemModel(catalogue, config, ItemLoss(loss, num_negatives=16))


def batch(rows=8):
  """Sequences that count up by 3 from each item in turn, two in each row."""
  start = (np.arange(2 * rows) % ITEMS).reshape(rows, 2, 1)
  tokens = (start + 3 * np.arange(5)) % ITEMS + 1  # [rows, 2, 5]
  segment = np.broadcast_to(np.array([[[1], [2]]]), (rows, 2, 4))
  return {
    name: jnp.asarray(array.reshape(rows, -1), jnp.int32)
    for name, array in {
      "encoder_input_tokens": tokens[:, :, :-1],
      "decoder_target_tokens": tokens[:, :, 1:],
      "encoder_segment_ids": segment,
    }.items()
  }


def trained(of, mesh, steps=2, parts=None, rate=1e-2, rows=16):
  optimizer = optimizers.adamw(optimizers.constant(rate))
  shapes = step.state_shapes(of, optimizer)
  shardings = sharding.tree_shardings(mesh, shapes.params, shapes)
  state = step.make_state(of, optimizer, 0, shardings)
  one = step.make_train_step(
    of, optimizer, 0, mesh, shardings, num_microbatches=parts
  )
  for _ in range(steps):
    state, metrics = one(state, sharding.put_batch(mesh, batch(rows)))
  return state.params, {n: float(m.compute()) for n, m in metrics.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_mesh_changes_nothing_but_places(kind):
  of = model(kind)
  alone = trained(of, sharding.make_mesh(1, jax.devices()[:1]))
  mesh = sharding.make_mesh(2)
  split = trained(of, mesh)
  assert split[1] == pytest.approx(alone[1], rel=1e-4)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4),
    split[0],
    alone[0],
  )
  if of.config.item_ids:
    table = split[0]["item_embedder"]["embedding"]
    assert table.sharding.shard_shape(table.shape) == (64, 16)


@pytest.mark.parametrize("kind", KINDS)
def test_each_parameter_matches_one_rule(kind):
  of = model(kind)
  tree = {**of.parameter_shapes(), **of.constants()}
  for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
    axes = sharding.logical_axes(sharding.path_name(path))
    assert len(axes) == leaf.ndim


@pytest.mark.parametrize("kind", KINDS)
def test_it_learns_what_comes_next(kind):
  of = model(kind)
  mesh = sharding.make_mesh(1, jax.devices()[:1])
  params, _ = trained(of, mesh, steps=100, rate=2e-2, rows=20)
  history = np.zeros((3, 8), np.int32)
  history[:, :3] = (np.array([[2], [9], [30]]) + 3 * np.arange(3)) % ITEMS + 1
  constants = jax.tree.map(jnp.asarray, of.constants())
  states = of.states(
    params, {"history_tokens": jnp.asarray(history)}, constants
  )
  scores = states @ of.item_vectors(params, constants)[:ITEMS].T
  expected = (np.array([2, 9, 30]) + 9) % ITEMS
  assert np.argmax(scores, axis=1).tolist() == expected.tolist()


@pytest.mark.parametrize("loss", LOSSES)
def test_each_loss_trains_in_parts(loss):
  of = model(loss=loss)
  _, metrics = trained(
    of, sharding.make_mesh(1, jax.devices()[:2]), steps=5, parts=2
  )
  assert np.isfinite(metrics["loss"])
  assert metrics["input_fill"] == metrics["target_fill"] == 1


def test_loss_is_a_mean_over_places_with_a_target():
  of = model()
  params = of.get_initial_variables(jax.random.key(0))["params"]
  whole = batch()
  some = whole | {
    "decoder_target_tokens": whole["decoder_target_tokens"].at[4:].set(0)
  }
  first = {name: array[:4] for name, array in whole.items()}
  loss, metrics = of.loss_fn(params, some, None)
  np.testing.assert_allclose(
    loss, of.loss_fn(params, first, None)[0], rtol=1e-5
  )
  assert float(metrics["loss"].count) == 4 * 8
  assert float(metrics["target_fill"].compute()) == 0.5


def test_masks_are_the_last_item_or_a_share_of_all():
  tokens = batch(200)
  drawn = {
    last: model("bert4rec", last_mask_rate=last, mask_rate=0.3)
    for last in (0.0, 0.999)
  }
  rates = {}
  for last, of in drawn.items():
    params = of.get_initial_variables(jax.random.key(0))["params"]
    _, metrics = of.loss_fn(params, tokens, jax.random.key(3))
    rates[last] = float(metrics["target_fill"].compute())
  assert rates[0.0] == pytest.approx(0.3, abs=0.03)
  assert rates[0.999] == pytest.approx(1 / 4, abs=0.01)


def test_a_masked_item_is_not_seen():
  """The score of the last place is the same whatever item stands there."""
  of = model("bert4rec", last_mask_rate=0.9999, mask_rate=1e-6)
  params = of.get_initial_variables(jax.random.key(0))["params"]
  params = jax.tree.map(lambda x: x + 0.1, params)
  tokens = batch(4)["encoder_input_tokens"]
  segment = jnp.ones_like(tokens)
  losses = []
  for last in range(1, ITEMS + 1):
    given = {
      "encoder_input_tokens": tokens.at[:, -1].set(last),
      "encoder_segment_ids": segment,
      "decoder_target_tokens": tokens,
    }
    _, metrics = of.loss_fn(params, given, jax.random.key(0))
    losses.append(float(metrics["loss"].compute()))
  # By Jensen, means of log-likelihoods of one distribution over all items.
  assert np.exp(-np.array(losses)).sum() <= 1 + 1e-4


@pytest.mark.parametrize("kind", KINDS)
def test_padding_after_a_history_changes_nothing(kind):
  of = model(kind)
  params = of.get_initial_variables(jax.random.key(0))["params"]
  constants = jax.tree.map(jnp.asarray, of.constants())
  short = jnp.array([[3, 7, 0, 0], [5, 0, 0, 0], [0, 0, 0, 0]], jnp.int32)
  long = jnp.pad(short, ((0, 0), (0, 4)))
  one, other = (
    of.states(params, {"history_tokens": tokens}, constants)
    for tokens in (short, long)
  )
  np.testing.assert_allclose(one, other, atol=1e-6)
  assert np.isfinite(one).all()


def test_new_texts_can_be_ranked_without_ids():
  of = model("text_alone")
  assert "item_embedder" not in of.parameter_shapes()
  params = of.get_initial_variables(jax.random.key(0))["params"]
  more = {"text": jnp.ones((256, 12))}
  assert of.item_vectors(params, more).shape == (256, 16)


@pytest.mark.parametrize(
  ("items", "rows"), [(1, 128), (127, 128), (128, 256), (10**7, 10_000_128)]
)
def test_rows_hold_an_unknown_item_and_divide(items, rows):
  assert table_rows(items) == rows


@pytest.mark.parametrize(
  ("settings", "told"),
  [
    ({"objective": "both"}, 'ItemConfig.objective.*"masked" or "query"'),
    ({"num_heads": 3}, "ItemConfig.num_heads, which divides emb_dim = 64"),
    ({"max_history": 0}, "ItemConfig.max_history.*whole number"),
    ({"dropout_rate": 1.0}, "dropout_rate.*below 1"),
    ({"encoder": "lstm"}, 'ItemConfig.encoder.*"causal"'),
  ],
)
def test_settings_are_checked(settings, told):
  with pytest.raises(InputError, match=told):
    ItemConfig(**settings)
