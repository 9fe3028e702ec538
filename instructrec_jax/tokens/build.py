"""`instructrec cache`: what SeqIO makes of the training records, written once.

Text, tokens, wordings and negatives are SeqIO's and the tasks', as in training
without a cache. As the latter two are drawn afresh in each epoch, the records
can be rendered several times; training takes one rendering after the other.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import gin
import numpy as np
import seqio
import tensorflow as tf
import tqdm

from instructrec_jax import (
  artifacts,
  pipeline,
  training_data,
  vocabulary,
  vocabulary_file,
)
from instructrec_jax.data import names
from instructrec_jax.errors import InputError
from instructrec_jax.instructions import contents, mixing
from instructrec_jax.tokens import cache

# Examples that come out of TensorFlow at a time.
_CHUNK = 256


@gin.configurable(module="instructrec_jax")
def cache_tokens(
  out: str | None = gin.REQUIRED,
  mixture_or_task_name: str = gin.REQUIRED,
  task_feature_lengths: Mapping[str, int] = gin.REQUIRED,
  seed: int = 0,
  epochs: int = 1,
  overwrite: bool = False,
) -> artifacts.Manifest:
  """Caches the tokens of a mixture's training examples, or finds them cached.

  Args:
    out: the folder to write.
    mixture_or_task_name: registered with SeqIO; its tasks' rates go into the
      cache.
    task_feature_lengths: tokens of inputs and targets. An example that needs
      more is left out, and counted.
    seed: of wordings and negatives.
    epochs: how many times to render the records.
    overwrite: replace a finished cache of something else.

  Returns:
    The manifest, with counts by task: "records" read, "examples" written, and
    "left_out", which did not fit.

  Raises:
    InputError: for an unknown name, or a task without training examples.
  """
  if not out:
    raise InputError("say where tokens go: bind CACHED_TOKENS, or give --out")
  if epochs < 1:
    raise InputError(f"epochs = {epochs}: expected 1 or more")
  made_of = training_data.made_of_records(mixture_or_task_name)
  pipeline.tasks_with(mixture_or_task_name, "train")
  rates = pipeline.train_rates(mixture_or_task_name)
  max_lengths = {name: task_feature_lengths[name] for name in cache.FEATURES}
  pieces = vocabulary.RUN_VOCABULARY.vocab_size

  def write(folder: Path) -> dict[str, Any]:
    model = vocabulary.RUN_VOCABULARY.sp_model
    (folder / cache.VOCABULARY_FILE).write_bytes(model)
    reader = contents.Reader()
    with cache.Writer(folder, tuple(max_lengths.values()), pieces) as writer:
      tasks = {
        name: _write_task(writer, name, reader, max_lengths, seed, epochs)
        for name in sorted(rates)
      }
    return {
      "examples": writer.examples,
      "tokens": writer.tokens,
      "tasks": tasks,
      "vocabulary": vocabulary.describe()
      | {"setting": vocabulary_file.setting()},
    }

  return artifacts.run_stage(
    cache.STAGE,
    out,
    write,
    inputs={key: made_of[key] for key in ("records", "vocabulary")},
    options={
      "mixture": mixture_or_task_name,
      "task_feature_lengths": max_lengths,
      "rates": rates,
      "instances_per_user": mixing.instances_per_user(),
      "epochs": epochs,
      "pieces": pieces,
    },
    seed=seed,
    libraries=("seqio", "tensorflow"),
    overwrite=overwrite,
  )


def _write_task(
  writer: cache.Writer,
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
  """Yields tokens and lengths as `cache.Writer.add` takes them."""
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
    parts = [example[feature] for feature in cache.FEATURES]
    return tf.concat(parts, 0), tf.stack([tf.size(part) for part in parts])

  options = tf.data.Options()
  options.deterministic = True
  joined = examples.map(join, num_parallel_calls=tf.data.AUTOTUNE)
  chunks = joined.ragged_batch(_CHUNK).prefetch(2).with_options(options)
  for tokens, lengths_Ex2 in chunks:
    yield tokens.flat_values.numpy(), lengths_Ex2.numpy().astype(np.int64)
