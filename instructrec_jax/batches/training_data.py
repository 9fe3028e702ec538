"""What a run trains on: records through SeqIO, or tokens cached from them.

Cached tokens need neither SeqIO nor TensorFlow, which therefore are imported
where records are used, and not before.
"""

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Any

from instructrec_jax import artifacts, paths
from instructrec_jax.batches import from_tokens
from instructrec_jax.batches.token_cache import FEATURES, TokenCache
from instructrec_jax.data import names
from instructrec_jax.errors import InputError
from instructrec_jax.vocabulary import file as vocabulary_file


@dataclasses.dataclass(frozen=True)
class TrainingData:
  """What there is to know of a run's training data.

  Attributes:
    made_of: what a run cannot change half-way, as JSON.
    vocabulary: its file, its digest, and how many pieces it has.
    too_long: by task, how many records were "skipped" as they do not fit, "of"
      how many.
    is_sample: whether these are the first records, or all.
    renderings: how many epochs differ in wordings and negatives; None for all.
    epoch_rows: rows of an epoch, about; None where that is not known.
  """

  made_of: dict[str, Any]
  vocabulary: dict[str, Any]
  too_long: dict[str, dict[str, int]]
  is_sample: bool = False
  renderings: int | None = None
  epoch_rows: float | None = None


def of_records(name: str, lengths: Mapping[str, int]) -> TrainingData:
  """Returns what there is to know of a mixture's records.

  Args:
    name: of a mixture or task.
    lengths: tokens of inputs and targets.

  Raises:
    InputError: if there is no such mixture.
  """
  from instructrec_jax.batches import from_records
  from instructrec_jax.tasks import lookup
  from instructrec_jax.vocabulary import run_vocabulary

  rates = lookup.train_rates(name)
  return TrainingData(
    made_of=made_of_records(name)
    | {"task_feature_lengths": dict(lengths), "tokens": None},
    vocabulary=run_vocabulary.describe(),
    too_long={
      task.name: from_records.count_unfit(task.name, "train", lengths)
      for task in lookup.tasks_with(name, "train")
      if task.name in rates
    },
    is_sample=True,
  )


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
    "vocabulary": run_vocabulary.describe()["sha256"],
    "records": {
      source: artifacts.read_manifest(folder)["fingerprint"]
      for source, folder in sources.items()
      # Else not ours.
      if (paths.anywhere(folder) / artifacts.MANIFEST).exists()
    },
  }


def of_tokens(
  folder: str, name: str, lengths: Mapping[str, int], tfds_data_dir: str
) -> TrainingData:
  """Returns what there is to know of cached tokens.

  Args:
    folder: of the cache.
    name: the run's mixture or task.
    lengths: the run's tokens of inputs and targets.
    tfds_data_dir: where the vocabulary of a dataset is looked for; it need not
      be there.

  Raises:
    InputError: if there is no cache, or it is of something else than the run.
  """
  tokens = TokenCache(folder)
  options, inputs = tokens.manifest["options"], tokens.manifest["inputs"]
  vocabulary = tokens.manifest["counts"]["vocabulary"]
  cached = options["task_feature_lengths"]
  for macro, there, now in (
    ("MIXTURE_OR_TASK_NAME", options["mixture"], name),
    ("TASK_FEATURE_LENGTHS", cached, {key: lengths[key] for key in FEATURES}),
    ("VOCABULARY", *_vocabularies(vocabulary, tfds_data_dir)),
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
  """Returns two names of vocabularies, alike if the run's is the cache's.

  The run's file is compared where it is at hand, on a disk. A machine that has
  tokens only must do with comparing the settings.
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
