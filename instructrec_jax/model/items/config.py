"""The sizes of a model of items, and what it is trained to do."""

import dataclasses

import gin

from instructrec_jax.settings import kinds, macros

# A row of the table for "no item known", after those of the items.
_MORE_ROWS = 1
# Rows are rounded up to a multiple of this, so that the table divides over
# devices.
_ROUND_ROWS = 128


@gin.configurable(module="instructrec_jax")
@dataclasses.dataclass(frozen=True)
class ItemConfig:
  """The sizes of a network over items.

  Attributes:
    encoder: A key of `encoders.ENCODERS`.
    objective: "next" predicts the next item at every place of a sequence,
      "masked" the items that were masked (BERT4Rec), "query" the item that a
      query with a history looks for (TEM, DSSM).
    emb_dim: The width of item vectors and of the network.
    num_layers: The number of layers.
    num_heads: Attention heads of a layer. They divide `emb_dim`.
    mlp_dim: The width inside a layer's feed-forward block.
    max_history: The most items of a history. Older ones are left out.
    dropout_rate: The share of activations dropped in training.
    dtype: The dtype of activations, "float32" or "bfloat16". Parameters, norms
      and scores are always float32.
    item_ids: Whether each item has a vector of its own. Without, an item is its
      text alone, and items that training has never seen can be ranked.
    text_scale: The weight of an item's projected text vector.
    item_words: Whether an item's vector has a part made of the words of its
      title and labels. Queries and items share the words' vectors.
    word_buckets: The rows of the table that words are hashed into.
    max_words: The most words and letter trigrams of a text.
    mask_rate: The share of items that "masked" masks.
    last_mask_rate: The share of sequences of which "masked" masks only the
      last item, as a ranking asks.

  Raises:
    InputError: A value is none of its kind.
  """

  encoder: str = "causal"
  objective: str = "next"
  emb_dim: int = 64
  num_layers: int = 2
  num_heads: int = 2
  mlp_dim: int = 256
  max_history: int = 50
  dropout_rate: float = 0.1
  dtype: str = "float32"
  item_ids: bool = True
  text_scale: float = 1.0
  item_words: bool = False
  word_buckets: int = 2**14
  max_words: int = 64
  mask_rate: float = 0.2
  last_mask_rate: float = 0.1

  # A runner stacks layers for a network that scans over them. These do not.
  scan_layers = False

  def __post_init__(self) -> None:
    share = kinds.Number(0, 1, below=True)
    for name, kind in (
      ("encoder", kinds.Choice(_ENCODERS)),
      ("objective", kinds.Choice(("next", "masked", "query"))),
      ("item_ids", kinds.YES_OR_NO),
      ("item_words", kinds.YES_OR_NO),
      ("text_scale", kinds.Number(above=True)),
      ("mask_rate", kinds.Number(0, 1, above=True, below=True)),
      ("last_mask_rate", share),
      *((size, kinds.Whole()) for size in _SIZES),
    ):
      kinds.check(f"ItemConfig.{name}", kind, getattr(self, name))
    macros.check_parameters(
      "ItemConfig",
      {"dropout_rate": self.dropout_rate, "dtype": self.dtype},
    )
    kinds.check(
      f"ItemConfig.num_heads, which divides emb_dim = {self.emb_dim}",
      kinds.Choice(
        tuple(n for n in range(1, self.emb_dim + 1) if self.emb_dim % n == 0)
      ),
      self.num_heads,
    )


_ENCODERS = ("causal", "bidirectional", "recurrent", "mean")
_SIZES = (
  "emb_dim", "num_layers", "num_heads", "mlp_dim", "max_history",
  "word_buckets", "max_words",
)  # fmt: skip


def table_rows(num_items: int) -> int:
  """Returns the rows of the table of `num_items` items.

  The row `num_items` stands for an item that is not known: a masked one, or
  the start of an empty history.
  """
  return -(-(num_items + _MORE_ROWS) // _ROUND_ROWS) * _ROUND_ROWS
