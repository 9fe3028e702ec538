"""Sizes and shapes of parameters."""

import pytest

from instructrec_jax.model import network
from instructrec_jax.weights import (
  shapes,
)

# Width, heads, width in the feed-forward block, layers of each stack: as the
# public Flan-T5 folders' config.json have them; heads are 64 wide in all.
FLAN_T5 = {
  "small": (512, 6, 1024, 8),
  "base": (768, 12, 2048, 12),
  "large": (1024, 16, 2816, 24),
  "xl": (2048, 32, 5120, 24),
  "xxl": (4096, 64, 10240, 24),
}


@pytest.mark.parametrize("size", FLAN_T5)
def test_sizes_tell_the_gin_file(size):
  emb_dim, num_heads, mlp_dim, layers = FLAN_T5[size]
  config = network.T5Config(
    vocab_size=32128,
    emb_dim=emb_dim,
    num_heads=num_heads,
    num_encoder_layers=layers,
    num_decoder_layers=layers,
    head_dim=64,
    mlp_dim=mlp_dim,
  )
  assert shapes.gin_model(config) == f"gin/models/flan_t5_{size}.gin"
