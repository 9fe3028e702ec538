"""From SeqIO to the numpy batches that the model reads, and back to figures.

TensorFlow lives here and in the tasks; training and scoring see numpy only.
"""

import collections
import functools
import io
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import gin
import jax
import numpy as np
import seqio
import tensorflow as tf
import tqdm

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


def tasks_with(name: str, split: str) -> list[seqio.Task]:
  """Returns the tasks of a mixture, less those whose data was never written.

  Those are told of on standard error.

  Args:
    name: of a mixture or task.
    split: that all must have.

  Raises:
    InputError: if there is no such mixture or split, or no task is left.
  """
  found, without = [], collections.defaultdict(list)
  for task in seqio.get_subtasks(task_or_mixture(name)):
    reason = getattr(task.source, "unusable", None)
    if reason:
      without[reason].append(task.name)
    elif split in task.splits:
      found.append(task)
    else:
      raise unknown(f"split of {task.name}:", split, task.splits)
  reasons = [
    f"{reason}: {', '.join(names)} left out"
    for reason, names in without.items()
  ]
  if not found:
    raise InputError(f"{name} has no task to use: {'; '.join(reasons)}")
  for reason in reasons:
    print(reason, file=sys.stderr)
  return found


def train_rates(name: str) -> dict[str, float]:
  """Returns the rate of each task that a mixture trains on; 1 for a task.

  Raises:
    InputError: if there is no such mixture or task, or none of its tasks that
      are there has a rate.
  """
  provider = task_or_mixture(name)
  if isinstance(provider, seqio.Task):
    return {name: 1.0}
  rates = {
    task.name: provider.get_rate(task)
    for task in provider.tasks
    if "train" in task.splits
  }
  rates = {task: rate for task, rate in rates.items() if rate > 0}
  if not rates:
    raise InputError(f"{name}: no task that is there has a rate")
  return rates


@gin.configurable(module="instructrec_jax")
class RankingFeatureConverter(seqio.EncDecFeatureConverter):
  """Training examples, packed or not, and requests with their candidates.

  T5X's model has one class for training and both of its evaluations, so this
  one serves them all. Task features: inputs [L], targets [T] and, in tasks that
  rank, candidates [C, T]. Model features are those of SeqIO's
  EncDecFeatureConverter and, without packing, candidate_tokens [C, T], int32
  and padded with 0: a request with fewer than C candidates has rows of padding,
  which the model scores as minus infinity.

  An evaluator gives a length of that feature, the most candidates of any of its
  tasks. How many a task's requests have at the most, and how long the longest
  is, is measured here: where yes and no are the candidates there are two. Where
  no evaluator is at work, as in T5X's infer, `num_candidates` says how many,
  and the targets' length how long.
  """

  def __init__(
    self,
    pack: bool = True,
    use_custom_packing_ops: bool = False,
    apply_length_check: bool = True,
    num_candidates: int | None = None,
  ):
    """Chooses what to convert to; SeqIO and T5X give the first three.

    Args:
      pack: whether examples share a row; packed rows have no candidates.
      use_custom_packing_ops: whether to pack with tensor2tensor's operations.
      apply_length_check: whether what is longer than its length is an error.
      num_candidates: rows of candidate_tokens where lengths do not say; None
        for no such feature.
    """
    self._options = {
      "pack": pack,
      "use_custom_packing_ops": use_custom_packing_ops,
      "apply_length_check": apply_length_check,
    }
    super().__init__(**self._options)
    self._num_candidates = num_candidates

  def __call__(
    self, ds: tf.data.Dataset, task_feature_lengths: Mapping[str, int]
  ) -> tf.data.Dataset:
    """Converts a task's examples to rows for the model.

    Args:
      ds: examples.
      task_feature_lengths: tokens of inputs and targets, and perhaps the number
        of candidates.
    """
    lengths = {name: task_feature_lengths[name] for name in self.TASK_FEATURES}
    options = dict(self._options)
    shape = None if self.pack else self._shape(ds, task_feature_lengths)
    if shape is not None:
      lengths["candidate_tokens"], longest = shape
      options["passthrough_features"] = {
        "candidate_tokens": self.FeatureSpec(tf.int32, rank=2)
      }
      ds = ds.map(
        functools.partial(_pad_candidates, longest=longest),
        num_parallel_calls=tf.data.AUTOTUNE,
      )
    return seqio.EncDecFeatureConverter(**options)(ds, lengths)

  def _shape(
    self, ds: tf.data.Dataset, lengths: Mapping[str, int]
  ) -> tuple[int, int] | None:
    """Returns C and T of candidate_tokens, None for no such feature."""
    if "candidates" not in ds.element_spec:
      return None
    if "candidates" in lengths:
      count, longest = ds.reduce(
        tf.zeros(2, tf.int32),
        lambda most, row: tf.maximum(most, tf.shape(row["candidates"])),
      ).numpy()
      return int(count), int(longest)
    if self._num_candidates is None:
      return None
    return self._num_candidates, lengths["targets"]


def _pad_candidates(
  example: Mapping[str, tf.Tensor], longest: int
) -> dict[str, tf.Tensor]:
  """Adds candidate_tokens [C, longest] to an example."""
  candidates_CxT = example["candidates"]
  length = tf.shape(candidates_CxT)[1]
  with tf.control_dependencies(
    [
      tf.debugging.assert_less_equal(
        length, longest, "a candidate has more tokens than the targets' length"
      )
    ]
  ):
    padded = tf.pad(candidates_CxT, [[0, 0], [0, longest - length]])
  return {
    **example,
    "candidate_tokens": tf.ensure_shape(padded, [None, longest]),
  }


class Batches:
  """An endless iterator of numpy batches whose place can be saved.

  Args:
    ds: yields batches.
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

  def seek(self, step: int) -> None:
    """Goes from the start to after `step` batches, by reading them all."""
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
) -> Batches:
  """Returns the training batches of this process.

  Args:
    mixture_or_task_name: registered with SeqIO.
    task_feature_lengths: tokens of "inputs" and "targets" in a row.
    batch_size: rows of a batch, over all processes.
    seed: of the order, the wordings and the negatives.
    pack: whether several examples share a row.
    shard: which part of each batch, of how many; None for one a process.

  Raises:
    InputError: for an unknown name, or a batch that has no such parts.
  """
  index, count = shard or (jax.process_index(), jax.process_count())
  if batch_size % count:
    raise InputError(
      f"a batch of {batch_size} rows cannot be split into {count} equal parts"
    )
  ds = task_or_mixture(mixture_or_task_name).get_dataset(
    task_feature_lengths,
    split="train",
    shuffle=True,
    num_epochs=None,
    shard_info=seqio.ShardInfo(index, count),
    seed=seed,
    # The place in a dataset that is cached in memory cannot be saved.
    try_in_mem_cache=False,
  )
  converter = seqio.EncDecFeatureConverter(pack=pack)
  ds = converter(ds, task_feature_lengths)
  options = tf.data.Options()
  options.deterministic = True
  ds = ds.batch(batch_size // count, drop_remainder=True)
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
