"""Writes the tokens that SeqIO makes of the training records to a cache.

SeqIO and the tasks make them as in training without a cache. Wordings and
negatives are drawn anew in each epoch, so the records can be rendered several
times. Training then uses one rendering after the other.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import seqio
import tensorflow as tf
import tqdm

from instructrec_jax.batches import contents, token_cache
from instructrec_jax.data import names
from instructrec_jax.errors import InputError
from instructrec_jax.vocabulary import file as vocabulary_file
from instructrec_jax.vocabulary import run_vocabulary

# The number of examples read from TensorFlow at a time.
_CHUNK = 256


def write(
  folder: Path,
  rates: Iterable[str],
  max_lengths: Mapping[str, int],
  seed: int,
  epochs: int,
) -> dict[str, Any]:
  """Writes the tokens of some tasks' training examples.

  Args:
    folder: An empty folder.
    rates: The tasks.
    max_lengths: The most tokens of each of `token_cache.FEATURES`.
    seed: Seed of wordings and negatives.
    epochs: How many times to render the records.

  Returns:
    The counts of the manifest, see `runs.cache.cache_tokens`.

  Raises:
    InputError: A task has no training examples.
  """
  vocabulary = run_vocabulary.RUN_VOCABULARY
  (folder / token_cache.VOCABULARY_FILE).write_bytes(vocabulary.sp_model)
  reader = contents.Reader()
  lengths = tuple(max_lengths.values())
  with token_cache.Writer(folder, lengths, vocabulary.vocab_size) as writer:
    tasks = {
      name: _write_task(writer, name, reader, max_lengths, seed, epochs)
      for name in sorted(rates)
    }
  return {
    "examples": writer.examples,
    "tokens": writer.tokens,
    "tasks": tasks,
    "vocabulary": run_vocabulary.describe()
    | {"setting": vocabulary_file.setting()},
  }


def _write_task(
  writer: token_cache.Writer,
  name: str,
  reader: contents.Reader,
  max_lengths: Mapping[str, int],
  seed: int,
  epochs: int,
) -> dict[str, int]:
  """Writes all renderings of a task's examples, and returns its counts."""
  task = seqio.TaskRegistry.get(name)
  records, before, left_out = reader.count(task, "train"), 0, 0
  first = writer.examples
  with tqdm.tqdm(
    desc=name,
    total=records and records * epochs,
    unit="example",
    disable=None,
  ) as bar:
    for epoch in range(epochs):
      draws = names.generator(seed, "cache", name, f"epoch {epoch}")
      chunks = _chunks(task, max_lengths, int(draws.integers(2**31)))
      for tokens, lengths_Ex2 in chunks:
        left_out += writer.add(tokens, lengths_Ex2)
        bar.update(len(lengths_Ex2))
      if writer.examples == before + first:
        raise InputError(
          f"{name} has no training example that fits {dict(max_lengths)} "
          "tokens: raise TASK_FEATURE_LENGTHS"
        )
      before = writer.examples - first
  examples = writer.examples - first
  read = examples + left_out if records is None else records * epochs
  return {
    "records": read,
    "examples": examples,
    # Some tasks, such as ours, drop long examples before we see them.
    "left_out": max(read - examples, left_out),
  }


def _chunks(
  task: seqio.Task, max_lengths: Mapping[str, int], seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
  """Yields tokens and lengths for `token_cache.Writer.add`."""
  examples = task.get_dataset(
    max_lengths,
    split="train",
    shuffle=False,
    seed=seed,
    try_in_mem_cache=False,
    # Long examples are counted, not cut.
    trim_output_features=False,
  )

  def join(example: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
    parts = [example[feature] for feature in token_cache.FEATURES]
    return tf.concat(parts, 0), tf.stack([tf.size(part) for part in parts])

  options = tf.data.Options()
  options.deterministic = True
  joined = examples.map(join, num_parallel_calls=tf.data.AUTOTUNE)
  chunks = joined.ragged_batch(_CHUNK).prefetch(2).with_options(options)
  for tokens, lengths_Ex2 in chunks:
    yield tokens.flat_values.numpy(), lengths_Ex2.numpy().astype(np.int64)
