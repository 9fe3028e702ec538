"""The model of items that the runner trains, and that ranks items.

`ItemModel` has what the runner asks of a model (see train/step.py), as
`RankingModel` has. A token is an item here: 0 is padding, and item code c is
token c + 1.

Letters: B rows, P places of a row, H items of a history, C candidates, R rows
of the table, D the width.
"""

from collections.abc import Mapping
from typing import Any, Protocol, cast

import gin
import jax
import jax.numpy as jnp
import numpy as np
from clu import metrics as clu_metrics

from instructrec_jax.errors import InputError
from instructrec_jax.model import parameters
from instructrec_jax.model.items import network
from instructrec_jax.model.items.config import ItemConfig, table_rows
from instructrec_jax.model.items.losses import ItemLoss, Places

Batch = Mapping[str, jax.Array]
Params = Mapping[str, Any]
Metrics = dict[str, clu_metrics.Metric]


class Catalogue(Protocol):
  """What a model needs to know about its items.

  Attributes:
    num_items: Their number.
    text_vectors: float32 [items, W], or None.
  """

  num_items: int
  text_vectors: np.ndarray | None

  def item_words(self, buckets: int, most: int) -> np.ndarray:
    """Returns the words of each item, int32 [items, W], see batches/words.py.

    Args:
      buckets: The number of buckets.
      most: The most words of an item.
    """


