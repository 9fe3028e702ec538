"""Scores of batches are those of requests one by one."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from instructrec_jax.data.records.requests import Requests
from instructrec_jax.model.items.config import ItemConfig
from instructrec_jax.model.items.item_model import ItemModel
from instructrec_jax.scoring import items as items_lib

ITEMS = 30


@pytest.fixture(scope="module")
def model():
  catalogue = types.SimpleNamespace(num_items=ITEMS, text_vectors=None)
  return ItemModel(catalogue, ItemConfig(emb_dim=8, num_heads=2, max_history=9))


@pytest.fixture
def scorer(model, monkeypatch, tmp_path):
  params = model.get_initial_variables(jax.random.key(0))["params"]
  params = jax.tree.map(
    lambda x: x + 0.3 * jax.random.normal(jax.random.key(x.size), x.shape),
    params,
  )
  monkeypatch.setattr(items_lib.checkpoint_lib, "find", lambda path: path)
  monkeypatch.setattr(
    items_lib.checkpoint_lib, "load_params", lambda path, like: params
  )
  made = items_lib.ItemScorer(model, tmp_path, batch_size=8)
  made.params = params
  return made


def requests(lengths):
  rng = np.random.default_rng(0)
  n = len(lengths)
  candidates = np.stack([rng.permutation(ITEMS)[:5] for _ in range(n)])
  candidates[::3, 4] = -1
  return Requests(
    instance=np.arange(n),
    user=np.arange(n),
    target=candidates[:, 0],
    candidates=candidates,
    history=rng.integers(0, ITEMS, sum(lengths)),
    history_offsets=np.concatenate([[0], np.cumsum(lengths)]),
    history_length=np.array(lengths),
  )


def test_batches_score_as_single_requests(model, scorer):
  asked = requests([0, 1, 12, 3, 8, 9, 2, 7, 1, 1, 5, 4, 0, 10])
  found = scorer.candidates(asked)
  whole = scorer.catalogue(asked, ITEMS)
  vectors = model.item_vectors(scorer.params)
  for row, history in enumerate(asked.histories):
    tokens = np.zeros((1, 9), np.int32)
    newest = history[-9:]
    tokens[0, : len(newest)] = newest + 1
    state = model.states(scorer.params, {"history_tokens": jnp.asarray(tokens)})
    expected = np.asarray(state[0] @ vectors.T)
    np.testing.assert_allclose(whole[row], expected[:ITEMS], atol=1e-4)
    here = asked.candidates[row] >= 0
    np.testing.assert_allclose(
      found[row][here], expected[asked.candidates[row][here]], atol=1e-4
    )
    assert (found[row][~here] == -np.inf).all()


def test_some_requests_score_as_among_all(scorer):
  asked = requests([3, 0, 7, 9, 2])
  mask = np.array([True, False, True, False, True])
  some = asked.take(mask)
  assert some.user.tolist() == [0, 2, 4]
  for one, other in zip(some.histories, (0, 2, 4), strict=True):
    np.testing.assert_array_equal(one, asked.histories[other])
  np.testing.assert_allclose(
    scorer.candidates(some), scorer.candidates(asked)[mask], atol=1e-5
  )
