"""A run's folder: its settings, and checks of what the run was made of."""

import json
from collections.abc import Mapping
from typing import Any

from etils import epath

from instructrec_jax import artifacts
from instructrec_jax.errors import InputError

# All gin settings of the run.
CONFIG_FILE = "config.gin"


def check_same(model_dir: epath.Path, made_of: dict[str, Any]) -> None:
  """Raises InputError if a run was not made of `made_of`."""
  path = model_dir / artifacts.MANIFEST
  there = json.loads(path.read_text()).get("made_of", {})
  for key, now in made_of.items():
    if key in there and there[key] != now:
      raise InputError(
        f"{model_dir} holds a run with {key} {there[key]}, but got {key} "
        f"{now}: choose another MODEL_DIR, or the data of that run"
      )


def check_rows(model: Any, vocabulary: Mapping[str, Any]) -> None:
  """Raises InputError if the model has fewer rows than the vocabulary."""
  rows, pieces = model.config.vocab_size, vocabulary["pieces"]
  if pieces > rows:
    raise InputError(
      f"the vocabulary {vocabulary['file']} has {pieces} pieces, but the model "
      f"has {rows} rows: bind VOCAB_SIZE to {pieces} or more"
    )
