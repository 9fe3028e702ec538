"""Scores items for requests with a model of items, in batches."""

import os
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np

from instructrec_jax.data.records import read
from instructrec_jax.data.records.requests import Requests
from instructrec_jax.data.records.seen import Seen
from instructrec_jax.model import sharding
from instructrec_jax.model.items.item_model import ItemModel
from instructrec_jax.scoring import top_items
from instructrec_jax.train import checkpoint as checkpoint_lib
from instructrec_jax.train import step as step_lib

# Lengths of histories are rounded up to a multiple of this.
_ROUND = 8


class ItemScorer:
  """Scores items with the parameters of one checkpoint.

  Attributes:
    checkpoint: The folder of the checkpoint.
    vectors: float32 [R, D], the vectors of items; row c is item code c.
    queries: Returns the words of the queries of records, by their numbers, for
      a model of queries.
  """

  def __init__(
    self,
    model: ItemModel,
    checkpoint: str | os.PathLike,
    batch_size: int = 1024,
    num_partitions: int = 1,
    queries: Callable[[np.ndarray], np.ndarray] | None = None,
  ):
    """Loads the parameters onto the devices.

    Args:
      model: The model.
      checkpoint: A run's folder, for its newest step, or one step's folder.
      batch_size: Requests of a batch, over all devices.
      num_partitions: The number of devices that share a copy of the parameters.
      queries: Returns the words of the queries of records, by their numbers:
        `query_tokens` of `ItemModel.states`. None for a model without queries.

    Raises:
      InputError: The checkpoint does not exist or does not match the model.
    """
    self.checkpoint = checkpoint_lib.find(checkpoint)
    self._mesh = sharding.make_mesh(num_partitions, jax.local_devices())
    self._batch_size = -(-batch_size // self._mesh.shape["data"])
    self._batch_size *= self._mesh.shape["data"]
    self._max_history = model.config.max_history
    self.queries = queries
    shapes = model.parameter_shapes()
    places = sharding.tree_shardings(self._mesh, shapes, shapes)
    params = checkpoint_lib.load_params(
      self.checkpoint, sharding.placed(shapes, places)
    )
    constants = step_lib.put_constants(model, self._mesh)
    jit = sharding.jit_on_mesh
    self.vectors = jit(self._mesh, model.item_vectors)(params, constants)
    states = jit(self._mesh, model.states)
    self._states = lambda batch: states(params, batch, constants)
    self._of_candidates = jit(self._mesh, _of_candidates)
    self._of_all = jit(self._mesh, _of_all)
    self._best = jit(self._mesh, top_items.best)

  def candidates(self, requests: Requests) -> np.ndarray:
    """Returns the score of each request's candidates.

    Returns:
      float32 [n, C], -inf where a candidate is absent.
    """
    scores = np.full(requests.candidates.shape, -np.inf, np.float32)
    for rows, batch in self._batches(requests):
      here = requests.candidates[rows]
      of_batch = self._of_candidates(
        self._states(batch), self.vectors, self._put(np.maximum(here, 0))
      )
      scores[rows] = np.asarray(of_batch)[: len(rows)]
    return np.where(requests.candidates == read.ABSENT, -np.inf, scores)

  def catalogue(self, requests: Requests, num_items: int) -> np.ndarray:
    """Returns the score of each item for each request, float32 [n, items]."""
    scores = np.empty((len(requests), num_items), np.float32)
    for rows, batch in self._batches(requests):
      of_batch = self._of_all(self._states(batch), self.vectors)
      scores[rows] = np.asarray(of_batch)[: len(rows), :num_items]
    return scores

  def best(
    self,
    requests: Requests,
    seen: Seen,
    num_items: int,
    count: int,
    block: int = top_items.BLOCK,
  ) -> np.ndarray:
    """Returns the items of highest score of each request, best first.

    No array has a score of every item for every request.

    Args:
      requests: n requests.
      seen: Items that each request leaves out.
      num_items: The number of items to choose from.
      count: The most items of a request.
      block: Items that are compared at a time.

    Returns:
      int64 [n, count], item codes, with -1 after the last if there are fewer.
    """
    ends = np.cumsum(seen.counts())
    best = np.full((len(requests), count), -1)
    blocks = top_items.in_blocks(self.vectors, num_items, block)
    for rows, batch in self._batches(requests):
      left_out = [
        seen.items[end - length : end]
        for end, length in zip(ends[rows], seen.counts()[rows], strict=True)
      ]
      # Few widths, as each is compiled.
      widest = max(map(len, left_out))
      width = 1 << max(widest - 1, 7).bit_length()
      codes = np.full((len(rows), width), -1)
      for row, some in zip(codes, left_out, strict=True):
        row[: len(some)] = some
      found = self._best(
        self._states(batch),
        blocks,
        self._put(codes),
        np.zeros(count, np.int32),
        num_items,
      )
      best[rows] = np.asarray(found)[: len(rows)]
    return best

  def _batches(
    self, requests: Requests
  ) -> Iterator[tuple[np.ndarray, dict[str, jax.Array]]]:
    """Yields requests of similar lengths: their numbers, and their histories.

    The last batch of a length is padded with empty histories.
    """
    full = np.diff(requests.history_offsets)
    length_N = np.minimum(full, self._max_history)
    width_N = np.maximum(-(-length_N // _ROUND) * _ROUND, _ROUND)
    width_N = np.minimum(width_N, self._max_history)
    end_N = requests.history_offsets[1:]
    for width in np.unique(width_N).tolist():
      those = np.flatnonzero(width_N == width)
      for start in range(0, len(those), self._batch_size):
        rows = those[start : start + self._batch_size]
        at = np.arange(width)[None]
        here = at < length_N[rows][:, None]
        token = np.zeros((self._batch_size, width), np.int32)
        source = (end_N[rows] - length_N[rows])[:, None] + at
        token[: len(rows)][here] = requests.history[source[here]] + 1
        batch = {"history_tokens": self._put(token)}
        if self.queries is not None:
          words = self.queries(requests.instance[rows])
          batch["query_tokens"] = self._put(words)
        yield rows, batch

  def _put(self, rows: np.ndarray) -> jax.Array:
    """Puts rows on the devices, padded to a batch."""
    more = self._batch_size - len(rows)
    rows = np.pad(rows, ((0, more), (0, 0))).astype(np.int32)
    return jax.device_put(rows, sharding.batch_sharding(self._mesh))


def _of_candidates(
  state_BxD: jax.Array, vector_RxD: jax.Array, item_BxC: jax.Array
) -> jax.Array:
  return jnp.einsum("bd,bcd->bc", state_BxD, vector_RxD[item_BxC])


def _of_all(state_BxD: jax.Array, vector_RxD: jax.Array) -> jax.Array:
  return state_BxD @ vector_RxD.T
