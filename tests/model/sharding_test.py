"""Every array goes where its rule says, and odd sizes are explained."""

import dataclasses
import re

import jax
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from instructrec_jax.errors import InputError
from instructrec_jax.model import network, ranking_model, sharding
from instructrec_jax.optim import optimizers
from instructrec_jax.train import step
from tests.model.items import item_model_test

CONFIG = network.T5Config(
  vocab_size=256,
  emb_dim=128,
  num_heads=4,
  num_encoder_layers=1,
  num_decoder_layers=1,
  head_dim=32,
  mlp_dim=256,
)


def shapes(config=CONFIG):
  return step.state_shapes(
    ranking_model.RankingModel(config), optimizers.adafactor()
  )


def names(tree):
  return [
    sharding.path_name(path)
    for path, _ in jax.tree_util.tree_leaves_with_path(tree)
  ]


@pytest.mark.parametrize("name", names(shapes().params))
def test_each_parameter_matches_one_rule(name):
  assert (
    sum(bool(re.fullmatch(rule, name)) for rule, _ in sharding.PARAMETER_AXES)
    == 1
  )
  assert set(sharding.logical_axes(name)) <= sharding.MESH_AXES.keys()


@pytest.fixture(scope="module")
def all_names():
  """The names of T5's parameters and those of each model of items."""
  found = names(shapes().params)
  for kind in item_model_test.KINDS:
    model = item_model_test.model(kind)
    found += names({**model.parameter_shapes(), **model.constants()})
  return found


@pytest.mark.parametrize("rule", [rule for rule, _ in sharding.PARAMETER_AXES])
def test_each_rule_is_used(rule, all_names):
  assert any(re.fullmatch(rule, name) for name in all_names)


@pytest.mark.parametrize(
  "name",
  [
    "encoder/layers_0/attention/scale",
    "decoder/layers_0/attention/query/kernel",
    "x/token_embedder/embedding",
  ],
)
def test_unknown_parameter_is_an_error(name):
  with pytest.raises(ValueError, match=f"{name}.*exactly one rule"):
    sharding.logical_axes(name)


def test_factored_statistics_follow_their_parameter():
  """A [mlp, embed] kernel's row statistic is by embed, its column by mlp."""
  tree = shapes()
  mesh = sharding.make_mesh(4)
  specs = {
    sharding.path_name(path): place.spec
    for path, place in jax.tree_util.tree_leaves_with_path(
      sharding.tree_shardings(mesh, tree.params, tree)
    )
  }
  state = "opt_state/inner_state/0"
  mlp = "encoder/layers_0/mlp/wo/kernel"  # [mlp 256, embed 128]
  square = "encoder/layers_0/attention/query/kernel"  # [embed, joined_kv]
  norm = "encoder/encoder_norm/scale"
  expected = {
    "step": (),
    f"params/{mlp}": ("model", None),
    f"{state}/v_row/{mlp}": (None,),
    f"{state}/v_col/{mlp}": ("model",),
    f"{state}/v/{mlp}": (),
    f"params/{square}": (None, "model"),
    f"{state}/v_row/{square}": (None,),
    f"{state}/v_col/{square}": ("model",),
    f"{state}/v/{norm}": (None,),
    f"{state}/v_row/{norm}": (),
    "params/decoder/relpos_bias/rel_embedding": ("model", None),
    "params/token_embedder/embedding": ("model", None),
  }
  assert {name: specs[name] for name in expected} == {
    name: PartitionSpec(*spec) for name, spec in expected.items()
  }


def test_axis_that_does_not_divide_names_what_would():
  config = dataclasses.replace(CONFIG, num_heads=6)
  tree = shapes(config)
  with pytest.raises(InputError) as error:
    sharding.tree_shardings(sharding.make_mesh(4), tree.params, tree)
  assert "'heads' axis of decoder/relpos_bias/rel_embedding" in str(error.value)
  assert "6 long; choose from [1, 2]" in str(error.value)


def test_data_axis_that_does_not_divide_is_named():
  tree = shapes(dataclasses.replace(CONFIG, emb_dim=132))
  with pytest.raises(InputError, match=r"8 devices.*'embed'.*132 long"):
    sharding.tree_shardings(sharding.make_mesh(1), tree.params, tree, 2)


def test_unknown_partitioning_is_an_error():
  with pytest.raises(InputError, match=r"dims '3'.*known: 1, 2"):
    sharding.rules(3)


@dataclasses.dataclass(frozen=True)
class Device:
  process_index: int


@pytest.mark.parametrize(
  ("processes", "expected"),
  [
    ([[0], [0], [1], [1]], [(0, 2), (1, 2)]),
    ([[0, 1], [0, 1]], [(0, 1), (0, 1)]),
    ([[0, 1], [0, 1], [2, 3], [2, 3]], [(0, 2), (0, 2), (1, 2), (1, 2)]),
  ],
)
def test_processes_feed_their_rows(monkeypatch, processes, expected):
  devices = np.array([[Device(i) for i in row] for row in processes])
  mesh = type("FakeMesh", (), {})()
  mesh.devices, mesh.shape = devices, {"data": len(devices)}
  for index, share in enumerate(expected):
    monkeypatch.setattr(jax, "process_index", lambda i=index: i)
    assert sharding.data_shard(mesh) == share


@pytest.mark.parametrize("partitions", [0, 3, 16])
def test_devices_that_do_not_divide_name_what_would(partitions):
  with pytest.raises(InputError, match=r"8 devices; choose from \[1, 2, 4, 8"):
    sharding.make_mesh(partitions)


@pytest.mark.parametrize(
  ("rows", "valid"), [(6, "4 or 8"), (10, "8 or 12"), (3, "4")]
)
def test_batch_that_does_not_divide_names_what_would(rows, valid):
  mesh = sharding.make_mesh(2)
  with pytest.raises(InputError, match=f"{rows} rows.*such as {valid}$"):
    sharding.put_batch(mesh, {"x": np.zeros((rows, 2), np.int32)})


def test_batch_rows_are_split():
  mesh = sharding.make_mesh(2)
  x = np.arange(16, dtype=np.int32).reshape(8, 2)
  placed = sharding.put_batch(mesh, {"x": x})["x"]
  np.testing.assert_array_equal(placed, x)
  assert placed.addressable_shards[0].data.shape == (2, 2)
