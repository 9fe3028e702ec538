"""Evaluation: a checkpoint, a mixture, and SeqIO's evaluator."""

import functools
import os
import re
import sys
from collections.abc import Mapping, Sequence

import gin
import jax
import numpy as np
import seqio
import tensorflow as tf
from etils import epath

from instructrec_jax import (
  adaptive,
  catalogue_ranking,
  paths,
  pipeline,
  scoring,
)
from instructrec_jax.errors import InputError, unknown
from instructrec_jax.eval import evaluator
from instructrec_jax.eval.predictions import RANKED
from instructrec_jax.instructions.questions import FORMS
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
  rank: str = "candidates",
  exclude_history: bool = True,
  procedure: str | None = None,
) -> list[epath.Path]:
  """Answers every request, and measures the answers.

  What is asked of the model is what a task's metrics want: scores of its
  candidates, a text, or both. Texts are the likeliest token each time, and have
  the targets' length at the most.

  Of several processes each scores its share of the requests, and the first
  writes the results: those of one process, to the last digit.

  Args:
    model: what scores.
    checkpoint: of its parameters: a run's folder, for the newest, or one step's
      folder.
    mixture_or_task_name: what to evaluate. Of InstructRec's families those that
      rank, or where there is none those that write.
    task_feature_lengths: tokens of "inputs", and of "targets", which a
      candidate's title or a text may have.
    out: folder for results, <out>/<task>/<step>, where further rankings have
      folders of their names; of the catalogue, <out>/catalogue/<task>/<step>.
    split: "validation", "test", or one of their samples, e.g. "test_2k".
    batch_size: requests at a time, over all devices of a process.
    num_partitions: devices that one copy of the parameters is split over.
    system: the model's name in tables.
    seed: of the bootstrap.
    rank: the request's "candidates", or the whole "catalogue", out of which the
      model generates as many items as it has beams (`RankingModel.num_beams`);
      of tasks that show no candidates.
    exclude_history: of the catalogue, whether to leave out what a request's
      user has had before.
    procedure: a key of adaptive.PROCEDURES, for the tasks of its form; None for
      what each task declares, see eval/procedures.py.

  Returns:
    The folder of each task's results.

  Raises:
    InputError: for an unknown name or split, no request that fits, a
      checkpoint that does not fit the model, or processes that do not see the
      same requests.
  """
  if rank not in RANKED:
    raise unknown("choice of what to rank", rank, RANKED)
  if procedure is not None and rank != "candidates":
    raise InputError(
      f"procedure {procedure!r} asks about candidates: expected rank "
      f"'candidates', got {rank!r}"
    )
  tasks = measured_tasks(mixture_or_task_name, split)
  if rank == "catalogue":
    tasks = catalogue_ranking.matching(tasks)
  scorer = scoring.Scorer(model, checkpoint, batch_size, num_partitions)
  # Checkpoints of either runner are in folders named by their steps.
  digits = re.search(r"\d+$", scorer.checkpoint.name)
  step = int(digits[0]) if digits else None
  # Of the catalogue, where `CatalogueEvaluator` puts them.
  folder_of = functools.partial(
    evaluator.result_folder,
    paths.anywhere(out) / rank if rank == "catalogue" else out,
    step=step,
  )
  if procedure is not None:
    return adaptive.evaluate(
      procedure, tasks, split, task_feature_lengths, scorer.score, folder_of,
      system=system, step=step, seed=seed,
    )  # fmt: skip
  logger = functools.partial(
    evaluator.ResultLogger, system=system, split=split, seed=seed
  )
  evaluator_of = seqio.Evaluator
  if rank == "catalogue":
    evaluator_of = functools.partial(
      catalogue_ranking.CatalogueEvaluator, exclude_history=exclude_history
    )
  for task in tasks:
    runs = evaluator_of(
      task,
      pipeline.RankingFeatureConverter(pack=False, apply_length_check=False),
      eval_split=split,
      sequence_length=dict(task_feature_lengths),
      logger_cls=[logger] if jax.process_index() == 0 else [],
      log_dir=str(out),
    )
    examples = runs.cached_task_datasets[task]
    if not examples.cardinality().numpy():
      raise InputError(
        f"{task}: no request of split {split!r} fits "
        f"{dict(task_feature_lengths)} tokens: give longer lengths"
      )
    if rank == "catalogue":
      ask = {"predict_with_aux_fn": functools.partial(_recommend, scorer, runs)}
    else:
      ask = {
        "score_fn": functools.partial(_score, scorer),
        "predict_fn": functools.partial(_write, scorer),
      }
    done, _ = runs.evaluate(compute_metrics=True, step=step, **ask)
    done.result()
  if jax.process_index() == 0 and scorer.shapes:
    shapes = len(scorer.shapes)
    print(f"{shapes} shapes of batches were compiled", file=sys.stderr)
  return [folder_of(task) for task in tasks]


