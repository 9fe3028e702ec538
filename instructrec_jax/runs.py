"""Runs out of gin files: caching, training, and evaluating what was trained."""

import json
import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import gin
import jax
import numpy as np
from etils import epath

from instructrec_jax import artifacts, gin_files, paths, training_data
from instructrec_jax.errors import InputError
from instructrec_jax.gin_files import macro
from instructrec_jax.train import checkpoint

CONFIG_FILE = "config.gin"


def cache(
  gin_file: Sequence[str],
  gin_bindings: Sequence[str] = (),
  gin_search_paths: Sequence[str] = (),
  tfds_data_dir: str = "data/records",
  **settings: Any,
) -> artifacts.Manifest:
  """Caches the tokens that a run trains on.

  Args:
    gin_file: gin files of the run, e.g. an experiment.
    gin_bindings: single bindings, which win over the files.
    gin_search_paths: where else to look for gin files.
    tfds_data_dir: the folder of the records.
    **settings: of tokens.build.cache_tokens; None leaves it to gin.

  Returns:
    The cache's manifest.

  Raises:
    InputError: if something of this cannot be used.
  """
  gin_files.parse(
    ["runs/native_cache.gin", *gin_file], gin_bindings, gin_search_paths
  )
  training_data.use_records(tfds_data_dir)
  given = {key: value for key, value in settings.items() if value is not None}
  return gin.get_configurable("cache_tokens")(**given)


def train(
  gin_file: Sequence[str],
  gin_bindings: Sequence[str] = (),
  gin_search_paths: Sequence[str] = (),
  tfds_data_dir: str = "data/records",
) -> dict[str, Any]:
  """Trains what gin files say, or goes on with it.

  MODEL_DIR gets config.gin (all settings), manifest.json (what the run is made
  of), metrics.jsonl, tensorboard/ and checkpoints/.

  Args:
    gin_file: gin files, e.g. runs/native_finetune.gin and an experiment.
    gin_bindings: single bindings, which win over the files.
    gin_search_paths: where else to look for gin files.
    tfds_data_dir: the folder of the records; not read if CACHED_TOKENS is
      bound.

  Returns:
    The manifest, with "step": how far training has come.

  Raises:
    InputError: if something of this cannot be used.
  """
  gin_files.parse(gin_file, gin_bindings, gin_search_paths)
  runner = gin.get_configurable("runner.train")
  name, lengths, model_dir, model, tokens = map(
    macro, ("MIXTURE_OR_TASK_NAME", "TASK_FEATURE_LENGTHS", "MODEL_DIR",
             "MODEL", "CACHED_TOKENS"),
  )  # fmt: skip
  if tokens:
    data = training_data.of_tokens(tokens, name, lengths, tfds_data_dir)
  else:
    training_data.use_records(tfds_data_dir)
    data = training_data.of_records(name, lengths)
  _check_rows(model, data.vocabulary)
  model_dir = paths.anywhere(model_dir)
  with paths.reading(model_dir):
    is_there = (model_dir / "checkpoints").is_dir()
  if is_there:
    _check_same(model_dir, data.made_of)
  libraries = ["jax", "flax", "optax", "orbax-checkpoint"]
  manifest = {
    "stage": "train",
    "made_of": data.made_of,
    "tfds_data_dir": str(paths.absolute(tfds_data_dir)),
    "vocabulary": data.vocabulary,
    "parameters": _count_parameters(model),
    "devices": [str(device) for device in jax.devices()],
    "versions": artifacts.versions(
      (*libraries, *([] if tokens else ["seqio", "tensorflow"]))
    ),
    "too_long": data.too_long,
  }
  _check_fit(data, lengths)
  if jax.process_index() == 0:
    _tell(data, lengths)
    artifacts.atomic_write_text(model_dir / CONFIG_FILE, gin.config_str())
    artifacts.atomic_write_text(
      model_dir / artifacts.MANIFEST, json.dumps(manifest, indent=2) + "\n"
    )
  state = runner()
  return manifest | {"mixture": name, "step": int(state.step)}


