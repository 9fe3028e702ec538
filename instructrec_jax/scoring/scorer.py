"""Answers requests in batches with a checkpoint's model on the devices."""

import functools
import os
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

import jax
import numpy as np
import tqdm
from jax.experimental import multihost_utils

from instructrec_jax.errors import InputError
from instructrec_jax.model import (
  beam,
  candidate_rows,
  decoding,
  exchange,
  ranking_model,
  sharding,
  trie,
)
from instructrec_jax.scoring import buckets, distinct
from instructrec_jax.train import checkpoint as checkpoint_lib

# The fewest positions of a row, for several titles; and their multiple.
_ROW, _ROUND_ROW = 32, 8

# Arrays [requests, ...], or a tree of them.
Answers = TypeVar("Answers")


class _Batch(NamedTuple):
  """Requests to answer together, padded with -1."""

  requests: np.ndarray
  bucket: buckets.Bucket


class Scorer:
  """Answers any number of requests with the parameters of one checkpoint.

  With several processes, each has the whole model on its own devices and
  answers its share of the batches. A batch does not depend on its process, so
  results are bit-identical to those of one process with as many devices as each
  of the several has.

  Attributes:
    checkpoint: The folder of the checkpoint.
    shapes: The shapes compiled so far: requests, tokens of the input,
      candidates (0 for a text), rows, and positions of a row.
  """

  def __init__(
    self,
    model: ranking_model.RankingModel,
    checkpoint: str | os.PathLike,
    batch_size: int = 32,
    num_partitions: int = 1,
  ):
    """Loads the parameters onto this process's devices.

    Args:
      model: The model.
      checkpoint: A run's folder, for its newest step, or one step's folder.
      batch_size: Requests of a batch, over all devices of a process.
      num_partitions: The number of devices that share a copy of the parameters.

    Raises:
      InputError: The checkpoint does not exist or does not match the model; or
        the batch or a process's devices do not divide evenly.
    """
    self.checkpoint = checkpoint_lib.find(checkpoint)
    self.shapes: set[tuple[int, ...]] = set()
    self._mesh = sharding.make_mesh(num_partitions, jax.local_devices())
    sharding.check_rows(self._mesh, batch_size)
    self._batch_size = batch_size
    shapes = model.parameter_shapes()
    places = sharding.tree_shardings(self._mesh, shapes, shapes)
    self._params = checkpoint_lib.load_params(
      self.checkpoint, sharding.placed(shapes, places)
    )
    self._likelihoods = sharding.jit_on_mesh(self._mesh, model.likelihood_batch)
    self._sums = sharding.jit_on_mesh(
      self._mesh, functools.partial(model.likelihood_batch, summed=True)
    )
    self._normalized = jax.jit(model.normalized)
    self._recommend_batch = sharding.jit_on_mesh(
      self._mesh, model.recommend_batch
    )
    # Not `predict_batch`, because the model's beams are for the catalogue.
    self._write_batch = sharding.jit_on_mesh(
      self._mesh,
      lambda params, inputs_BxL, empty_BxT: decoding.greedy(
        model.module, params, inputs_BxL, empty_BxT.shape[1]
      )[0],
    )

  def score(self, rows: Mapping[str, np.ndarray]) -> np.ndarray:
    """Returns the log-likelihood of every candidate of every request.

    Requests of similar sizes are scored together, which saves padding. Several
    processes must all pass the same requests, and all get all scores.

    Args:
      rows: The features of N requests for `RankingModel.likelihood_batch`:
        int32 encoder_input_tokens [N, L] and candidate_tokens [N, C, T],
        padded with 0.

    Returns:
      float32 [N, C], in nats; -inf for an absent candidate.

    Raises:
      InputError: Processes passed different requests.
    """
    return self._scored(rows, self._likelihoods)

  def prior(self, rows: Mapping[str, np.ndarray]) -> np.ndarray:
    """Returns every candidate's log mean likelihood after others' requests.

    A title is scored once after each input, however many requests share both.
    Where inputs show no candidates, there are as many inputs as wordings times
    other users, and so a title costs as little as one request's.

    Several processes must all pass the same requests, and all get all values.

    Args:
      rows: The features of N requests for `RankingModel.score_batch`: int32
        candidate_tokens [N, C, T] and prior_input_tokens [N, K, L], padded with
        0.

    Returns:
      float32 [N, C], in nats, normalized as scores are; -inf for an absent
      candidate.

    Raises:
      InputError: Processes passed different requests.
    """
    candidates_NxCxT = np.ascontiguousarray(rows["candidate_tokens"], np.int32)
    asked = distinct.Pairs.of(rows["prior_input_tokens"], candidates_NxCxT)
    sums_NxKxC = asked.spread(self._scored(asked.rows, self._sums))
    if not sums_NxKxC.size:
      return np.empty(candidates_NxCxT.shape[:2], np.float32)
    prior_NxC = exchange.log_mean(np.moveaxis(sums_NxKxC, 1, 0))
    return np.asarray(self._normalized(prior_NxC, candidates_NxCxT))

  def _scored(
    self, rows: Mapping[str, np.ndarray], score_batch: Callable[..., jax.Array]
  ) -> np.ndarray:
    """Scores the candidates of requests, in batches of similar sizes."""
    inputs_NxL, candidates_NxCxT = (
      np.ascontiguousarray(rows[name], np.int32)
      for name in ("encoder_input_tokens", "candidate_tokens")
    )
    N, C = candidates_NxCxT.shape[:2]
    lay = _Layout.of(candidates_NxCxT)
    rows_N = lay.places.row.max(axis=1, initial=0) + 1
    plan = buckets.plan(
      _lengths(inputs_NxL), rows_N, lay.width, self._batch_size
    )

    def start(at: np.ndarray, bucket: buckets.Bucket) -> jax.Array:
      places = candidate_rows.Places(*(x[at] for x in lay.places))
      batch = {
        "encoder_input_tokens": _cut(inputs_NxL[at], bucket.inputs),
        "candidate_rows": candidate_rows.fill(
          candidates_NxCxT[at], places, bucket.rows, lay.width
        ),
      }
      self.shapes.add(
        (self._batch_size, bucket.inputs, C, bucket.rows, lay.width)
      )
      return score_batch(self._params, sharding.put_batch(self._mesh, batch))

    none = np.empty((0, C), np.float32)
    found = self._shared(plan, start, none, N, inputs_NxL, candidates_NxCxT)
    return np.asarray(found)

  def write(self, rows: Mapping[str, np.ndarray], length: int) -> np.ndarray:
    """Generates a text for every request by greedy decoding.

    Several processes must all pass the same requests, and all get all texts.

    Args:
      rows: The features of N requests: int32 encoder_input_tokens [N, L],
        padded with 0.
      length: The most tokens of a text, with EOS.

    Returns:
      int32 [N, length], padded with 0. A text ends with EOS unless it was cut.

    Raises:
      InputError: Processes passed different requests.
    """
    inputs_NxL = np.ascontiguousarray(rows["encoder_input_tokens"], np.int32)
    N = len(inputs_NxL)
    # A text costs as much as one candidate of its length.
    plan = buckets.plan(
      _lengths(inputs_NxL), np.ones(N, np.int64), length, self._batch_size
    )

    def start(at: np.ndarray, bucket: buckets.Bucket) -> jax.Array:
      batch = (
        _cut(inputs_NxL[at], bucket.inputs),
        np.zeros((len(at), length), np.int32),
      )
      self.shapes.add((self._batch_size, bucket.inputs, 0, 1, length))
      return self._write_batch(
        self._params, *sharding.put_batch(self._mesh, batch)
      )

    none = np.empty((0, length), np.int32)
    return np.asarray(self._shared(plan, start, none, N, inputs_NxL))

  def recommend(
    self, rows: Mapping[str, np.ndarray], catalogue: trie.Trie
  ) -> beam.Recommendations:
    """Generates items of a catalogue for every request.

    Several processes must all pass the same requests, and all get all items.

    Args:
      rows: The features of N requests for `RankingModel.recommend_batch`: int32
        encoder_input_tokens [N, L], and perhaps excluded_items [N, X].
      catalogue: The titles.

    Returns:
      NumPy arrays [N, ...], with as many items as the model has beams.

    Raises:
      InputError: Processes passed different requests.
    """
    rows = {name: np.ascontiguousarray(x, np.int32) for name, x in rows.items()}
    inputs_NxL = rows["encoder_input_tokens"]
    N, longest = len(inputs_NxL), int((inputs_NxL > 0).any(axis=0).sum())
    longest = max(longest, 1)  # There may be no request.
    rows["encoder_input_tokens"] = inputs_NxL[:, :longest]
    # Replicated on all devices, once for all batches.
    titles = jax.device_put(
      catalogue,
      jax.sharding.NamedSharding(self._mesh, jax.sharding.PartitionSpec()),
    )

    def start(at: np.ndarray, bucket: buckets.Bucket) -> beam.Recommendations:
      del bucket  # There is one.
      batch = {name: array[at] for name, array in rows.items()}
      return self._recommend_batch(
        self._params, sharding.put_batch(self._mesh, batch), titles
      )

    batch = {
      name: jax.ShapeDtypeStruct((self._batch_size, *array.shape[1:]), np.int32)
      for name, array in rows.items()
    }
    shapes = jax.eval_shape(self._recommend_batch, self._params, batch, titles)
    none = jax.tree.map(lambda x: np.empty((0, *x.shape[1:]), x.dtype), shapes)
    whole = [buckets.Bucket(np.arange(N), longest, 0)]
    return self._shared(whole, start, none, N, *rows.values(), catalogue.token)

  def _shared(
    self,
    plan: Sequence[buckets.Bucket],
    start: Callable[[np.ndarray, buckets.Bucket], Answers],
    none: Answers,
    total: int,
    *asked: np.ndarray,
  ) -> Answers:
    """Computes this process's share of the answers, and returns all answers.

    Args:
      plan: Buckets that hold each request once.
      start: Starts the devices on a batch of requests of a bucket.
      none: The answers to no request.
      total: The number of requests.
      *asked: Arrays that must be the same in all processes.

    Raises:
      InputError: They are not the same.
    """
    batches = [batch for bucket in plan for batch in self._batches(bucket)]
    index, count = jax.process_index(), jax.process_count()
    # In turns, so each process has as many of the large batches.
    mine = batches[index::count]
    answers = self._compute(mine, start, none)
    requests_M = _joined([b.requests for b in mine], np.empty(0, np.int64))
    if count > 1:
      size = -(-len(batches) // count) * self._batch_size
      digest = 0
      for array in asked:
        digest = zlib.crc32(np.ascontiguousarray(array), digest)
      requests_M, answers = _gather(digest, requests_M, answers, size)
    return _in_order(requests_M, answers, total)

  def _batches(self, bucket: buckets.Bucket) -> Iterator[_Batch]:
    """Yields a bucket's requests in batches."""
    size = self._batch_size
    for start in range(0, len(bucket.requests), size):
      requests = bucket.requests[start : start + size]
      more = size - len(requests)
      yield _Batch(np.pad(requests, (0, more), constant_values=-1), bucket)

  def _compute(
    self,
    batches: Sequence[_Batch],
    start: Callable[[np.ndarray, buckets.Bucket], Answers],
    none: Answers,
  ) -> Answers:
    """Returns the concatenated answers to some batches, [M, ...]."""
    answers = []
    total = sum(int((batch.requests >= 0).sum()) for batch in batches)
    with tqdm.tqdm(total=total, unit="request", disable=None) as bar:

      def collect(answer: Answers) -> None:
        done = batches[len(answers)]
        answers.append(jax.device_get(answer))
        bar.update(int((done.requests >= 0).sum()))

      pending = None
      for requests, bucket in batches:
        # The first request serves as padding; see `_in_order`.
        at = np.where(requests >= 0, requests, requests[0])
        started = start(at, bucket)
        if pending is not None:
          collect(pending)  # While the devices work on this one.
        pending = started
      if pending is not None:
        collect(pending)
    return jax.tree.map(lambda empty, *xs: _joined(xs, empty), none, *answers)


class _Layout(NamedTuple):
  """The places of each request's candidates in rows, and the rows' width."""

  places: candidate_rows.Places
  width: int

  @classmethod
  def of(cls, candidates_NxCxT: np.ndarray) -> "_Layout":
    length_NxC = np.maximum((candidates_NxCxT > 0).sum(axis=2) - 1, 0)
    enough = min(_ROW, int(length_NxC.sum(axis=1).max(initial=1)))
    width = max(int(length_NxC.max(initial=1)), enough, 1)
    width = -(-width // _ROUND_ROW) * _ROUND_ROW
    return cls(candidate_rows.places(candidates_NxCxT, width), width)


def _gather(
  digest: int, requests_M: np.ndarray, answers: Answers, size: int
) -> tuple[np.ndarray, Answers]:
  """Returns the concatenated requests and answers of all processes.

  Args:
    digest: A digest of the requests passed to this process.
    requests_M: int64, the numbers of its requests, -1 for none.
    answers: [M, ...], the answers to them.
    size: The largest M of any process.

  Raises:
    InputError: Processes passed different requests.
  """
  more = size - len(requests_M)
  padded = jax.tree.map(
    lambda x: np.pad(x, [(0, more)] + [(0, 0)] * (x.ndim - 1)), answers
  )
  digests, requests, gathered = multihost_utils.process_allgather(
    (
      np.array(digest, np.uint32),
      np.pad(requests_M, (0, more), constant_values=-1).astype(np.int32),
      padded,
    )
  )
  if (digests != digests[0]).any():
    raise InputError(
      f"{len(digests)} processes have different requests: expected the same "
      "records, vocabulary and settings on every machine"
    )
  return requests.reshape(-1), jax.tree.map(
    lambda x: x.reshape(-1, *x.shape[2:]), gathered
  )


def _in_order(requests_M: np.ndarray, answers: Answers, total: int) -> Answers:
  """Returns the answers to requests 0, 1, … up to `total`.

  Raises:
    InputError: A request does not have exactly one answer.
  """
  places = np.flatnonzero(requests_M >= 0)
  requests = requests_M[places]
  times = np.bincount(requests, minlength=total)
  if len(times) != total or (times != 1).any():
    wrong = int((times != 1).argmax()) if len(times) == total else total
    raise InputError(
      f"request {wrong} was answered {times[wrong]} times: expected requests 0 "
      f"to {total - 1}, once each"
    )
  places = places[np.argsort(requests)]
  return jax.tree.map(lambda x: x[places], answers)


def _lengths(tokens_NxL: np.ndarray) -> np.ndarray:
  """Returns the number of tokens of each row, at least 1, int64 [N]."""
  return (tokens_NxL > 0).cumsum(axis=1).argmax(axis=1) + 1


def _cut(tokens_BxL: np.ndarray, length: int) -> np.ndarray:
  """Pads or cuts tokens to a length."""
  more = max(length - tokens_BxL.shape[1], 0)
  return np.pad(tokens_BxL, ((0, 0), (0, more)))[:, :length]


def _joined(arrays: Sequence[np.ndarray], none: np.ndarray) -> np.ndarray:
  """Concatenates the arrays, or returns `none` if there are none."""
  return np.concatenate(arrays) if len(arrays) else none
