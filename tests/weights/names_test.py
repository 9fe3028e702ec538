"""The table of names: one for one, whatever the number of layers."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from instructrec_jax.model import network
from instructrec_jax.weights import names, shapes

LAYERS = st.integers(1, 30)
SETTINGS = settings(deadline=None, max_examples=40)


def of(name, stack):
  """Returns the number of layers that a table of names has."""
  return len(
    {m[1] for m in (re.match(rf"{stack}/layers_(\d+)/", n) for n in name) if m}
  )


@SETTINGS
@given(encoder=LAYERS, decoder=LAYERS)
def test_names_are_one_for_one(encoder, decoder):
  table = names.hf_names(encoder, decoder)
  assert len(set(table.values())) == len(table)
  assert (of(table, "encoder"), of(table, "decoder")) == (encoder, decoder)
  assert len(table) == 6 + 9 * encoder + 14 * decoder


@SETTINGS
@given(encoder=st.integers(1, 3), decoder=st.integers(1, 3))
def test_every_parameter_of_the_network_has_a_name(encoder, decoder):
  config = network.T5Config(8, 4, 2, encoder, decoder, 3, 6)
  assert names.hf_names(encoder, decoder).keys() == (
    shapes.parameters_of(config).keys()
  )


def test_what_turns():
  """What Hugging Face keeps as torch.nn.Linear, and its position biases."""
  assert [
    name.split("/")[-2]
    for name in names.hf_names(1, 1)
    if not names.is_transposed(name)
  ] == [
    "token_embedder",
    "encoder_norm",
    "pre_attention_layer_norm",
    "pre_mlp_layer_norm",
    "decoder_norm",
    "pre_self_attention_layer_norm",
    "pre_cross_attention_layer_norm",
    "pre_mlp_layer_norm",
  ]
