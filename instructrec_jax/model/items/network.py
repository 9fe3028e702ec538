"""The network of a model of items: item vectors, and an encoder over them.

The vector of an item is a row of a table, or a projection of the vector of its
text, or what a tower makes of its words, or their sum. The same vectors are the
encoder's inputs and what its outputs are compared with.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn

from instructrec_jax.model.items.config import ItemConfig, table_rows
from instructrec_jax.model.items.encoders import ENCODERS

# The collection of arrays that training does not change.
CONSTANTS = "constants"
TEXT = "text"
WORDS = "item_words"
# Items whose words are read at a time.
_AT_ONCE = 4096


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
    if self._has_ids:
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
    if cfg.item_words:
      self.words = self.variable(
        CONSTANTS, WORDS, lambda: jnp.zeros((rows, 1), jnp.int32)
      )
    if cfg.item_words or cfg.objective == "query":
      self.word_tower = WordTower(cfg, name="word_tower")

  def embed(self, rows: jax.Array) -> jax.Array:
    """Returns the vectors of rows of the table.

    Args:
      rows: int32 [...].

    Returns:
      float32 [..., D].
    """
    parts = []
    if self._has_ids:
      parts.append(self.item_embedder(rows))
    if self.text_width:
      parts.append(self.text_projection(self.text.value[rows]))
    if self.config.item_words:
      parts.append(self.word_tower(self.words.value[rows]))
    return sum(parts[1:], parts[0])

  def table(self) -> jax.Array:
    """Returns the vectors of all rows, float32 [R, D]."""
    parts = []
    if self._has_ids:
      parts.append(self.item_embedder.embedding)
    if self.text_width:
      parts.append(self.text_projection(self.text.value))
    if self.config.item_words:
      # All words of all items have too many vectors to hold at once.
      parts.append(
        jax.lax.map(self.word_tower, self.words.value, batch_size=_AT_ONCE)
      )
    return sum(parts[1:], parts[0])

  @property
  def _has_ids(self) -> bool:
    """Whether items have vectors of their own."""
    is_text = self.text_width or self.config.item_words
    return self.config.item_ids or not is_text

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

  def answer(
    self,
    words_BxW: jax.Array,
    rows_BxH: jax.Array,
    length_B: jax.Array,
    train: bool = False,
  ) -> jax.Array:
    """Encodes queries, each with a history.

    The query is one more place after the history. What the encoder makes of
    this place is the answer.

    Args:
      words_BxW: int32, 1 + the bucket of each word of the query; 0 for padding.
      rows_BxH: int32, the rows of the history's items, oldest first.
      length_B: int32, the number of items of each history; it may be 0.
      train: Whether to use dropout, which needs the rng "dropout".

    Returns:
      float32 [B, D], to compare with item vectors.
    """
    query_BxD = self.word_tower(words_BxW)
    items_BxPxD = jnp.pad(self.embed(rows_BxH), ((0, 0), (0, 1), (0, 0)))
    at_BxP = jnp.arange(items_BxPxD.shape[1])[None] - length_B[:, None]
    x_BxPxD = jnp.where(
      (at_BxP == 0)[:, :, None], query_BxD[:, None], items_BxPxD
    )
    x_BxPxD = self.encoder(
      x_BxPxD.astype(self.config.dtype), (at_BxP <= 0).astype(jnp.int32), train
    )
    last_Bx_x_ = length_B[:, None, None]
    answer_BxD = jnp.take_along_axis(x_BxPxD, last_Bx_x_, axis=1)[:, 0]
    return answer_BxD.astype(jnp.float32)


class WordTower(nn.Module):
  """The vector of a text: tanh of a projection of the mean of word vectors."""

  config: ItemConfig

  @nn.compact
  def __call__(self, words: jax.Array) -> jax.Array:
    """Returns float32 [..., D] for words [..., W], 1 + bucket or 0 for none."""
    cfg = self.config
    embedder = nn.Embed(
      cfg.word_buckets,
      cfg.emb_dim,
      embedding_init=nn.initializers.normal(0.1),
      name="embedder",
    )
    is_word = (words > 0).astype(jnp.float32)
    vectors = embedder(jnp.maximum(words - 1, 0))
    total = jnp.einsum("...w,...wd->...d", is_word, vectors)
    count = jnp.maximum(jnp.sum(is_word, axis=-1, keepdims=True), 1)
    return jnp.tanh(nn.Dense(cfg.emb_dim, name="projection")(total / count))


class TextProjection(nn.Module):
  """Two projections of a text vector, with a GELU between them."""

  config: ItemConfig

  @nn.compact
  def __call__(self, text: jax.Array) -> jax.Array:
    """Returns float32 [..., D] for vectors [..., W]."""
    cfg = self.config
    hidden = nn.gelu(nn.Dense(cfg.mlp_dim, name="wi")(text))
    return cfg.text_scale * nn.Dense(cfg.emb_dim, name="wo")(hidden)
