"""T5.1.1-small, as the benchmarks' sides share it: sizes, weights, peers."""

import argparse
import functools
from collections.abc import Mapping
from typing import TypedDict


class Sizes(TypedDict):
  """Of a network, by the names of `T5Config`."""

  emb_dim: int
  num_heads: int
  num_encoder_layers: int
  num_decoder_layers: int
  head_dim: int
  mlp_dim: int


VOCABULARY = 32128
SMALL: Sizes = {
  "emb_dim": 512,
  "num_heads": 6,
  "num_encoder_layers": 8,
  "num_decoder_layers": 8,
  "head_dim": 64,
  "mlp_dim": 1024,
}
TOY: Sizes = {
  "emb_dim": 16,
  "num_heads": 2,
  "num_encoder_layers": 1,
  "num_decoder_layers": 1,
  "head_dim": 8,
  "mlp_dim": 32,
}


def sizes(args: argparse.Namespace) -> Sizes:
  """Returns those of the network; --toy has a tiny one."""
  return TOY if args.toy else SMALL


def make_params(args: argparse.Namespace):
  """Returns our model, and random weights for all sides."""
  return _make_params(args.toy)


@functools.cache
def _make_params(toy: bool):
  import jax

  from instructrec_jax.model import network, ranking_model

  config = network.T5Config(
    VOCABULARY, dropout_rate=0.0, **(TOY if toy else SMALL)
  )
  model = ranking_model.RankingModel(config)
  variables = jax.jit(model.get_initial_variables)(jax.random.key(0))
  return model, variables["params"]


def t5x(args: argparse.Namespace, dropout_rate: float = 0.0, **settings):
  """Returns T5X's model of these sizes, with T5X's network as shipped.

  Args:
    args: the command line.
    dropout_rate: while it trains.
    **settings: further ones of `t5x.models.EncoderDecoderModel`.
  """
  from t5x import adafactor, models
  from t5x.examples.t5 import network

  config = network.T5Config(
    VOCABULARY,
    mlp_activations=("gelu", "linear"),
    logits_via_embedding=False,
    dropout_rate=dropout_rate,
    **sizes(args),
  )
  return models.EncoderDecoderModel(
    network.Transformer(config),
    input_vocabulary=None,
    output_vocabulary=None,
    optimizer_def=adafactor.Adafactor(
      decay_rate=0.8,
      logical_factor_rules=adafactor.standard_logical_factor_rules(),
    ),
    **settings,
  )


def hugging_face(args: argparse.Namespace, **settings):
  """Returns transformers' T5 of these sizes, with our random weights.

  Args:
    args: the command line.
    **settings: further ones of `transformers.T5Config`.
  """
  import transformers

  network = sizes(args)
  config = transformers.T5Config(
    vocab_size=VOCABULARY,
    d_model=network["emb_dim"],
    d_kv=network["head_dim"],
    d_ff=network["mlp_dim"],
    num_layers=network["num_encoder_layers"],
    num_decoder_layers=network["num_decoder_layers"],
    num_heads=network["num_heads"],
    feed_forward_proj="gated-gelu",
    decoder_start_token_id=0,
    # Said to the constructor, this keeps the logits unscaled; transformers 5
    # ties a T5 built from a config all the same, unless it is said again.
    tie_word_embeddings=False,
    **settings,
  )
  config.tie_word_embeddings = False
  model = transformers.T5ForConditionalGeneration(config)
  model.load_state_dict(_state(make_params(args)[1], network))
  return model


def _state(params: Mapping, network: Sizes) -> dict:
  """Returns our weights by PyTorch's names."""
  import numpy as np
  import torch
  from flax import traverse_util

  from instructrec_jax.weights import names

  theirs = names.hf_names(
    network["num_encoder_layers"], network["num_decoder_layers"]
  )
  state = {
    theirs[name]: torch.from_numpy(
      np.array(value.T if names.is_transposed(name) else value)
    )
    for name, value in traverse_util.flatten_dict(params, sep="/").items()
  }
  return state | {copy: state[of] for copy, of in names.COPIES.items()}
