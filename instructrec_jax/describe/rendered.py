"""Measures the rendered instructions of a sample of records."""

from collections.abc import Mapping

import numpy as np
import seqio
import tensorflow as tf

from instructrec_jax.describe.numbers import Rendered, Spread

# Number of instructions in a batch read from TensorFlow.
_CHUNK = 256


def measure(
  task: seqio.Task,
  split: str,
  lengths: Mapping[str, int],
  sample: int,
  seed: int,
) -> Rendered | None:
  """Renders and measures a family's first records, which are a random sample.

  The records are rendered without a length limit. If one exceeds `lengths`,
  they are rendered again within them, in the same words, to see which shrank.

  Args:
    task: the family's task.
    split: which records to read.
    lengths: the most tokens of inputs and targets.
    sample: the most records to render.
    seed: draws wordings and negatives.

  Returns:
    The measurements, or None if no record has the family's texts.
  """
  records = task.source.get_dataset(split, shuffle=False).take(sample)
  whole = _sizes(task, records, None, seed)
  count = whole["instance"].size
  if not count:
    return None
  shortened = left_out = 0
  if any((whole[name] > length).any() for name, length in lengths.items()):
    fit = _sizes(task, records, lengths, seed)
    # The split makes one input of each record, so instances are unique.
    stays = np.isin(whole["instance"], fit["instance"])
    smaller = np.zeros(fit["instance"].size, bool)
    for name in lengths:
      smaller |= fit[name] < whole[name][stays]
    shortened, left_out = smaller.sum() / count, 1 - stays.mean()
  return Rendered(
    count,
    float(whole["words"].mean()),
    Spread.of(whole["inputs"]),
    Spread.of(whole["targets"]),
    float(shortened),
    float(left_out),
  )


def _sizes(
  task: seqio.Task,
  records: tf.data.Dataset,
  lengths: Mapping[str, int] | None,
  seed: int,
) -> dict[str, np.ndarray]:
  """Returns instance, words, inputs and targets (both tokens): int [n] each."""
  examples = task.preprocess_postcache(records, lengths, seed=seed)

  def size(example: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    return {
      "instance": example["instance"],
      "words": tf.size(tf.strings.split(example["inputs_pretokenized"])),
      "inputs": tf.size(example["inputs"]),
      "targets": tf.size(example["targets"]),
    }

  chunks = list(examples.map(size).batch(_CHUNK).as_numpy_iterator())
  names = ("instance", "words", "inputs", "targets")
  if not chunks:
    return {name: np.zeros(0, np.int64) for name in names}
  return {name: np.concatenate([c[name] for c in chunks]) for name in names}