def _ranks(task: seqio.Task) -> bool:
  """Returns whether a task ranks; one that is not ours says so by a metric."""
  family = getattr(task.source, "family", None)
  return family is None or FORMS[family.form].ranks


def _score(
  scorer: scoring.Scorer, requests: tf.data.Dataset
) -> Sequence[tuple[int, np.ndarray]]:
  """Scores the candidates of requests, for SeqIO's evaluator."""
  indices, rows = _whole(requests)
  return list(zip(indices, scorer.score(rows), strict=True))


def _write(
  scorer: scoring.Scorer, requests: tf.data.Dataset
) -> Sequence[tuple[int, np.ndarray]]:
  """Generates texts for requests, for SeqIO's evaluator."""
  indices, rows = _whole(requests)
  length = rows["decoder_input_tokens"].shape[1]
  return list(zip(indices, scorer.write(rows, length), strict=True))


def _recommend(
  scorer: scoring.Scorer,
  runs: catalogue_ranking.CatalogueEvaluator,
  requests: tf.data.Dataset,
) -> catalogue_ranking.Predicted:
  """Generates titles for requests, as T5X's predict_with_aux_fn does."""
  indices, rows = _whole(requests)
  taken = ("encoder_input_tokens", "excluded_items")
  rows = {name: rows[name] for name in taken if name in rows}
  found = scorer.recommend(rows, runs.titles)
  pairs = list(zip(indices, found.tokens[:, 0], strict=True))
  return pairs, {"items": found.items, "scores": found.scores}


def _whole(
  requests: tf.data.Dataset,
) -> tuple[list[int], dict[str, np.ndarray]]:
  """Returns numbered requests: they fit into memory many times over."""
  whole = requests.batch(int(requests.cardinality()))
  indices, rows = next(whole.as_numpy_iterator())
  return indices.tolist(), rows


def measured_tasks(name: str, split: str) -> list[str]:
  """Returns the tasks of a mixture that are measured on a split.

  Args:
    name: of a mixture or task.
    split: that all must have.

  Returns:
    Names of tasks with metrics. Of InstructRec's families those that rank, or
    where there is none those that write.

  Raises:
    InputError: if there are none, or a split has fewer records than it says.
  """
  tasks = pipeline.tasks_with(name, split)
  if split == "train":
    splits = set(tasks[0].splits) - {"train"}
    raise unknown(f"evaluation split of {tasks[0].name}:", split, splits)
  tasks = [task for task in tasks if task.metric_objs]
  if not tasks:
    raise InputError(f"{name} has no task that is measured")
  tasks = [task for task in tasks if _ranks(task)] or tasks
  for task in tasks:
    try:
      task.num_input_examples(split)
    except ValueError as error:
      raise InputError(
        f"{task.name} has fewer records than split {split!r} takes: use "
        f"{split.partition('_')[0]!r}"
      ) from error
  return [task.name for task in tasks]
