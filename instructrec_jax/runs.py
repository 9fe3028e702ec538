"""Runs out of gin files: training, and the evaluation of what was trained."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gin
import jax
import numpy as np
import seqio

from instructrec_jax import artifacts, gin_files, pipeline, tasks, vocabulary
from instructrec_jax.errors import InputError
from instructrec_jax.train import checkpoint

CONFIG_FILE = "config.gin"


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
    tfds_data_dir: the folder of the records.

  Returns:
    The manifest, with "step": how far training has come.

  Raises:
    InputError: if something of this cannot be used.
  """
  _prepare(gin_file, gin_bindings, gin_search_paths, tfds_data_dir)
  runner = gin.get_configurable("runner.train")
  name, lengths, model_dir, model = map(
    _macro, ("MIXTURE_OR_TASK_NAME", "TASK_FEATURE_LENGTHS", "MODEL_DIR",
             "MODEL"),
  )  # fmt: skip
  _check_vocabulary(model)
  model_dir = Path(model_dir)
  manifest = {
    "stage": "train",
    "made_of": _made_of(name) | {"task_feature_lengths": dict(lengths)},
    "tfds_data_dir": str(Path(tfds_data_dir).resolve()),
    "vocabulary": vocabulary.describe(),
    "parameters": _count_parameters(model),
    "devices": [str(device) for device in jax.devices()],
    "versions": artifacts.versions(
      ("jax", "flax", "optax", "orbax-checkpoint", "seqio", "tensorflow")
    ),
  }
  if (model_dir / "checkpoints").is_dir():
    _check_same(model_dir, manifest["made_of"])
  manifest["too_long"] = {
    task.name: pipeline.count_unfit(task.name, "train", lengths)
    for task in seqio.get_subtasks(pipeline.task_or_mixture(name))
  }
  for task, too_long in manifest["too_long"].items():
    if too_long["skipped"] == too_long["of"]:
      raise InputError(
        f"{task}: none of {too_long['of']} training records fits "
        f"{dict(lengths)} tokens: give longer TASK_FEATURE_LENGTHS"
      )
    if too_long["skipped"]:
      print(
        f"{task}: {too_long['skipped']} of the first {too_long['of']} training "
        f"records do not fit {dict(lengths)} tokens, and are left out",
        file=sys.stderr,
      )
  if jax.process_index() == 0:
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
) -> list[Path]:
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
  folder = Path(model_dir)
  config = folder / CONFIG_FILE
  if not gin_file and not config.exists():
    raise InputError(
      f"{folder} has no {CONFIG_FILE}: expected the folder of a run of "
      "`instructrec train`, or --gin_file with the model's settings"
    )
  manifest = folder / artifacts.MANIFEST
  if tfds_data_dir is None and manifest.exists():
    tfds_data_dir = json.loads(manifest.read_text())["tfds_data_dir"]
  _prepare(
    ["runs/native_evaluate.gin", *(gin_file or [str(config)])],
    [*gin_bindings, f"MODEL_DIR = {str(folder)!r}"],
    gin_search_paths,
    tfds_data_dir or "data/records",
  )
  _check_vocabulary(_macro("MODEL"))
  if manifest.exists():
    made_of = _made_of(_macro("MIXTURE_OR_TASK_NAME"))
    _check_same(folder, {"vocabulary": made_of["vocabulary"]})
  given = {key: value for key, value in settings.items() if value is not None}
  defaults = {"out": folder / "evaluation", "system": folder.resolve().name}
  if step is not None:
    defaults["checkpoint"] = checkpoint.find(folder, step)
  return gin.get_configurable("instructrec_jax.evaluate")(**defaults | given)


def _made_of(name: str) -> dict[str, Any]:
  """Returns what a run cannot change half-way, as JSON."""
  sources = {
    task.source.tfds_dataset.name: task.source.tfds_dataset.builder.data_path
    for task in seqio.get_subtasks(pipeline.task_or_mixture(name))
    if isinstance(task.source, seqio.TfdsDataSource)
  }
  return {
    "mixture": name,
    "vocabulary": vocabulary.describe()["sha256"],
    "records": {
      source: artifacts.read_manifest(folder, "build")["fingerprint"]
      for source, folder in sources.items()
      if (Path(folder) / artifacts.MANIFEST).exists()  # Else not `build`'s.
    },
  }


def _check_same(model_dir: Path, made_of: dict[str, Any]) -> None:
  """Raises InputError if a run was made of anything else than `made_of`."""
  path = model_dir / artifacts.MANIFEST
  there = json.loads(path.read_text()).get("made_of", {})
  for key, now in made_of.items():
    if key in there and there[key] != now:
      raise InputError(
        f"{model_dir} holds a run with {key} {there[key]}, but now it is "
        f"{now}: choose another MODEL_DIR, or what the run was made of"
      )


def _prepare(
  gin_file: Sequence[str],
  gin_bindings: Sequence[str],
  gin_search_paths: Sequence[str],
  tfds_data_dir: str,
) -> None:
  """Reads gin, and makes the records' tasks known."""
  seqio.set_tfds_data_dir_override(str(tfds_data_dir))
  tasks.register_found(tfds_data_dir)
  gin_files.parse(gin_file, gin_bindings, gin_search_paths)
  vocabulary.RUN_VOCABULARY.forget()


def _macro(name: str) -> Any:
  """Returns the value of a gin macro, with what it refers to called."""
  return gin.get_configurable(f"{name}/gin.macro")()


def _check_vocabulary(model: Any) -> None:
  """Raises InputError if the model has fewer rows than the vocabulary."""
  rows, pieces = model.config.vocab_size, vocabulary.RUN_VOCABULARY.vocab_size
  if pieces > rows:
    raise InputError(
      f"the vocabulary {vocabulary.path()} has {pieces} pieces, but the model "
      f"only {rows} rows: bind VOCAB_SIZE to {pieces} or more"
    )


def _count_parameters(model: Any) -> int:
  leaves = jax.tree.leaves(model.parameter_shapes())
  return sum(int(np.prod(leaf.shape)) for leaf in leaves)
