"""Ranking evaluation: a checkpoint, a mixture, and SeqIO's evaluator."""

import functools
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import gin
import jax
import numpy as np
import seqio
import tensorflow as tf

from instructrec_jax import pipeline, scoring
from instructrec_jax.errors import InputError, unknown
from instructrec_jax.eval import evaluator
from instructrec_jax.model import ranking_model


@gin.configurable(module="instructrec_jax")
def evaluate(
  model: ranking_model.RankingModel = gin.REQUIRED,
  checkpoint: str | os.PathLike = gin.REQUIRED,
  mixture_or_task_name: str = gin.REQUIRED,
  task_feature_lengths: Mapping[str, int] = gin.REQUIRED,
  out: str | os.PathLike = gin.REQUIRED,
  split: str = "test",
  batch_size: int = 32,
  num_partitions: int = 1,
  system: str = "model",
  seed: int = 0,
) -> list[Path]:
  """Ranks the candidates of every request by likelihood, and measures it.

  Of several processes each scores its share of the requests, and the first
  writes the results: those of one process, to the last digit.

  Args:
    model: what scores.
    checkpoint: of its parameters: a run's folder, for the newest, or one step's
      folder.
    mixture_or_task_name: what to evaluate: each task that ranks.
    task_feature_lengths: tokens of "inputs", and of "targets", which a
      candidate's title may have.
    out: folder for results, <out>/<task>/<step>.
    split: "validation", "test", or one of their samples, e.g. "test_2k".
    batch_size: requests at a time, over all devices of a process.
    num_partitions: devices that one copy of the parameters is split over.
    system: the model's name in tables.
    seed: of the bootstrap.

  Returns:
    The folder of each task's results.

  Raises:
    InputError: for an unknown name or split, no request that fits, a
      checkpoint that does not fit the model, or processes that do not see the
      same requests.
  """
  tasks = _ranking_tasks(mixture_or_task_name, split)
  scorer = scoring.Scorer(model, checkpoint, batch_size, num_partitions)
  logger = functools.partial(
    evaluator.ResultLogger, system=system, split=split, seed=seed
  )
  runs = seqio.Evaluator(
    mixture_or_task_name,
    pipeline.RankingFeatureConverter(pack=False, apply_length_check=False),
    eval_split=split,
    sequence_length=dict(task_feature_lengths),
    logger_cls=[logger] if jax.process_index() == 0 else [],
    log_dir=str(out),
  )
  for task in tasks:
    if not runs.cached_task_datasets[task].cardinality().numpy():
      raise InputError(
        f"{task}: no request of split {split!r} fits "
        f"{dict(task_feature_lengths)} tokens: give longer lengths"
      )

  def score_fn(requests: tf.data.Dataset) -> Sequence[tuple[int, np.ndarray]]:
    # In one batch: a split's requests fit into memory many times over.
    whole = requests.batch(int(requests.cardinality()))
    indices, rows = next(whole.as_numpy_iterator())
    scores_NxC = scorer.score(rows)
    return list(zip(indices.tolist(), scores_NxC, strict=True))

  # Checkpoints of either runner are in folders named by their steps.
  digits = re.search(r"\d+$", scorer.checkpoint.name)
  step = int(digits[0]) if digits else None
  done, _ = runs.evaluate(compute_metrics=True, score_fn=score_fn, step=step)
  done.result()
  if jax.process_index() == 0:
    shapes = len(scorer.shapes)
    print(f"{shapes} shapes of batches were compiled", file=sys.stderr)
  return [evaluator.result_folder(out, task, step) for task in tasks]


def _ranking_tasks(name: str, split: str) -> list[str]:
  """Returns the tasks of a mixture that have such a split and a metric.

  Raises:
    InputError: if there are none.
  """
  ranking = [
    task
    for task in seqio.get_subtasks(pipeline.task_or_mixture(name))
    if task.metric_objs
  ]
  if not ranking:
    raise InputError(f"{name} has no task that ranks candidates")
  for task in ranking:
    if split not in task.splits or split == "train":
      splits = set(task.splits) - {"train"}
      raise unknown(f"evaluation split of {task.name}:", split, splits)
    try:
      task.num_input_examples(split)
    except ValueError as error:
      raise InputError(
        f"{task.name} has fewer records than split {split!r} takes: use "
        f"{split.partition('_')[0]!r}"
      ) from error
  return [task.name for task in ranking]