@gin.configurable(module="instructrec_jax")
class ItemModel:
  """A network over items that is trained on sequences and ranks items.

  Attributes:
    config: The sizes of the network.
    num_items: The number of items.
    catalogue: The items.
    module: The network.
  """

  def __init__(
    self,
    catalogue: Catalogue,
    config: ItemConfig | None = None,
    loss: ItemLoss | None = None,
  ):
    """Builds the network, without parameters.

    Args:
      catalogue: The items.
      config: The sizes of the network.
      loss: What training minimizes.
    """
    self.config = config or ItemConfig()
    self.num_items = catalogue.num_items
    self._loss = loss or ItemLoss()
    if self._loss.name == "in_batch" and self.config.objective == "masked":
      raise InputError(
        "ItemLoss.name = 'in_batch' compares the targets of a batch, and the "
        "objective 'masked' draws its own: choose another loss or objective"
      )
    self.catalogue = catalogue
    self._text = catalogue.text_vectors
    width = 0 if self._text is None else self._text.shape[1]
    self.module = network.ItemNetwork(self.config, self.num_items, width)

  def get_initial_variables(
    self,
    rng: jax.Array,
    input_shapes: Mapping[str, tuple[int, ...]] | None = None,
    input_types: Mapping[str, Any] | None = None,
  ) -> dict[str, Any]:
    """Returns initial parameters and the logical axes of each.

    Args:
      rng: The key to draw them with.
      input_shapes: Not used.
      input_types: Not used.
    """
    del input_shapes, input_types
    one = jnp.zeros((1, 1), jnp.int32)
    method, args = "__call__", (one, one + 1)
    if self.config.objective == "query":
      method, args = "answer", (one, one, one[0])
    made = self.module.init(rng, *args, method=method)
    return parameters.with_axes(made["params"])

  def parameter_shapes(self) -> Params:
    """Returns the parameters' shapes and dtypes, without making any."""
    return jax.eval_shape(
      lambda: self.get_initial_variables(jax.random.key(0))["params"]
    )

  def constants(self) -> dict[str, np.ndarray]:
    """Returns arrays that the network needs and training does not change.

    They are not part of a checkpoint. `text` is float32 [R, W], the text
    vectors of items, and `item_words` int32 [R, W], their words. Both are zero
    for rows that are no items.
    """
    cfg = self.config
    found: dict[str, np.ndarray] = {}
    if self._text is not None:
      found[network.TEXT] = self._text.astype(np.float32)
    if cfg.item_words:
      found[network.WORDS] = self.catalogue.item_words(
        cfg.word_buckets, cfg.max_words
      )
    rows = table_rows(self.num_items)
    return {
      name: np.pad(array, ((0, rows - len(array)), (0, 0)))
      for name, array in found.items()
    }

  def loss_fn(
    self,
    params: Params,
    batch: Batch,
    dropout_rng: jax.Array | None,
    constants: Params | None = None,
  ) -> tuple[jax.Array, Metrics]:
    """Returns the loss to differentiate, and sums with counts to report.

    Args:
      params: The network's parameters.
      batch: int32 [B, P] each: encoder_input_tokens, the sequences;
        decoder_target_tokens, the item to predict at each place (not used to
        predict masked items); and encoder_segment_ids, the number of each
        place's sequence in its row, from 1, if several share a row. For the
        objective "query" a row has the items of a history and then words, see
        batches/queries.py, and one target. target_log_share, float32, the log
        of each target's share of all targets, for the loss "in_batch".
      dropout_rng: The key for dropout, masks and sampled items, or None for no
        dropout.
      constants: See `constants`.

    Returns:
      The loss in nats, a mean over the places to predict, and metrics: "loss",
      the same; "accuracy", the share of places whose target no other item that
      was scored surpasses; "input_fill" and "target_fill", the shares of places
      with an item and with a target.
    """
    train = dropout_rng is not None
    keys = jax.random.split(jax.random.key(0) if not train else dropout_rng, 3)
    token_BxP = batch["encoder_input_tokens"]
    segment_BxP = batch.get("encoder_segment_ids", _is_item(token_BxP))
    target_BxP = batch["decoder_target_tokens"]
    if self.config.objective == "masked":
      target_BxP = jnp.where(
        _masked(keys[1], segment_BxP, self.config), token_BxP, 0
      )
      token_BxP = jnp.where(target_BxP > 0, self._unknown, token_BxP)
    variables = self._variables(params, constants)
    hidden_BxPxD = self._encoded(
      variables,
      token_BxP,
      segment_BxP,
      train=train,
      rngs={"dropout": keys[0]} if train else None,
    )
    target_T, hidden_TxD = _to_predict(
      target_BxP, hidden_BxPxD, self._most_places(target_BxP.size)
    )
    weight_T = (target_T > 0).astype(jnp.float32)
    total, first = self._loss(
      Places(
        hidden_TxD,
        _rows(target_T),
        weight_T,
        lambda rows: self._apply(variables, rows, method="embed"),
        lambda: self._apply(variables, method="table"),
        self.num_items,
        keys[2],
        batch.get("target_log_share", jnp.zeros_like(weight_T)).reshape(-1),
      )
    )
    count = jnp.sum(weight_T)
    return total / jnp.maximum(count, 1), {
      "loss": clu_metrics.Average(total, count),
      "accuracy": clu_metrics.Average(first, count),
      "input_fill": _share(token_BxP > 0),
      "target_fill": _share(target_BxP > 0),
    }

  def item_vectors(
    self, params: Params, constants: Params | None = None
  ) -> jax.Array:
    """Returns the vectors of the table's rows, float32 [R, D].

    Row c is item code c. Rows from `num_items` on are no items.
    """
    return self._apply(self._variables(params, constants), method="table")

  def states(
    self, params: Params, batch: Batch, constants: Params | None = None
  ) -> jax.Array:
    """Returns what the network makes of histories, float32 [B, D].

    An item's score is the dot product with its vector.

    Args:
      params: The network's parameters.
      batch: history_tokens, int32 [B, H], oldest first, padded with 0 at the
        end. A history may be empty. For the objective "query" also
        query_tokens, int32 [B, W], 1 + the bucket of each word.
      constants: See `constants`.
    """
    token_BxH = batch["history_tokens"]
    length_B = jnp.sum(token_BxH > 0, axis=1)
    if self.config.objective == "query":
      return self._apply(
        self._variables(params, constants),
        batch["query_tokens"],
        _rows(token_BxH),
        length_B,
        method="answer",
      )
    if self.config.objective == "masked":
      # The item to rank is a masked one after the history.
      token_BxH = jnp.pad(token_BxH, ((0, 0), (0, 1)))
      length_B += 1
    else:
      length_B = jnp.maximum(length_B, 1)
    at_H = jnp.arange(token_BxH.shape[1])[None]
    inside_BxH = at_H < length_B[:, None]
    token_BxH = jnp.where(
      inside_BxH & (token_BxH == 0), self._unknown, token_BxH
    )
    hidden_BxHxD = self._apply(
      self._variables(params, constants),
      _rows(token_BxH),
      inside_BxH.astype(jnp.int32),
    )
    last_Bx_x_ = (length_B - 1)[:, None, None]
    return jnp.take_along_axis(hidden_BxHxD, last_Bx_x_, axis=1)[:, 0]

  def _encoded(
    self,
    variables: Params,
    token_BxP: jax.Array,
    segment_BxP: jax.Array,
    **options: Any,
  ) -> jax.Array:
    """Returns the network's output at the places to predict, [B, P, D].

    For the objective "query" that is one place for each row.
    """
    if self.config.objective != "query":
      return self._apply(variables, _rows(token_BxP), segment_BxP, **options)
    word_BxP = jnp.maximum(token_BxP - self._unknown, 0)
    token_BxH = token_BxP[:, : self.config.max_history]
    is_item_BxH = (token_BxH > 0) & (token_BxH < self._unknown)
    return self._apply(
      variables,
      word_BxP,
      _rows(jnp.where(is_item_BxH, token_BxH, 0)),
      jnp.sum(is_item_BxH, axis=1),
      method="answer",
      **options,
    )[:, None]

  @property
  def _unknown(self) -> int:
    """The token of an item that is not known."""
    return self.num_items + 1

  def _most_places(self, places: int) -> int:
    """Returns how many places of a batch are compared with items, at most."""
    if self.config.objective != "masked":
      return places
    # Three standard deviations of the number that is masked, and more.
    rate = self.config.mask_rate + self.config.last_mask_rate
    return min(places, int(places * rate + 3 * places**0.5) + 1)

  def _variables(
    self, params: Params, constants: Params | None
  ) -> dict[str, Any]:
    return {"params": params, network.CONSTANTS: constants or {}}

  def _apply(self, variables: Params, *args: Any, **kwargs: Any) -> jax.Array:
    return cast(jax.Array, self.module.apply(variables, *args, **kwargs))


