"""A run's folder: its settings, and checks of what the run was made of."""

import json
from collections.abc import Mapping
from typing import Any

from etils import epath

from instructrec_jax import artifacts, paths
from instructrec_jax.errors import InputError
from instructrec_jax.weights import native

# All gin settings of the run.
CONFIG_FILE = "config.gin"


def last_step(model_dir: epath.Path) -> int | None:
  """Returns the step of a run's newest checkpoint, or None.

  Raises:
    InputError: The folder is in a bucket that cannot be read.
  """
  with paths.reading(model_dir):
    steps = [step for step in native.steps(model_dir) if step is not None]
  return max(steps, default=None)


def check_same(
  model_dir: epath.Path, made_of: Mapping[str, Any]
) -> dict[str, Any]:
  """Returns a run's manifest if the run was made of `made_of`.

  Raises:
    InputError: It was made of something else.
  """
  manifest = json.loads((model_dir / artifacts.MANIFEST).read_text())
  there = manifest.get("made_of", {})
  for key, now in made_of.items():
    if key in there and there[key] != now:
      raise InputError(
        f"{model_dir} holds a run with {key} {there[key]}, but got {key} "
        f"{now}: choose another MODEL_DIR, or the data of that run"
      )
  return manifest


def check_rows(model: Any, vocabulary: Mapping[str, Any]) -> None:
  """Raises InputError if the model has fewer rows than the vocabulary."""
  rows, pieces = model.config.vocab_size, vocabulary["pieces"]
  if pieces > rows:
    raise InputError(
      f"the vocabulary {vocabulary['file']} has {pieces} pieces, but the model "
      f"has {rows} rows: bind VOCAB_SIZE to {pieces} or more"
    )
