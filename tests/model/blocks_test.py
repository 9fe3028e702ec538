"""The layers' parts."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from instructrec_jax.errors import InputError
from instructrec_jax.model import attention, blocks, network
from tests.model import golden as golden_file
from tests.model.golden import shifted

CONFIG = golden_file.load("tiny")["config"]


@pytest.fixture(scope="module", params=golden_file.NAMES)
def golden(request):
  return golden_file.load(request.param)


@pytest.mark.parametrize("remat", blocks.REMAT)
def test_gradients_do_not_depend_on_how_layers_run(remat):
  """Against the layers one by one, all kept; with dropout."""
  golden = golden_file.load("uneven")

  def gradients(**changes):
    config = dataclasses.replace(golden["config"], **changes)

    def loss(params):
      logits = network.Transformer(config).apply(
        {"params": params},
        golden["inputs"],
        shifted(golden["candidates"]),
        train=True,
        rngs={"dropout": jax.random.key(0)},
      )
      return jnp.sum(jnp.square(logits)) / logits.size

    return jax.jit(jax.grad(loss))(golden["params"])

  expected = gradients(scan_layers=False, remat="none")
  found = gradients(scan_layers=True, remat=remat)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5),
    found,
    expected,
  )


def test_unknown_remat_lists_the_choices():
  with pytest.raises(
    InputError, match=r"'some'.*\"none\", \"minimal\" or \"full\""
  ):
    dataclasses.replace(CONFIG, remat="some")


@pytest.mark.parametrize("bidirectional", [True, False])
def test_relative_position_bias_is_the_bucket_of_each_pair(bidirectional):
  length = 300
  bias = blocks.RelativePositionBias(num_heads=2, bidirectional=bidirectional)
  params = bias.init(jax.random.key(0), length, True)
  table = np.asarray(params["params"]["rel_embedding"])
  pairs = np.arange(length)[None, :] - np.arange(length)[:, None]
  buckets = attention.relative_position_bucket(pairs, bidirectional)
  assert buckets.min() == 0
  assert buckets.max() == attention.RELPOS_BUCKETS - 1
  for train in (True, False):
    found = bias.apply(params, length, train)
    np.testing.assert_array_equal(found, table[:, buckets])


def test_dropout_acts_in_training_only(golden):
  args = golden["params"], golden["inputs"], shifted(golden["candidates"])
  model = network.Transformer(golden["config"])

  @jax.jit
  def train(seed):
    rngs = {"dropout": jax.random.key(seed)}
    return model.apply({"params": args[0]}, *args[1:], train=True, rngs=rngs)

  trained = [train(seed) for seed in (0, 0, 1)]
  np.testing.assert_array_equal(trained[0], trained[1])
  assert np.abs(trained[0] - trained[2]).max() > 0.1
