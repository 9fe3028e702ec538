"""T5.1.1-small, as the benchmarks' sides share it: sizes, weights, peers."""

from collections.abc import Mapping

VOCABULARY = 32128
SIZES = {
  "emb_dim": 512,
  "num_heads": 6,
  "num_encoder_layers": 8,
  "num_decoder_layers": 8,
  "head_dim": 64,
  "mlp_dim": 1024,
}


def make_params():
  """Returns our model, and random weights for all sides."""
  import jax

  from instructrec_jax.model import network, ranking_model

  config = network.T5Config(VOCABULARY, dropout_rate=0.0, **SIZES)
  model = ranking_model.RankingModel(config)
  variables = jax.jit(model.get_initial_variables)(jax.random.key(0))
  return model, variables["params"]


def hugging_face(params: Mapping, **settings):
  """Returns transformers' T5 of these sizes.

  Args:
    params: our weights.
    **settings: further ones of `transformers.T5Config`.
  """
  import transformers

  config = transformers.T5Config(
    vocab_size=VOCABULARY,
    d_model=SIZES["emb_dim"],
    d_kv=SIZES["head_dim"],
    d_ff=SIZES["mlp_dim"],
    num_layers=SIZES["num_encoder_layers"],
    num_decoder_layers=SIZES["num_decoder_layers"],
    num_heads=SIZES["num_heads"],
    feed_forward_proj="gated-gelu",
    decoder_start_token_id=0,
    # Said to the constructor, this keeps the logits unscaled; transformers 5
    # ties a T5 built from a config all the same, unless it is said again.
    tie_word_embeddings=False,
    **settings,
  )
  config.tie_word_embeddings = False
  model = transformers.T5ForConditionalGeneration(config)
  model.load_state_dict(_state(params))
  return model


def _state(params: Mapping) -> dict:
  """Returns our weights by PyTorch's names."""
  import numpy as np
  import torch
  from flax import traverse_util

  from instructrec_jax.weights import names

  theirs = names.hf_names(
    SIZES["num_encoder_layers"], SIZES["num_decoder_layers"]
  )
  state = {
    theirs[name]: torch.from_numpy(
      np.array(value.T if names.is_transposed(name) else value)
    )
    for name, value in traverse_util.flatten_dict(params, sep="/").items()
  }
  return state | {copy: state[of] for copy, of in names.COPIES.items()}