def evaluate(
  model_dir: str,
  gin_file: Sequence[str] = (),
  gin_bindings: Sequence[str] = (),
  gin_search_paths: Sequence[str] = (),
  tfds_data_dir: str | None = None,
  step: int | None = None,
  **settings: Any,
) -> list[epath.Path]:
  """Evaluates a run's checkpoint with the settings it was trained with.

  Args:
    model_dir: the run's folder.
    gin_file: instead of the run's config.gin, which it has if
      `instructrec train` made it.
    gin_bindings: single bindings, which win over the files.
    gin_search_paths: where else to look for gin files.
    tfds_data_dir: the folder of the records; the run's own by default.
    step: which of the run's checkpoints; the newest by default.
    **settings: of evaluate.evaluate; None leaves it to gin.

  Returns:
    The folder of each task's results.

  Raises:
    InputError: if something of this cannot be used.
  """
  folder = paths.anywhere(model_dir)
  config = folder / CONFIG_FILE
  with paths.reading(folder):
    has_config = config.exists()
  if not gin_file and not has_config:
    raise InputError(
      f"{folder} has no {CONFIG_FILE}: expected the folder of a run of "
      "`instructrec train`, or --gin_file with the model's settings"
    )
  manifest = folder / artifacts.MANIFEST
  if tfds_data_dir is None and manifest.exists():
    tfds_data_dir = json.loads(manifest.read_text())["tfds_data_dir"]
  gin_files.parse(
    ["runs/native_evaluate.gin", *(gin_file or [str(config)])],
    [*gin_bindings, f"MODEL_DIR = {str(folder)!r}"],
    gin_search_paths,
  )
  training_data.use_records(tfds_data_dir or "data/records")
  vocabulary = training_data.describe_vocabulary()
  _check_rows(macro("MODEL"), vocabulary)
  if manifest.exists():
    _check_same(folder, {"vocabulary": vocabulary["sha256"]})
  given = {key: value for key, value in settings.items() if value is not None}
  defaults = {
    "out": folder / "evaluation",
    "system": paths.absolute(folder).name,
  }
  if step is not None:
    defaults["checkpoint"] = checkpoint.find(folder, step)
  return gin.get_configurable("instructrec_jax.evaluate")(**defaults | given)


def _check_same(model_dir: epath.Path, made_of: dict[str, Any]) -> None:
  """Raises InputError if a run was made of anything else than `made_of`."""
  path = model_dir / artifacts.MANIFEST
  there = json.loads(path.read_text()).get("made_of", {})
  for key, now in made_of.items():
    if key in there and there[key] != now:
      raise InputError(
        f"{model_dir} holds a run with {key} {there[key]}, but now it is "
        f"{now}: choose another MODEL_DIR, or what the run was made of"
      )


def _check_fit(data: training_data.TrainingData, lengths: Any) -> None:
  """Raises InputError if no record of a task fits."""
  for task, too_long in data.too_long.items():
    if too_long["skipped"] == too_long["of"]:
      raise InputError(
        f"{task}: none of {too_long['of']} training records fits "
        f"{dict(lengths)} tokens: give longer TASK_FEATURE_LENGTHS"
      )


def _tell(data: training_data.TrainingData, lengths: Any) -> None:
  """Prints what is left out of training, and what is repeated in it."""
  which = "the first " if data.is_sample else ""
  for task, too_long in data.too_long.items():
    if too_long["skipped"]:
      print(
        f"{task}: {too_long['skipped']} of {which}{too_long['of']} training "
        f"records do not fit {dict(lengths)} tokens, and are left out",
        file=sys.stderr,
      )
  if data.renderings is None:
    return
  epochs = macro("TRAIN_STEPS") * macro("BATCH_SIZE") / data.epoch_rows
  if epochs > data.renderings:
    print(
      f"training takes {epochs:.1f} epochs, but tokens are cached for "
      f"{data.renderings}: after that, wordings and negatives repeat. "
      f"`instructrec cache --epochs={math.ceil(epochs)}` makes enough",
      file=sys.stderr,
    )


def _check_rows(model: Any, vocabulary: Mapping[str, Any]) -> None:
  """Raises InputError if the model has fewer rows than the vocabulary."""
  rows, pieces = model.config.vocab_size, vocabulary["pieces"]
  if pieces > rows:
    raise InputError(
      f"the vocabulary {vocabulary['file']} has {pieces} pieces, but the model "
      f"only {rows} rows: bind VOCAB_SIZE to {pieces} or more"
    )


def _count_parameters(model: Any) -> int:
  leaves = jax.tree.leaves(model.parameter_shapes())
  return sum(int(np.prod(leaf.shape)) for leaf in leaves)
