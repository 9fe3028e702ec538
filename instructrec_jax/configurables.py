"""Everything that gin files may bind.

A gin file imports only this module of the project, so a saved configuration
still works after a module has moved. In a file without dynamic registration:

  import instructrec_jax.configurables
  train_batches.batch_size = 16

In a file with it, as T5X's are:

  from instructrec_jax import configurables
  configurables.RankingModel.length_power = 1.0

This module does not import TensorFlow. It imports the names of
`_WITH_TENSORFLOW`, which T5X's files use, when they are first used.
"""

import importlib
from typing import Any

from instructrec_jax.batches.items import item_catalogue
from instructrec_jax.batches.queries import query_data, query_lengths
from instructrec_jax.batches.sequences import (
  sequence_batches,
  sequence_data,
  sequence_lengths,
  steps_of_epochs,
)
from instructrec_jax.batches.train_batches import train_batches
from instructrec_jax.data.records.sampling import request_sample
from instructrec_jax.data.records.trained import train_on_validation
from instructrec_jax.eval.procedures.orders import permute
from instructrec_jax.eval.procedures.rounds import groups
from instructrec_jax.instructions.asked_wording import asked_wording
from instructrec_jax.instructions.mixing import (
  family_rates,
  instances_per_user,
)
from instructrec_jax.instructions.order import order_seed
from instructrec_jax.instructions.score_features import score_features
from instructrec_jax.itdr.wordings import task_description
from instructrec_jax.model.blocks import T5Config
from instructrec_jax.model.items.config import ItemConfig
from instructrec_jax.model.items.item_model import ItemModel
from instructrec_jax.model.items.losses import ItemLoss
from instructrec_jax.model.ranking_model import RankingModel
from instructrec_jax.optim.optimizers import (
  adafactor,
  adamw,
  constant,
  warmup_linear,
)
from instructrec_jax.runs.cache import cache_tokens
from instructrec_jax.runs.evaluate import evaluate_checkpoint
from instructrec_jax.runs.evaluate_items import evaluate as evaluate_items
from instructrec_jax.runs.train import train_data
from instructrec_jax.train.runner import train
from instructrec_jax.train.writers import default_writer
from instructrec_jax.vocabulary.file import setting as vocabulary
from instructrec_jax.vocabulary.title_trie import title_trie

# The module of each name, below instructrec_jax.
_WITH_TENSORFLOW = {
  "CatalogueEvaluator": "eval.recording.catalogue_ranking",
  "RankingFeatureConverter": "batches.feature_converter",
  "ResultLogger": "eval.recording.evaluator",
  "RunVocabulary": "vocabulary.run_vocabulary",
  "t5x_hooks": "runs.t5x_hooks",
}

__all__ = [
  "ItemConfig",
  "ItemLoss",
  "ItemModel",
  "RankingModel",
  "T5Config",
  "adafactor",
  "adamw",
  "asked_wording",
  "cache_tokens",
  "constant",
  "default_writer",
  "evaluate_checkpoint",
  "evaluate_items",
  "family_rates",
  "groups",
  "item_catalogue",
  "instances_per_user",
  "order_seed",
  "permute",
  "query_data",
  "query_lengths",
  "request_sample",
  "score_features",
  "sequence_batches",
  "sequence_data",
  "sequence_lengths",
  "steps_of_epochs",
  "task_description",
  "title_trie",
  "train",
  "train_batches",
  "train_on_validation",
  "train_data",
  "vocabulary",
  "warmup_linear",
  *_WITH_TENSORFLOW,
]


def __getattr__(name: str) -> Any:
  if name not in _WITH_TENSORFLOW:
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
  module = importlib.import_module(f"instructrec_jax.{_WITH_TENSORFLOW[name]}")
  # Some names are modules themselves.
  return (
    module if module.__name__.endswith(f".{name}") else getattr(module, name)
  )
