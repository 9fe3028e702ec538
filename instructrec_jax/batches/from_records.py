"""Makes training batches from records with SeqIO, as numpy arrays."""

import io
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import jax
import numpy as np
import seqio
import tensorflow as tf
import tqdm

from instructrec_jax.errors import InputError
from instructrec_jax.tasks import lookup

Batch = dict[str, np.ndarray]


class RecordBatches:
  """An endless iterator of numpy batches whose position can be saved.

  Args:
    ds: A dataset of batches.
  """

  shares_position = False

  def __init__(self, ds: tf.data.Dataset):
    self._iterator = iter(ds)
    self._checkpoint = tf.train.Checkpoint(iterator=self._iterator)

  def __iter__(self) -> Iterator[Batch]:
    return self

  def __next__(self) -> Batch:
    return {key: value.numpy() for key, value in next(self._iterator).items()}

  def get_state(self) -> bytes:
    """Returns the iterator's position, as TensorFlow's checkpoint files."""
    buffer = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder:
      self._checkpoint.write(f"{folder}/place")
      with tarfile.open(fileobj=buffer, mode="w") as archive:
        for file in sorted(Path(folder).iterdir()):
          archive.add(file, file.name)
    return buffer.getvalue()

  def set_state(self, state: bytes) -> None:
    """Restores a position that `get_state` returned."""
    with tempfile.TemporaryDirectory() as folder:
      with tarfile.open(fileobj=io.BytesIO(state)) as archive:
        archive.extractall(folder, filter="data")
      self._checkpoint.read(f"{folder}/place").assert_consumed()

  def seek(self, step: int) -> None:
    """Skips `step` batches from the start, by reading them."""
    with tqdm.trange(
      step, desc="reading again", unit="batch", disable=None
    ) as n:
      for _ in n:
        next(self._iterator)


def train_batches(
  mixture_or_task_name: str,
  task_feature_lengths: Mapping[str, int],
  batch_size: int,
  seed: int = 0,
  pack: bool = True,
  shard: tuple[int, int] | None = None,
) -> RecordBatches:
  """Returns the training batches of this process.

  Args:
    mixture_or_task_name: A name registered with SeqIO.
    task_feature_lengths: Tokens of "inputs" and "targets" in a row.
    batch_size: Rows of a batch, over all processes.
    seed: Seed of the order, the wordings and the negatives.
    pack: Whether several examples share a row.
    shard: Which part of each batch, of how many. By default a part a process.

  Raises:
    InputError: The name is unknown, or a batch does not divide into the parts.
  """
  index, count = shard or (jax.process_index(), jax.process_count())
  if batch_size % count:
    raise InputError(
      f"batch size {batch_size}: expected a multiple of {count} for {count} "
      "equal parts"
    )
  ds = lookup.task_or_mixture(mixture_or_task_name).get_dataset(
    task_feature_lengths,
    split="train",
    shuffle=True,
    num_epochs=None,
    shard_info=seqio.ShardInfo(index, count),
    seed=seed,
    # The position in a dataset that is cached in memory cannot be saved.
    try_in_mem_cache=False,
  )
  converter = seqio.EncDecFeatureConverter(pack=pack)
  ds = converter(ds, task_feature_lengths)
  options = tf.data.Options()
  options.deterministic = True
  ds = ds.batch(batch_size // count, drop_remainder=True)
  return RecordBatches(ds.with_options(options).prefetch(2))


def count_unfit(
  task_name: str,
  split: str,
  task_feature_lengths: Mapping[str, int],
  sample: int = 1000,
) -> dict[str, int]:
  """Counts the records among a task's first `sample` that are too long.

  Returns:
    "skipped", the number of long records, and "of", the number of records.

  Raises:
    InputError: The task is unknown.
  """
  task = lookup.task_or_mixture(task_name)
  if not isinstance(task, seqio.Task):
    raise InputError(f"{task_name} is a mixture: expected a task")
  records = task.source.get_dataset(split, shuffle=False).take(sample)
  examples = task.preprocess_postcache(records, task_feature_lengths, seed=0)
  of, fitting = map(_count, (records, examples))
  return {"skipped": of - fitting, "of": of}


def _count(ds: tf.data.Dataset) -> int:
  """Returns the number of elements, counted by reading them."""
  return int(ds.reduce(tf.zeros([], tf.int64), lambda n, _: n + 1))
