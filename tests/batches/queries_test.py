"""A model of queries reads the query and all of its history, and learns."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from instructrec_jax.errors import InputError
from instructrec_jax.model import sharding
from instructrec_jax.model.items.item_model import ItemModel
from instructrec_jax.model.items.losses import ItemLoss
from instructrec_jax.optim import optimizers
from instructrec_jax.train import step
from tests.model.items import item_model_test

ITEMS, WORDS = item_model_test.ITEMS, 6
CONFIG = dataclasses.replace(
  item_model_test.CONFIG, objective="query", max_words=WORDS, num_layers=1
)
KINDS = {
  "tem": dataclasses.replace(CONFIG, encoder="bidirectional"),
  "dssm": dataclasses.replace(
    CONFIG, encoder="mean", item_ids=False, item_words=True
  ),
}


def model(kind, loss="in_batch"):
  catalogue = item_model_test.model().catalogue
  return ItemModel(catalogue, KINDS[kind], ItemLoss(loss))


def batch(rows=16):
  """A query has a word of its target, and two items of a history."""
  target = (np.arange(rows) * 3) % ITEMS
  tokens = np.zeros((rows, 8 + WORDS), np.int32)
  tokens[:, :2] = [[5, 9]]
  tokens[:, 2] = ITEMS + 1 + item_model_test.WORDS[target, 0] + 1
  share = np.full((rows, 1), np.log(1 / ITEMS), np.float32)
  return {
    "encoder_input_tokens": jnp.asarray(tokens),
    "decoder_target_tokens": jnp.asarray(target[:, None] + 1),
    "target_log_share": jnp.asarray(share),
  }


def trained(of, mesh, steps, rate=1e-2):
  optimizer = optimizers.adamw(optimizers.constant(rate))
  shapes = step.state_shapes(of, optimizer)
  places = sharding.tree_shardings(mesh, shapes.params, shapes)
  state = step.make_state(of, optimizer, 0, places)
  one = step.make_train_step(of, optimizer, 0, mesh, places)
  for _ in range(steps):
    state, metrics = one(state, sharding.put_batch(mesh, batch()))
  return state.params, {n: float(m.compute()) for n, m in metrics.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_mesh_changes_nothing_but_places(kind):
  of = model(kind)
  alone = trained(of, sharding.make_mesh(1, jax.devices()[:1]), 2)
  split = trained(of, sharding.make_mesh(2), 2)
  assert split[1] == pytest.approx(alone[1], rel=1e-4)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4),
    split[0],
    alone[0],
  )


@pytest.mark.parametrize("kind", KINDS)
def test_it_learns_what_a_query_looks_for(kind):
  of = model(kind, "softmax" if kind == "tem" else "in_batch")
  params, _ = trained(of, sharding.make_mesh(1, jax.devices()[:1]), 60, 2e-2)
  constants = jax.tree.map(jnp.asarray, of.constants())
  given = batch()
  states = of.states(params, asked(given), constants)
  scores = states @ of.item_vectors(params, constants)[:ITEMS].T
  expected = given["decoder_target_tokens"][:, 0] - 1
  assert np.argmax(scores, axis=1).tolist() == expected.tolist()


def asked(given):
  """The features of a request, of those of training."""
  tokens = given["encoder_input_tokens"]
  return {
    "history_tokens": jnp.where(tokens[:, :2] <= ITEMS, tokens[:, :2], 0),
    "query_tokens": jnp.maximum(tokens[:, 2:4] - ITEMS - 1, 0),
  }


@pytest.mark.parametrize("kind", KINDS)
def test_the_answer_depends_on_the_query_and_all_past_items(kind):
  of = model(kind)
  params = of.get_initial_variables(jax.random.key(0))["params"]
  constants = jax.tree.map(jnp.asarray, of.constants())
  history = jnp.array([[3, 8, 11, 20, 0, 0]])
  query = jnp.array([[4, 17, 0]])

  def answer(history, query):
    given = {"history_tokens": history, "query_tokens": query}
    return np.asarray(of.states(params, given, constants))

  first = answer(history, query)
  for place in range(4):
    other = answer(history.at[0, place].set(30), query)
    assert np.abs(other - first).max() > 1e-6, place
  for place in range(2):
    other = answer(history, query.at[0, place].set(30))
    assert np.abs(other - first).max() > 1e-6, place
  np.testing.assert_allclose(answer(history[:, :4], query[:, :2]), first, 1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_each_parameter_matches_one_rule(kind):
  of = model(kind)
  tree = {**of.parameter_shapes(), **of.constants()}
  for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
    axes = sharding.logical_axes(sharding.path_name(path))
    assert len(axes) == leaf.ndim


def test_masked_items_are_no_targets_of_a_batch():
  config = dataclasses.replace(CONFIG, objective="masked")
  with pytest.raises(InputError, match="'in_batch' compares the targets of a"):
    ItemModel(item_model_test.model().catalogue, config, ItemLoss("in_batch"))
