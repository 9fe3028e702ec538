"""`instructrec train`: trains a model from gin files, or resumes training."""

import contextlib
import functools
import json
import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import gin
import jax
from etils import epath

from instructrec_jax import artifacts, gin_files, paths, quiet_tensorflow
from instructrec_jax.batches import training_data
from instructrec_jax.batches.sequences import Examples
from instructrec_jax.errors import InputError
from instructrec_jax.gin_files import macro
from instructrec_jax.model import sharding
from instructrec_jax.runs import model_dir as model_dirs
from instructrec_jax.weights import formats


def train(
  gin_file: Sequence[str],
  gin_bindings: Sequence[str] = (),
  gin_search_paths: Sequence[str] = (),
  tfds_data_dir: str = "data/records",
) -> dict[str, Any]:
  """Trains a model as gin files describe, or resumes its training.

  It writes into MODEL_DIR: config.gin (all settings), manifest.json (data and
  versions), metrics.jsonl, tensorboard/ and checkpoints/.

  Args:
    gin_file: Gin files, e.g. runs/native_finetune.gin and an experiment.
    gin_bindings: Single bindings, which override the files.
    gin_search_paths: More folders with gin files.
    tfds_data_dir: The folder of the records. Not used if CACHED_TOKENS is
      bound.

  Returns:
    The manifest, with the mixture and the last "step".

  Raises:
    InputError: A setting, a file or the data cannot be used.
  """
  gin_files.parse(
    gin_file,
    [*gin_bindings, f"item_catalogue.tfds_data_dir = {tfds_data_dir!r}"],
    gin_search_paths,
    run="train",
  )
  runner = gin.get_configurable("runner.train")
  name, lengths, model_dir, model, tokens = map(
    macro, ("MIXTURE_OR_TASK_NAME", "TASK_FEATURE_LENGTHS", "MODEL_DIR",
             "MODEL", "CACHED_TOKENS"),
  )  # fmt: skip
  model_dir = paths.anywhere(model_dir)
  model_dirs.check_kind(model_dir)
  model_dirs.check_writable(model_dir, "MODEL_DIR")
  paths.check_plain(model_dir, "Orbax")
  data = gin.get_configurable("train_data")()
  is_text = data is None
  if not is_text:
    # TensorBoard's writer uses TensorFlow where it is installed.
    with contextlib.suppress(ImportError):
      quiet_tensorflow.load()
  else:
    data = _texts(name, lengths, tokens, tfds_data_dir)
    model_dirs.check_rows(model, data.vocabulary)
  earlier = model_dirs.check_same(model_dir, data.made_of)
  step = model_dirs.last_step(model_dir)
  if step is not None and step >= macro("TRAIN_STEPS"):
    # To open the data takes longest, so this comes first.
    return earlier | {"mixture": name, "step": step}
  num_parameters = _check_settings(model)
  with model_dirs.locked(model_dir):
    # A run that goes on has counted before.
    too_long = data.too_long
    if too_long is None:
      too_long = earlier.get("too_long") or training_data.count_too_long(
        name, lengths
      )
    _check_fit(too_long, lengths)
    libraries = ["jax", "flax", "optax", "orbax-checkpoint"]
    if is_text and not tokens:
      libraries += ["seqio", "tensorflow"]
    manifest = {
      "stage": "train",
      "made_of": data.made_of,
      "tfds_data_dir": str(paths.absolute(tfds_data_dir)),
      "vocabulary": data.vocabulary,
      "parameters": num_parameters,
      "devices": [str(device) for device in jax.devices()],
      "versions": artifacts.versions(libraries),
      "too_long": too_long,
    }
    if jax.process_index() == 0:
      _tell_too_long(too_long, lengths, is_sample=not tokens)
      for line in data.notes:
        print(line, file=sys.stderr)
      _tell_repeats(data)
    state = runner(ready=functools.partial(_write, model_dir, manifest))
  return manifest | {"mixture": name, "step": int(state.step)}


