"""Greedy decoding."""

import dataclasses

import jax
import numpy as np
import pytest

from instructrec_jax.model import decoding, network
from tests.model import golden as golden_file
from tests.model.golden import shifted


@pytest.fixture(scope="module", params=golden_file.NAMES)
def golden(request):
  return golden_file.load(request.param)


def apply(golden, *args, **changes):
  config = dataclasses.replace(golden["config"], **changes)
  call = jax.jit(network.Transformer(config).apply)
  return np.asarray(call({"params": golden["params"]}, *args))


def test_greedy_decodes_equal_hugging_face(golden):
  """Token by token, with the keys and values of what was decided."""
  module = network.Transformer(golden["config"])
  expected = golden["decoded"]
  decode = jax.jit(decoding.greedy, static_argnums=(0, 3))
  tokens, scores = decode(
    module, golden["params"], golden["decoded_inputs"], expected.shape[1]
  )
  np.testing.assert_array_equal(tokens, expected)
  # All at once, the same tokens have the same log-likelihood.
  ended = np.cumsum(expected == 1, axis=1) - (expected == 1) > 0
  logits = apply(golden, golden["decoded_inputs"], shifted(expected)[:, None])
  logp = np.take_along_axis(
    np.asarray(jax.nn.log_softmax(logits[:, 0])), expected[..., None], -1
  )[..., 0]
  np.testing.assert_allclose(scores, (logp * ~ended).sum(1), rtol=1e-4)
