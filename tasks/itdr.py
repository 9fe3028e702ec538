"""ITDR's 33 tasks and their mixtures.

A pair's task is `itdr_<subtask>_<dataset>`. The mixtures are `itdr`, one for
each root task and each subtask, and `instructrec_all`, which adds InstructRec's
families of every dataset. A task whose records were never built has no splits
and is left out of mixtures.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import seqio
import tensorflow_datasets as tfds
from etils import epath

from instructrec_jax.data import variants
from instructrec_jax.data.names import RECORDS_VERSION, records_name
from instructrec_jax.eval.answers import answer_metrics
from instructrec_jax.eval.recording import evaluator
from instructrec_jax.itdr import render
from instructrec_jax.itdr.pairs import NUMBERS, PAIRS, Pair, groups, label
from instructrec_jax.tasks import parts
from instructrec_jax.vocabulary.run_vocabulary import RUN_VOCABULARY

MIXTURE = "itdr"
# The mixture of ITDR and InstructRec's families.
EVERYTHING = records_name(variants.EVERY_DATASET)


class PairRecords(parts.Records):
  """The records that `instructrec itdr` wrote for a pair.

  Attributes:
    pair: the pair of the records.
  """

  def __init__(self, pair: Pair):
    """Remembers what to read without reading it."""
    super().__init__(f"{pair.task}:{RECORDS_VERSION}")
    self.pair = pair

  @property
  def unusable(self) -> str | None:
    """Why the task cannot be used, or None if there are records."""
    try:
      _ = self.tfds_dataset.builder
    except tfds.core.DatasetNotFoundError:
      return "there are no records (`instructrec itdr` builds them from tables)"
    return None


def register() -> None:
  """Registers all tasks and mixtures of ITDR, unless they are."""
  if MIXTURE in seqio.MixtureRegistry.names():
    return
  for pair in PAIRS.values():
    add(pair)
  for name, pairs in groups().items():
    seqio.MixtureRegistry.add(
      "_".join(filter(None, (MIXTURE, name))),
      [(PAIRS[pair].task, _rate) for pair in pairs],
    )


def _rate(task: seqio.Task) -> int:
  """Returns the number of training records, to sample instances uniformly."""
  if "train" not in task.splits:
    return 0
  return task.num_input_examples("train") or 0


def register_everything(folder: epath.Path, mixtures: Sequence[str]) -> None:
  """Registers EVERYTHING again: equal shares of the mixtures that have records.

  Args:
    folder: the folder of the records; ITDR is added if any pair has records.
    mixtures: the mixtures of the datasets whose records were found.
  """
  if EVERYTHING in seqio.MixtureRegistry.names():
    seqio.MixtureRegistry.remove(EVERYTHING)
  is_there = any((folder / pair.task).exists() for pair in PAIRS.values())
  names = [MIXTURE] * is_there + [*mixtures]
  if names:
    seqio.MixtureRegistry.add(EVERYTHING, [(name, 1.0) for name in names])


class _Metrics(NamedTuple):
  """How the answers to a task are compared with the truth."""

  postprocess_fn: Any
  metric_fns: list[Any]


def _of_ratings(pair: Pair) -> _Metrics:
  scale = pair.domain.rated
  said = answer_metrics.Ratings(scale.low, scale.high)
  expected = answer_metrics.ExpectedRatings(scale.ratings)
  return _Metrics(said.postprocess, [said, expected])


def _of_rankings(pair: Pair) -> _Metrics:
  wanted = 1 if pair.kind.relevant == 1 else None
  lists = answer_metrics.Lists(wanted=wanted, procedure="generated")
  return _Metrics(
    answer_metrics.together(parts.ranking_target, lists.postprocess),
    [evaluator.ranking_metric_fn, lists],
  )


def _of_attributes(pair: Pair) -> _Metrics:
  told = answer_metrics.Attributes(
    tuple(label(name) for name in pair.fields),
    tuple(label(name) for name in pair.fields if name in NUMBERS),
  )
  return _Metrics(told.postprocess, [told])


def _of_texts(pair: Pair) -> _Metrics:
  del pair
  texts = answer_metrics.Texts()
  return _Metrics(texts.postprocess, [texts])


_METRICS = {
  "rating_prediction": _of_ratings,
  "top_k": _of_rankings,
  "cross_domain": _of_rankings,
  "next_item": _of_rankings,
  "user_attributes": _of_attributes,
  "interests": _of_texts,
  "target_users": _of_texts,
}


def add(pair: Pair) -> None:
  """Registers the task of a pair of PAIRS or of your own."""
  metrics = _METRICS[pair.subtask](pair)
  seqio.TaskRegistry.add(
    pair.task,
    source=PairRecords(pair),
    preprocessors=[
      parts.rendering(render.render, pair=pair),
      parts.drop_unfit,
    ],
    postprocess_fn=metrics.postprocess_fn,
    metric_fns=metrics.metric_fns,
    output_features=parts.features(RUN_VOCABULARY),
    shuffle_buffer_size=parts.SHUFFLE_BUFFER_SIZE,
  )
