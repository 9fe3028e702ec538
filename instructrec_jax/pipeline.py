"""From SeqIO to the numpy batches that the model reads, and back to figures.

TensorFlow lives here and in the tasks; training and scoring see numpy only.
"""

import io
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import gin
import jax
import numpy as np
import seqio
import tensorflow as tf

from instructrec_jax.errors import InputError, unknown

Batch = dict[str, np.ndarray]


def task_or_mixture(name: str) -> seqio.Task | seqio.Mixture:
  """Returns what is registered as `name`.

  Raises:
    InputError: if nothing is; near names are given.
  """
  known = {*seqio.MixtureRegistry.names(), *seqio.TaskRegistry.names()}
  if name not in known:
    raise unknown("mixture or task", name, known)
  return seqio.get_mixture_or_task(name)


class RankingFeatureConverter(seqio.FeatureConverter):
  """Requests with their candidates: one row per request.

  Task features: inputs [L], candidates [C, T]; targets give T its length.
  Model features: encoder_input_tokens [L], candidate_tokens [C, T], both int32
  and padded with 0. A request with fewer than C candidates has rows of padding,
  which the model scores as minus infinity.
  """

  TASK_FEATURES: Mapping = {
    "inputs": seqio.FeatureConverter.FeatureSpec(tf.int32),
    "targets": seqio.FeatureConverter.FeatureSpec(tf.int32),
    "candidates": seqio.FeatureConverter.FeatureSpec(tf.int32, rank=2),
  }
  MODEL_FEATURES: Mapping = {
    "encoder_input_tokens": seqio.FeatureConverter.FeatureSpec(tf.int32),
    "candidate_tokens": seqio.FeatureConverter.FeatureSpec(tf.int32, rank=2),
  }
  PACKING_FEATURE_DTYPES = None

  def _convert_features(self, ds, task_feature_lengths):
    lengths = self.get_model_feature_lengths(task_feature_lengths)

    def convert(example):
      candidates_CxT = example["candidates"]
      shape = tf.shape(candidates_CxT)
      num_candidates = lengths["candidate_tokens"]
      length = task_feature_lengths["targets"]
      padding = [[0, num_candidates - shape[0]], [0, length - shape[1]]]
      inputs_L = example["inputs"]
      rest = lengths["encoder_input_tokens"] - tf.size(inputs_L)
      return {
        "encoder_input_tokens": tf.ensure_shape(
          tf.pad(inputs_L, [[0, rest]]), [lengths["encoder_input_tokens"]]
        ),
        "candidate_tokens": tf.ensure_shape(
          tf.pad(candidates_CxT, padding), [num_candidates, length]
        ),
      }

    return ds.map(convert, num_parallel_calls=tf.data.AUTOTUNE)

  def get_model_feature_lengths(self, task_feature_lengths):
    """Returns L, and C: that of T is the targets'."""
    return {
      "encoder_input_tokens": task_feature_lengths["inputs"],
      "candidate_tokens": task_feature_lengths["candidates"],
    }


class Batches:
  """An endless iterator of numpy batches whose place can be saved.

  Args:
    ds: yields batches.
  """

  def __init__(self, ds: tf.data.Dataset):
    self._iterator = iter(ds)
    self._checkpoint = tf.train.Checkpoint(iterator=self._iterator)

  def __iter__(self) -> Iterator[Batch]:
    return self

  def __next__(self) -> Batch:
    return {key: value.numpy() for key, value in next(self._iterator).items()}

  def get_state(self) -> bytes:
    """Returns the iterator's place, as TensorFlow's checkpoint files."""
    buffer = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder:
      self._checkpoint.write(f"{folder}/place")
      with tarfile.open(fileobj=buffer, mode="w") as archive:
        for file in sorted(Path(folder).iterdir()):
          archive.add(file, file.name)
    return buffer.getvalue()

  def set_state(self, state: bytes) -> None:
    """Goes to the place that `get_state` gave."""
    with tempfile.TemporaryDirectory() as folder:
      with tarfile.open(fileobj=io.BytesIO(state)) as archive:
        archive.extractall(folder, filter="data")
      self._checkpoint.read(f"{folder}/place").assert_consumed()


@gin.configurable(module="instructrec_jax")
def train_batches(
  mixture_or_task_name: str = gin.REQUIRED,
  task_feature_lengths: Mapping[str, int] = gin.REQUIRED,
  batch_size: int = gin.REQUIRED,
  seed: int = 0,
  pack: bool = True,
) -> Batches:
  """Returns the training batches of this process.

  Args:
    mixture_or_task_name: registered with SeqIO.
    task_feature_lengths: tokens of "inputs" and "targets" in a row.
    batch_size: rows of a batch, over all processes.
    seed: of the order, the wordings and the negatives.
    pack: whether several examples share a row.

  Raises:
    InputError: for an unknown name, or a batch the processes cannot share.
  """
  processes = jax.process_count()
  if batch_size % processes:
    raise InputError(
      f"a batch of {batch_size} rows cannot be shared by {processes} processes"
    )
  ds = task_or_mixture(mixture_or_task_name).get_dataset(
    task_feature_lengths,
    split="train",
    shuffle=True,
    num_epochs=None,
    shard_info=seqio.ShardInfo(jax.process_index(), processes),
    seed=seed,
    # The place in a dataset that is cached in memory cannot be saved.
    try_in_mem_cache=False,
  )
  converter = seqio.EncDecFeatureConverter(pack=pack)
  ds = converter(ds, task_feature_lengths)
  options = tf.data.Options()
  options.deterministic = True
  ds = ds.batch(batch_size // processes, drop_remainder=True)
  return Batches(ds.with_options(options).prefetch(2))


def count_unfit(
  task_name: str,
  split: str,
  task_feature_lengths: Mapping[str, int],
  sample: int = 1000,
) -> dict[str, int]:
  """Counts the records, among a task's first ones, that are too long for it.

  Returns:
    "skipped" of "of" records, of which there are `sample` at most.

  Raises:
    InputError: for an unknown task.
  """
  task = task_or_mixture(task_name)
  records = task.source.get_dataset(split, shuffle=False).take(sample)
  examples = task.preprocess_postcache(records, task_feature_lengths, seed=0)
  of = sum(1 for _ in records)
  return {"skipped": of - sum(1 for _ in examples), "of": of}
