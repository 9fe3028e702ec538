"""The parts that InstructRec's and ITDR's tasks share."""

import abc
import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import seqio
import tensorflow as tf
import tensorflow_datasets as tfds

from instructrec_jax.data import splits
from instructrec_jax.data.records import sampling, trained
from instructrec_jax.errors import InputError
from instructrec_jax.eval.target import Target
from instructrec_jax.instructions.render import fits

# SeqIO's splits, and what TFDS calls them.
SPLITS = {split: split for split in splits.SPLITS} | {
  name: f"{split}[:{first}]" for name, (split, first) in splits.SAMPLES.items()
}
# The buffer can be small because records are stored in random order. Each
# checkpoint saves its content with the position in the data.
SHUFFLE_BUFFER_SIZE = 1000


# Requests that are read at a time where some are drawn.
_MANY = 4096
_BUFFER_BYTES = 256 << 10


class _Loader(seqio.utils.LazyTfdsLoader):
  """Reads with small buffers, because a mixture has hundreds of files open.

  SeqIO's loader remembers the first folder that it is asked for. This one looks
  at SeqIO's override each time, so that one program can read several folders.
  """

  @property
  def data_dir(self) -> str | None:
    """The folder of TFDS's datasets."""
    self._data_dir_override = None
    return super().data_dir

  def _map_split(self, split: str) -> str | None:
    """Returns TFDS's name of a split; a small split is its own sample."""
    whole, first = splits.sample(split)
    if split == "train" and trained.train_on_validation():
      return "train+validation"
    # Where a split of this name is unknown, the loader says so.
    if first is not None and split in SPLITS and self.size(whole) < first:
      return super()._map_split(whole)
    return super()._map_split(split)

  @property
  def read_config(self) -> tfds.ReadConfig:
    """TFDS's settings; its default buffer is 8 MiB for each of 16 files."""
    return dataclasses.replace(
      super().read_config, override_buffer_size=_BUFFER_BYTES
    )


class Records(seqio.TfdsDataSource):
  """Records that may be missing, or lack a field that a task needs.

  Such a task has only a split that nobody asks for, so mixtures leave it out.
  One mixture thus serves datasets with and without reviews.
  """

  def __init__(self, name: str, data_dir: str | None = None):
    """Remembers what to read without reading it.

    Args:
      name: the name and version of the records in TFDS.
      data_dir: the folder of TFDS's datasets; by default the run's.
    """
    super().__init__(name, data_dir, splits=SPLITS)
    self._tfds_dataset = _Loader(name, data_dir, split_map=SPLITS)

  @property
  @abc.abstractmethod
  def unusable(self) -> str | None:
    """Why the task cannot be used, or None if it can.

    Raises:
      InputError: if there are no records.
    """

  def get_dataset(
    self, split: str, *args: Any, **kwargs: Any
  ) -> tf.data.Dataset:
    """Returns a split's records, or the sample that `request_sample` sets."""
    records = self.usable(split, *args, **kwargs)
    sample = sampling.request_sample()
    if sample is None or split.startswith("train"):
      return records
    every = self.usable(split, shuffle=False).map(lambda r: r["instance"])
    parts = [*every.batch(_MANY).as_numpy_iterator()]
    instances = np.concatenate([np.zeros(0, np.int64), *parts])
    chosen = tf.constant(sampling.drawn(instances, **sample))
    return records.filter(lambda r: tf.reduce_any(r["instance"] == chosen))

  def usable(self, split: str, *args: Any, **kwargs: Any) -> tf.data.Dataset:
    """Returns a split's records that the task can use; see `get_dataset`."""
    records = super().get_dataset(split, *args, **kwargs)
    if split == "train" and trained.train_on_validation():
      # Without their candidates, these records are rendered as training's are.
      records = records.map(lambda r: {**r, "candidates": r["candidates"][:0]})
    return records

  @property
  def splits(self) -> tuple[str, ...]:
    """The splits; an unusable task has one split that nobody asks for."""
    try:
      reason = self.unusable
    except InputError:  # Reading the records raises it again.
      reason = None
    return (f"none: {reason}",) if reason else tuple(super().splits)


def features(vocabulary: seqio.Vocabulary) -> dict[str, seqio.Feature]:
  """Returns the output features of every task.

  Args:
    vocabulary: the vocabulary of inputs, targets and candidates.
  """
  feature = functools.partial(seqio.Feature, vocabulary, add_eos=True)
  return {
    "inputs": feature(),
    "targets": feature(),
    "candidates": feature(rank=2),
  }


def rendering(render: Callable[..., Any], **given: Any) -> Callable:
  """Returns a preprocessor that renders each record with a seed of its own.

  Args:
    render: takes a record, a seed, sequence_length and output_features.
    **given: further arguments of `render`.
  """

  def preprocessor(
    records: tf.data.Dataset,
    output_features: Mapping[str, seqio.Feature],
    sequence_length: Mapping[str, int] | None = None,
  ) -> tf.data.Dataset:
    step = functools.partial(
      render,
      sequence_length=sequence_length,
      output_features=output_features,
      **given,
    )
    return seqio.map_over_dataset(step, num_seeds=1)(records)

  return preprocessor


def drop_unfit(
  examples: tf.data.Dataset, sequence_length: Mapping[str, int] | None = None
) -> tf.data.Dataset:
  """Drops examples that do not fit the lengths; a preprocessor."""
  if not sequence_length:  # Each stage costs time.
    return examples
  return examples.filter(
    functools.partial(fits, sequence_length=sequence_length)
  )


def ranking_target(
  output: Any, example: Mapping[str, Any], is_target: bool, form: str = ""
) -> Any:
  """Returns what a ranking metric needs of an example; a postprocessor.

  Args:
    output: the model's output; a score is returned unchanged.
    example: the rendered example.
    is_target: whether to return the example's target or the output.
    form: the task form, if a request has several inputs.

  Returns:
    A `Target`, or the output.
  """
  if not is_target:
    return output
  target: Target = {
    "instance": int(example["instance"]),
    "user": int(example["user"]),
    "target": example["relevant_items"],
    "candidates": example["candidate_items"],
    "attributes": {"template": example["template"].decode()},
  }
  if form:
    target["asked"], target["form"] = example["asked"], form
  return target
