"""What the tasks of InstructRec and of ITDR share."""

import abc
import functools
from collections.abc import Callable, Mapping
from typing import Any

import seqio
import tensorflow as tf

from instructrec_jax.errors import InputError
from instructrec_jax.eval.target import Target
from instructrec_jax.instructions.render import fits

# Records lie in random order, so a split's first ones are a sample of it.
SPLITS = {
  "train": "train",
  "validation": "validation",
  "test": "test",
  "validation_2k": "validation[:2000]",
  "test_2k": "test[:2000]",
}
# Small, as records lie in random order; its content is saved with the place in
# the data at each checkpoint.
SHUFFLE_BUFFER_SIZE = 1000


class Records(seqio.TfdsDataSource):
  """Records that may not be there, or lack what a task needs.

  Such a task has no split that anybody can ask for, so that mixtures leave it
  out: one mixture serves datasets with reviews and without.
  """

  @property
  @abc.abstractmethod
  def unusable(self) -> str | None:
    """Why the task cannot be used; None where it can.

    Raises:
      InputError: if there are no records to look at.
    """

  @property
  def splits(self) -> tuple[str, ...]:
    """The splits; one that nobody can ask for where the task is unusable."""
    try:
      reason = self.unusable
    except InputError:  # It is said when they are read.
      reason = None
    return (f"none: {reason}",) if reason else tuple(super().splits)


def features(vocabulary: seqio.Vocabulary) -> dict[str, seqio.Feature]:
  """Returns the output features of every task.

  Args:
    vocabulary: of inputs, targets and candidates.
  """
  feature = functools.partial(seqio.Feature, vocabulary, add_eos=True)
  return {
    "inputs": feature(),
    "targets": feature(),
    "candidates": feature(rank=2),
  }


def rendering(render: Callable[..., Any], **given: Any) -> Callable:
  """Returns a preprocessor that renders records, a seed each.

  Args:
    render: takes a record, a seed, sequence_length and output_features.
    **given: what else it takes.
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
  """Leaves out what would have to be cut; a preprocessor."""
  if not sequence_length:  # Each stage takes time of its own.
    return examples
  return examples.filter(
    functools.partial(fits, sequence_length=sequence_length)
  )


def ranking_target(
  output: Any, example: Mapping[str, Any], is_target: bool, form: str = ""
) -> Any:
  """Returns what a ranking metric needs of an example; a postprocessor.

  Args:
    output: of the model; a score needs no postprocessing.
    example: rendered.
    is_target: whether what was asked is wanted, or the output.
    form: the task form, where a request has several inputs.

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
