"""Rows of packed examples, and the arrays of a batch made from them."""

import dataclasses

import numpy as np

from instructrec_jax.batches.token_cache import TokenCache

Batch = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Rows:
  """Rows of packed examples.

  Attributes:
    examples: int64 [examples], numbers of examples, row by row.
    begin: int64 [rows + 1], where each row begins in them, and the last ends.
  """

  examples: np.ndarray
  begin: np.ndarray

  def __len__(self) -> int:
    return len(self.begin) - 1

  def __getitem__(self, rows: slice) -> "Rows":
    start, stop, _ = rows.indices(len(self))
    begin = self.begin[start : stop + 1]
    return Rows(self.examples[begin[0] : begin[-1]], begin - begin[0])

  def __add__(self, other: "Rows") -> "Rows":
    return Rows(
      np.concatenate([self.examples, other.examples]),
      np.concatenate([self.begin, other.begin[1:] + self.begin[-1]]),
    )

  def batch(self, cache: TokenCache, pack: bool) -> Batch:
    """Returns the arrays of a batch, see `from_tokens.CachedBatches`.

    Args:
      cache: The cache of the examples.
      pack: Whether to add segment ids and positions.
    """
    lengths_Ex2 = cache.lengths_Ex2[self.examples].astype(np.int64)
    start_E = cache.starts[self.examples]
    inputs, targets = (
      _Feature(cache.tokens, start_E, lengths_E, self.begin, length)
      for start_E, lengths_E, length in zip(
        (start_E, start_E + lengths_Ex2[:, 0]),
        lengths_Ex2.T,
        cache.max_lengths,
        strict=True,
      )
    )
    batch = {
      "encoder_input_tokens": inputs.tokens,
      "decoder_input_tokens": _shifted(targets, pack),
      "decoder_target_tokens": targets.tokens,
      "decoder_loss_weights": (targets.tokens != 0).astype(np.int32),
    }
    if pack:
      for side, feature in (("encoder", inputs), ("decoder", targets)):
        batch[f"{side}_segment_ids"] = feature.segment_ids
        batch[f"{side}_positions"] = feature.positions
    return batch


class _Feature:
  """The arrays of one feature: int32 [rows, length], padded with 0.

  Args:
    tokens: Tokens of the whole cache.
    start_E: int64 [examples], where each example's tokens begin.
    lengths_E: int64 [examples], the number of its tokens.
    begin: See `Rows`.
    length: Tokens of a row.

  Attributes:
    tokens: The rows' tokens.
    segment_ids: Each token's example in its row, from 1.
    positions: Each token's place in its example, from 0.
  """

  def __init__(
    self,
    tokens: np.ndarray,
    start_E: np.ndarray,
    lengths_E: np.ndarray,
    begin: np.ndarray,
    length: int,
  ):
    end_E = np.cumsum(lengths_E)
    row_ends = np.diff(np.concatenate([[0], end_E])[begin])
    is_token = np.arange(length) < row_ends[:, None]

    def padded(values: np.ndarray) -> np.ndarray:
      array = np.zeros(is_token.shape, np.int32)
      array[is_token] = values
      return array

    def spread(values_E: np.ndarray) -> np.ndarray:
      return np.repeat(values_E.astype(np.int32), lengths_E)

    # Copying whole examples is four times as fast as indexing each token.
    self.tokens = padded(
      np.concatenate(
        [
          tokens[start:end]
          for start, end in zip(
            start_E.tolist(), (start_E + lengths_E).tolist(), strict=True
          )
        ]
      )
    )
    number = np.arange(end_E[-1], dtype=np.int32)
    self.positions = padded(number - spread(end_E - lengths_E))
    first_of_row_E = np.repeat(begin[:-1], np.diff(begin))
    nth_E = np.arange(len(lengths_E)) - first_of_row_E
    self.segment_ids = padded(spread(nth_E + 1))


def _shifted(targets: _Feature, pack: bool) -> np.ndarray:
  """Returns the token before each target token.

  It is 0 at an example's start. It is also 0 after its end if rows are packed.
  Without packing it is then the last token, as in SeqIO, which has no effect.
  """
  shifted = np.zeros_like(targets.tokens)
  shifted[:, 1:] = targets.tokens[:, :-1]
  return np.where(targets.positions > 0, shifted, 0) if pack else shifted
