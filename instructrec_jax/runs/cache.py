"""`instructrec cache`: writes the tokens that a run trains on."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import gin

from instructrec_jax import artifacts, gin_files
from instructrec_jax.batches import token_cache, training_data
from instructrec_jax.errors import InputError
from instructrec_jax.instructions import mixing


def cache(
  gin_file: Sequence[str],
  gin_bindings: Sequence[str] = (),
  gin_search_paths: Sequence[str] = (),
  tfds_data_dir: str = "data/records",
  **settings: Any,
) -> artifacts.Manifest:
  """Caches the tokens that a run trains on.

  Args:
    gin_file: Gin files of the run, e.g. an experiment.
    gin_bindings: Single bindings, which override the files.
    gin_search_paths: More folders with gin files.
    tfds_data_dir: The folder of the records.
    **settings: Arguments of `cache_tokens`. Gin sets the others.

  Returns:
    The cache's manifest.

  Raises:
    InputError: A setting, a file or the data cannot be used.
  """
  gin_files.parse(
    ["runs/native_cache.gin", *gin_file],
    gin_bindings,
    gin_search_paths,
    run="cache",
  )
  from instructrec_jax import tasks

  tasks.use_records(tfds_data_dir)
  return cache_tokens(**settings)


@gin.configurable(module="instructrec_jax")
def cache_tokens(
  out: str | None = gin.REQUIRED,
  mixture_or_task_name: str = gin.REQUIRED,
  task_feature_lengths: Mapping[str, int] = gin.REQUIRED,
  seed: int = 0,
  epochs: int = 1,
  overwrite: bool = False,
) -> artifacts.Manifest:
  """Caches the tokens of a mixture's training examples, unless they exist.

  Args:
    out: The folder to write.
    mixture_or_task_name: A name registered with SeqIO. The rates of its tasks
      go into the cache.
    task_feature_lengths: The most tokens of inputs and targets. Longer examples
      are left out and counted.
    seed: Seed of wordings and negatives.
    epochs: How many times to render the records.
    overwrite: Whether to replace a finished cache made with other options.

  Returns:
    The manifest, with counts by task: "records" read, "examples" written, and
    "left_out", the examples that did not fit.

  Raises:
    InputError: The name is unknown, or a task has no training examples.
  """
  from instructrec_jax.batches import caching
  from instructrec_jax.tasks import lookup, titles
  from instructrec_jax.vocabulary import run_vocabulary

  if not out:
    raise InputError("no folder for tokens: bind CACHED_TOKENS or give --out")
  if epochs < 1:
    raise InputError(f"epochs = {epochs}: expected 1 or more")
  made_of = training_data.made_of_records(mixture_or_task_name)
  tasks = lookup.tasks_with(mixture_or_task_name, "train")
  rates = lookup.train_rates(mixture_or_task_name)
  for line in titles.told(task for task in tasks if task.name in rates):
    print(line, file=sys.stderr)
  max_lengths = {
    name: task_feature_lengths[name] for name in token_cache.FEATURES
  }
  pieces = run_vocabulary.RUN_VOCABULARY.vocab_size
  return artifacts.run_stage(
    token_cache.STAGE,
    out,
    lambda folder: caching.write(folder, rates, max_lengths, seed, epochs),
    inputs={key: made_of[key] for key in ("records", "vocabulary")},
    options={
      "mixture": mixture_or_task_name,
      "task_feature_lengths": max_lengths,
      "rates": rates,
      "instances_per_user": mixing.instances_per_user(),
      "epochs": epochs,
      "pieces": pieces,
      **(
        {"train_on_validation": True}
        if "train_on_validation" in made_of
        else {}
      ),
    },
    seed=seed,
    libraries=("seqio", "tensorflow"),
    overwrite=overwrite,
  )
