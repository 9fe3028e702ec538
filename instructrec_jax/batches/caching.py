"""Caching tokens: what SeqIO makes of the training records, written once.

Text, tokens, wordings and negatives are SeqIO's and the tasks', as in training
without a cache. As the latter two are drawn afresh in each epoch, the records
can be rendered several times; training takes one rendering after the other.
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

# Examples that come out of TensorFlow at a time.
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
    folder: an empty one.
    rates: the tasks.
    max_lengths: tokens of each of `token_cache.FEATURES`.
    seed: of wordings and negatives.
    epochs: how many times to render the records.

  Returns:
    The counts of the manifest, see `runs.cache.cache_tokens`.

  Raises:
    InputError: for a task without training examples.
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
  """Writes a task's examples, rendering by rendering; returns its counts."""
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
          "tokens: give longer TASK_FEATURE_LENGTHS"
        )
      before = writer.examples - first
  examples = writer.examples - first
  read = examples + left_out if records is None else records * epochs
  return {
    "records": read,
    "examples": examples,
    # Some tasks, as ours, drop what does not fit before we see it.
    "left_out": max(read - examples, left_out),
  }


def _chunks(
  task: seqio.Task, max_lengths: Mapping[str, int], seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
  """Yields tokens and lengths as `token_cache.Writer.add` takes them."""
  examples = task.get_dataset(
    max_lengths,
    split="train",
    shuffle=False,
    seed=seed,
    try_in_mem_cache=False,
    # What is too long is to be counted, not cut.
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