def _rows(tokens: jax.Array) -> jax.Array:
  """Returns the row of each token; padding gets any."""
  return jnp.maximum(tokens - 1, 0)


def _is_item(tokens: jax.Array) -> jax.Array:
  return (tokens > 0).astype(jnp.int32)


def _share(what: jax.Array) -> clu_metrics.Average:
  return clu_metrics.Average(
    jnp.sum(what, dtype=jnp.float32), jnp.float32(what.size)
  )


def _masked(
  key: jax.Array, segment_BxP: jax.Array, config: ItemConfig
) -> jax.Array:
  """Draws the places to mask, bool [B, P].

  In a share of the sequences only the last item is masked. In the others each
  item is masked with the same probability.
  """
  keys = jax.random.split(key)
  next_BxP = jnp.pad(segment_BxP, ((0, 0), (0, 1)))[:, 1:]
  is_last_BxP = (segment_BxP != next_BxP) & (segment_BxP > 0)
  draw_BxP = jax.random.uniform(keys[0], segment_BxP.shape)
  # One draw for each sequence, looked up by its number.
  of_sequence_BxP = jax.random.uniform(keys[1], segment_BxP.shape)
  number_BxP = jnp.maximum(segment_BxP - 1, 0)
  drawn_BxP = jnp.take_along_axis(of_sequence_BxP, number_BxP, axis=1)
  return jnp.where(
    drawn_BxP < config.last_mask_rate,
    is_last_BxP,
    (draw_BxP < config.mask_rate) & (segment_BxP > 0),
  )


def _to_predict(
  target_BxP: jax.Array, hidden_BxPxD: jax.Array, most: int
) -> tuple[jax.Array, jax.Array]:
  """Returns the targets [T] and outputs [T, D] of places that have a target.

  Args:
    target_BxP: 0 for none.
    hidden_BxPxD: The network's outputs.
    most: T. Places with a target beyond the first T are left out.
  """
  target_N = target_BxP.reshape(-1)
  hidden_NxD = hidden_BxPxD.reshape(-1, hidden_BxPxD.shape[-1])
  if most == len(target_N):
    return target_N, hidden_NxD
  (at_T,) = jnp.nonzero(target_N > 0, size=most, fill_value=len(target_N))
  target_T = jnp.pad(target_N, (0, 1))[at_T]
  return target_T, hidden_NxD[jnp.minimum(at_T, len(target_N) - 1)]
