"""The network of a model of items: item vectors, and an encoder over them.

The vector of an item is a row of a table, or a projection of the vector of its
text, or their sum. The same vectors are the encoder's inputs and what its
outputs are compared with.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn

from instructrec_jax.model.items.config import ItemConfig, table_rows
from instructrec_jax.model.items.encoders import ENCODERS

# The collection of arrays that training does not change.
CONSTANTS = "constants"
TEXT = "text"


class ItemNetwork(nn.Module):
  """Item vectors, and an encoder of sequences of items.

  Attributes:
    config: The sizes.
    num_items: The number of items. Row `num_items` of the table is an item that
      is not known.
    text_width: The width of items' text vectors; 0 if there are none.
  """

  config: ItemConfig
  num_items: int
  text_width: int = 0

  def setup(self) -> None:
    """Makes the parts that the configuration asks for."""
    cfg, rows = self.config, table_rows(self.num_items)
    self.encoder = ENCODERS[cfg.encoder](cfg, "encoder")
    if cfg.item_ids or not self.text_width:
      self.item_embedder = nn.Embed(
        rows,
        cfg.emb_dim,
        embedding_init=nn.initializers.normal(0.02),
        name="item_embedder",
      )
    if self.text_width:
      self.text = self.variable(
        CONSTANTS,
        TEXT,
        lambda: jnp.zeros((rows, self.text_width), jnp.float32),
      )
      self.text_projection = TextProjection(cfg, name="text_projection")

  def embed(self, rows: jax.Array) -> jax.Array:
    """Returns the vectors of rows of the table.

    Args:
      rows: int32 [...].

    Returns:
      float32 [..., D].
    """
    parts = []
    if self.config.item_ids or not self.text_width:
      parts.append(self.item_embedder(rows))
    if self.text_width:
      parts.append(self.text_projection(self.text.value[rows]))
    return sum(parts[1:], parts[0])

  def table(self) -> jax.Array:
    """Returns the vectors of all rows, float32 [R, D]."""
    parts = []
    if self.config.item_ids or not self.text_width:
      parts.append(self.item_embedder.embedding)
    if self.text_width:
      parts.append(self.text_projection(self.text.value))
    return sum(parts[1:], parts[0])

  def __call__(
    self, rows_BxP: jax.Array, segment_BxP: jax.Array, train: bool = False
  ) -> jax.Array:
    """Encodes sequences.

    Args:
      rows_BxP: int32, the items' rows of the table; any for padding.
      segment_BxP: int32, the number of each place's sequence in its row, from
        1; 0 for padding.
      train: Whether to use dropout, which needs the rng "dropout".

    Returns:
      float32 [B, P, D], to compare with item vectors.
    """
    x_BxPxD = self.embed(rows_BxP).astype(self.config.dtype)
    x_BxPxD = self.encoder(x_BxPxD, segment_BxP, train)
    return x_BxPxD.astype(jnp.float32)


class TextProjection(nn.Module):
  """Two projections of a text vector, with a GELU between them."""

  config: ItemConfig

  @nn.compact
  def __call__(self, text: jax.Array) -> jax.Array:
    """Returns float32 [..., D] for vectors [..., W]."""
    cfg = self.config
    hidden = nn.gelu(nn.Dense(cfg.mlp_dim, name="wi")(text))
    return cfg.text_scale * nn.Dense(cfg.emb_dim, name="wo")(hidden)
