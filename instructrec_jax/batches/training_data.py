"""Describes the training data of a run: records, or tokens cached from them.

SeqIO and TensorFlow are imported only for records, because cached tokens do not
need them.
"""

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Any

from instructrec_jax import artifacts, paths
from instructrec_jax.batches import from_tokens
from instructrec_jax.batches.token_cache import FEATURES, TokenCache
from instructrec_jax.data import names
from instructrec_jax.data.records import trained
from instructrec_jax.errors import InputError
from instructrec_jax.vocabulary import file as vocabulary_file


@dataclasses.dataclass(frozen=True)
class TrainingData:
  """A description of a run's training data.

  Attributes:
    made_of: Data and settings that a run cannot change once started, as JSON.
    vocabulary: The vocabulary's file, digest and number of pieces.
    too_long: By task, the number of records "skipped" because they do not fit,
      "of" how many; None for records, see `count_too_long`.
    renderings: The number of epochs with different wordings and negatives; None
      for no limit.
    epoch_rows: The approximate number of rows of an epoch, if known.
    notes: What is left out, a line each.
  """

  made_of: dict[str, Any]
  vocabulary: dict[str, Any]
  too_long: dict[str, dict[str, int]] | None = None
  renderings: int | None = None
  epoch_rows: float | None = None
  notes: tuple[str, ...] = ()


def of_records(name: str, lengths: Mapping[str, int]) -> TrainingData:
  """Describes the records of a mixture.

  Args:
    name: A mixture or task.
    lengths: The most tokens of inputs and targets.

  Raises:
    InputError: There is no such mixture.
  """
  from instructrec_jax.vocabulary import run_vocabulary

  return TrainingData(
    made_of=made_of_records(name)
    | {"task_feature_lengths": dict(lengths), "tokens": None},
    vocabulary=run_vocabulary.describe(),
  )


def count_too_long(
  name: str, lengths: Mapping[str, int]
) -> dict[str, dict[str, int]]:
  """Counts which of each task's first training records do not fit.

  It renders them, which takes about a second for each task.

  Args:
    name: A mixture or task.
    lengths: The most tokens of inputs and targets.

  Returns:
    By task, the number of records "skipped", and "of" how many.
  """
  from instructrec_jax.batches import from_records
  from instructrec_jax.tasks import lookup

  rates = lookup.train_rates(name)
  return {
    task.name: from_records.count_unfit(task.name, "train", lengths)
    for task in lookup.tasks_with(name, "train")
    if task.name in rates
  }


def made_of_records(name: str) -> dict[str, Any]:
  """Returns digests of a mixture's records and of the vocabulary, as JSON."""
  import seqio

  from instructrec_jax.instructions import mixing
  from instructrec_jax.tasks import lookup
  from instructrec_jax.vocabulary import run_vocabulary

  sources = {
    task.source.tfds_dataset.name: task.source.tfds_dataset.builder.data_path
    for task in seqio.get_subtasks(lookup.task_or_mixture(name))
    if isinstance(task.source, seqio.TfdsDataSource) and "train" in task.splits
  }
  return {
    "mixture": name,
    "rates": lookup.train_rates(name),
    "instances_per_user": mixing.instances_per_user(),
    # Runs of earlier versions have no such field.
    **({"train_on_validation": True} if trained.train_on_validation() else {}),
    "vocabulary": run_vocabulary.describe()["sha256"],
    "records": {
      source: artifacts.read_manifest(folder)["fingerprint"]
      for source, folder in sources.items()
      # Records without a manifest are not ours.
      if (paths.anywhere(folder) / artifacts.MANIFEST).exists()
    },
  }


def of_tokens(
  folder: str, name: str, lengths: Mapping[str, int], tfds_data_dir: str
) -> TrainingData:
  """Describes cached tokens.

  Args:
    folder: The cache.
    name: The run's mixture or task.
    lengths: The run's most tokens of inputs and targets.
    tfds_data_dir: The folder to find the vocabulary of a dataset in. It need
      not exist.

  Raises:
    InputError: There is no cache, or it does not match the run's settings.
  """
  tokens = TokenCache(folder)
  options, inputs = tokens.manifest["options"], tokens.manifest["inputs"]
  vocabulary = tokens.manifest["counts"]["vocabulary"]
  cached = options["task_feature_lengths"]
  for macro, there, now in (
    ("MIXTURE_OR_TASK_NAME", options["mixture"], name),
    ("TASK_FEATURE_LENGTHS", cached, {key: lengths[key] for key in FEATURES}),
    ("VOCABULARY", *_vocabularies(vocabulary, tfds_data_dir)),
    (
      "TRAIN_ON_VALIDATION",
      options.get("train_on_validation", False),
      trained.train_on_validation(),
    ),
  ):
    if there != now:
      raise InputError(
        f"{folder} holds tokens made with {macro} = {there!r}, but the run has "
        f"{now!r}: bind {macro} as it was, or cache tokens for this run with "
        "`instructrec cache`"
      )
  batches = from_tokens.CachedBatches(tokens, batch_size=1)
  return TrainingData(
    made_of=inputs
    | {
      "mixture": name,
      "task_feature_lengths": dict(lengths),
      "tokens": tokens.fingerprint,
      **(
        {"train_on_validation": True} if trained.train_on_validation() else {}
      ),
    },
    vocabulary={key: vocabulary[key] for key in ("file", "sha256", "pieces")},
    too_long={
      task: {"skipped": counts["left_out"], "of": counts["records"]}
      for task, counts in tokens.tasks.items()
    },
    renderings=tokens.renderings,
    epoch_rows=batches.epoch_examples / batches.examples_per_row,
  )


def _vocabularies(
  cached: Mapping[str, Any], tfds_data_dir: str
) -> tuple[str, str]:
  """Returns names of the cache's and the run's vocabulary, equal if they match.

  If the run's file exists on a local disk, the files are compared. Otherwise
  only the settings are.
  """
  setting = vocabulary_file.setting()
  if vocabulary_file.is_path(setting):
    file = paths.anywhere(setting)
  else:
    folder = paths.anywhere(tfds_data_dir) / names.records_name(setting)
    file = folder / names.RECORDS_VERSION / vocabulary_file.FILE_NAME
  if paths.is_remote(file) or not file.is_file():
    return cached["setting"], setting
  digest = hashlib.sha256(file.read_bytes()).hexdigest()
  if digest == cached["sha256"]:
    return setting, setting
  return (
    f"{cached['setting']} (sha256 {cached['sha256'][:12]})",
    f"{setting} (sha256 {digest[:12]})",
  )