@gin.configurable(module="instructrec_jax")
def train_data(
  sequences: Examples | None = None,
) -> training_data.TrainingData | None:
  """Returns the data of a model of items, or None for a model of texts.

  Args:
    sequences: The examples of a model of items.
  """
  return None if sequences is None else sequences.describe()


def _texts(
  name: str,
  lengths: Mapping[str, int],
  tokens: str | None,
  tfds_data_dir: str,
) -> training_data.TrainingData:
  """Returns the data of a model of texts.

  Raises:
    InputError: There is none, or it does not match the settings.
  """
  if tokens:
    return training_data.of_tokens(tokens, name, lengths, tfds_data_dir)
  quiet_tensorflow.load()
  from instructrec_jax import tasks

  tasks.use_records(tfds_data_dir)
  data = training_data.of_records(name, lengths)
  _tell_titles(name)
  # The position in records holds batches that were made ahead.
  data.made_of["batch_size"] = macro("BATCH_SIZE")
  return data


def _write(model_dir: epath.Path, manifest: Mapping[str, Any]) -> None:
  """Writes a run's settings, once nothing can refuse it any more.

  A run that is refused leaves those of the run whose folder it was given.
  """
  if jax.process_index() == 0:
    artifacts.atomic_write_text(
      model_dir / model_dirs.CONFIG_FILE, gin.config_str()
    )
    artifacts.atomic_write_text(
      model_dir / artifacts.MANIFEST, json.dumps(manifest, indent=2) + "\n"
    )


def _tell_titles(name: str) -> None:
  """Prints which titles the vocabulary cannot write.

  Raises:
    InputError: They are most of the titles.
  """
  from instructrec_jax.tasks import lookup, titles

  rates = lookup.train_rates(name)
  tasks = lookup.tasks_with(name, "train")
  for line in titles.told(task for task in tasks if task.name in rates):
    if jax.process_index() == 0:
      print(line, file=sys.stderr)


def _check_settings(model: Any) -> int:
  """Returns the number of parameters, after checks that take no time.

  Raises:
    InputError: The batch, the model or the optimizer cannot be used, or there
      is no checkpoint to start from.
  """
  mesh = sharding.make_mesh(macro("NUM_PARTITIONS"))
  sharding.check_rows(mesh, macro("BATCH_SIZE"))
  shapes = model.parameter_shapes()
  sharding.tree_shardings(
    mesh, shapes, shapes, macro("PARAMETER_PARTITIONING_DIMS")
  )
  macro("OPTIMIZER")
  initial = macro("INITIAL_CHECKPOINT_PATH")
  if initial is not None:
    formats.find(initial)
  return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(shapes))


def _check_fit(
  too_long: Mapping[str, Mapping[str, int]], lengths: Mapping[str, int]
) -> None:
  """Raises InputError if no record of a task fits."""
  for task, counts in too_long.items():
    if counts["skipped"] == counts["of"]:
      raise InputError(
        f"{task}: none of {counts['of']} training records fits "
        f"{dict(lengths)} tokens: raise TASK_FEATURE_LENGTHS"
      )


def _tell_too_long(
  too_long: Mapping[str, Mapping[str, int]],
  lengths: Mapping[str, int],
  is_sample: bool,
) -> None:
  """Prints which records training leaves out."""
  which = "the first " if is_sample else ""
  for task, counts in too_long.items():
    if counts["skipped"]:
      print(
        f"{task}: {counts['skipped']} of {which}{counts['of']} training "
        f"records do not fit {dict(lengths)} tokens and are left out",
        file=sys.stderr,
      )


def _tell_repeats(data: training_data.TrainingData) -> None:
  """Prints whether training repeats wordings and negatives."""
  if data.renderings is None:
    return
  epochs = macro("TRAIN_STEPS") * macro("BATCH_SIZE") / data.epoch_rows
  if epochs > data.renderings:
    print(
      f"training takes {epochs:.1f} epochs, but tokens are cached for "
      f"{data.renderings}: wordings and negatives will repeat. To avoid that, "
      f"run `instructrec cache --epochs={math.ceil(epochs)}`",
      file=sys.stderr,
    )
