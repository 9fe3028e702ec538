"""A checkpoint's model on the devices, ready to score requests in batches."""

import os
from collections.abc import Mapping

import jax
import numpy as np
import tqdm

from instructrec_jax.model import beam, ranking_model, sharding, trie
from instructrec_jax.train import checkpoint as checkpoint_lib


class Scorer:
  """Scores any number of requests with the parameters of one checkpoint.

  Attributes:
    checkpoint: the step's folder that was found.
  """

  def __init__(
    self,
    model: ranking_model.RankingModel,
    checkpoint: str | os.PathLike,
    batch_size: int = 32,
    num_partitions: int = 1,
  ):
    """Loads the parameters onto the devices.

    Args:
      model: what scores.
      checkpoint: a run's folder, for its newest step, or one step's folder.
      batch_size: requests at a time, over all devices.
      num_partitions: devices that one copy of the parameters is split over.

    Raises:
      InputError: the checkpoint is not there, or does not fit the model.
    """
    self.checkpoint = checkpoint_lib.find(checkpoint)
    self._mesh = sharding.make_mesh(num_partitions)
    self._batch_size = batch_size
    shapes = model.parameter_shapes()
    places = sharding.tree_shardings(self._mesh, shapes, shapes)
    self._params = checkpoint_lib.load_params(
      self.checkpoint, sharding.placed(shapes, places)
    )
    self._score_batch = sharding.jit_on_mesh(self._mesh, model.score_batch)
    self._recommend_batch = sharding.jit_on_mesh(
      self._mesh, model.recommend_batch
    )

  def score(self, rows: Mapping[str, np.ndarray]) -> np.ndarray:
    """Returns the log-likelihood of every candidate of every request.

    Args:
      rows: of N requests, what `RankingModel.score_batch` takes: int32
        encoder_input_tokens [N, L] and candidate_tokens [N, C, T], padded with
        0. Columns of nothing but padding are not computed.

    Returns:
      float32 [N, C], in nats; -inf for an absent candidate.
    """
    rows = {name: _without_padding(tokens) for name, tokens in rows.items()}
    total = len(rows["encoder_input_tokens"])
    batch_size = self._batch_size
    scores_NxC = []
    with tqdm.tqdm(total=total, unit="request", disable=None) as bar:

      def collect(scores_BxC: jax.Array) -> None:
        scores_NxC.append(np.asarray(scores_BxC))
        bar.update(min(batch_size, total - bar.n))

      pending = None
      for start in range(0, total, batch_size):
        # The last batch is filled up with rows that are cut off again below.
        batch_rows = np.arange(start, start + batch_size) % total
        batch = {name: tokens[batch_rows] for name, tokens in rows.items()}
        batch = sharding.put_batch(self._mesh, batch)
        scores_BxC = self._score_batch(self._params, batch)
        if pending is not None:
          collect(pending)  # While the devices score this one.
        pending = scores_BxC
      collect(pending)
    return np.concatenate(scores_NxC)[:total]

  def recommend(
    self, rows: Mapping[str, np.ndarray], catalogue: trie.Trie
  ) -> beam.Recommendations:
    """Generates items out of a catalogue for every request.

    Args:
      rows: of N requests, what `RankingModel.recommend_batch` takes: int32
        encoder_input_tokens [N, L], and perhaps excluded_items [N, X].
      catalogue: the titles.

    Returns:
      NumPy arrays [N, ...], as many items as the model has beams.
    """
    inputs = _without_padding(rows["encoder_input_tokens"])
    rows = {**rows, "encoder_input_tokens": inputs}
    # The same on each device, once and for all batches.
    titles = jax.device_put(
      catalogue,
      jax.sharding.NamedSharding(self._mesh, jax.sharding.PartitionSpec()),
    )
    total, batch_size = len(inputs), self._batch_size
    found = []
    for start in tqdm.trange(0, total, batch_size, unit="batch", disable=None):
      # As above: the last batch is filled up.
      batch_rows = np.arange(start, start + batch_size) % total
      batch = sharding.put_batch(
        self._mesh, {name: array[batch_rows] for name, array in rows.items()}
      )
      found.append(
        jax.device_get(self._recommend_batch(self._params, batch, titles))
      )
    return jax.tree.map(lambda *parts: np.concatenate(parts)[:total], *found)


def _without_padding(tokens: np.ndarray) -> np.ndarray:
  """Cuts the last columns of [..., T], which hold nothing but padding.

  Lengths are what may be used; titles are mostly much shorter.
  """
  used_T = tokens.any(tuple(range(tokens.ndim - 1)))
  return tokens[..., : int(used_T.sum())]
