"""Ranking evaluation: a checkpoint, a mixture, and SeqIO's evaluator."""

import functools
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gin
import jax
import numpy as np
import seqio
import tensorflow as tf
import tqdm
from jax.sharding import Mesh

from instructrec_jax import pipeline
from instructrec_jax.errors import InputError, unknown
from instructrec_jax.eval import evaluator
from instructrec_jax.model import ranking_model, sharding
from instructrec_jax.train import checkpoint as checkpoint_lib

Scorer = Callable[..., jax.Array]


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

  Args:
    model: what scores.
    checkpoint: of its parameters: a run's folder, for the newest, or one step's
      folder.
    mixture_or_task_name: what to evaluate: each task that ranks.
    task_feature_lengths: tokens of "inputs", and of "targets", which a
      candidate's title may have.
    out: folder for results, <out>/<task>/<step>.
    split: "validation", "test", or one of their samples, e.g. "test_2k".
    batch_size: requests at a time, over all devices.
    num_partitions: devices that one copy of the parameters is split over.
    system: the model's name in tables.
    seed: of the bootstrap.

  Returns:
    The folder of each task's results.

  Raises:
    InputError: for an unknown name or split, no request that fits, a
      checkpoint that does not fit the model, or several processes.
  """
  if jax.process_count() > 1:
    raise InputError(
      f"evaluation runs in one process, this is one of {jax.process_count()}"
    )
  tasks = _ranking_tasks(mixture_or_task_name, split)
  found = checkpoint_lib.find(checkpoint)
  params, score, mesh = _scorer(model, found, num_partitions)
  runs = seqio.Evaluator(
    mixture_or_task_name,
    pipeline.RankingFeatureConverter(pack=False, apply_length_check=False),
    eval_split=split,
    sequence_length=dict(task_feature_lengths),
    logger_cls=[
      functools.partial(
        evaluator.ResultLogger,
        system=system,
        split=split,
        seed=seed,
      )
    ],
    log_dir=str(out),
  )
  for task in tasks:
    if not runs.cached_task_datasets[task].cardinality().numpy():
      raise InputError(
        f"{task}: no request of split {split!r} fits "
        f"{dict(task_feature_lengths)} tokens: give longer lengths"
      )

  def score_fn(requests: tf.data.Dataset) -> Sequence[tuple[int, np.ndarray]]:
    return _score_all(
      functools.partial(score, params), requests, batch_size, mesh
    )

  # Checkpoints of either runner are in folders named by their steps.
  digits = re.search(r"\d+$", found.name)
  step = int(digits[0]) if digits else None
  done, _ = runs.evaluate(compute_metrics=True, score_fn=score_fn, step=step)
  done.result()
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


def _scorer(
  model: ranking_model.RankingModel, path: os.PathLike, num_partitions: int
) -> tuple[Any, Scorer, Mesh]:
  """Returns the parameters on the devices, the compiled scorer, the mesh."""
  mesh = sharding.make_mesh(num_partitions)
  shapes = model.parameter_shapes()
  places = sharding.tree_shardings(mesh, shapes, shapes)
  like = sharding.placed(shapes, places)
  params = checkpoint_lib.load_params(path, like)
  return params, sharding.jit_on_mesh(mesh, model.score_batch), mesh


def _score_all(
  score: Scorer, requests: tf.data.Dataset, batch_size: int, mesh: Mesh
) -> list[tuple[int, np.ndarray]]:
  """Scores enumerated requests, in batches of one shape."""
  indices, rows = _without_padding(requests)
  total = len(indices)
  scores_NxC = []
  with tqdm.tqdm(total=total, unit="request", disable=None) as bar:

    def collect(scores_BxC: jax.Array) -> None:
      scores_NxC.append(np.asarray(scores_BxC))
      bar.update(min(batch_size, total - bar.n))

    pending = None
    for start in range(0, total, batch_size):
      # The last batch is filled up with rows that are cut off again below.
      batch_rows = np.arange(start, start + batch_size) % total
      batch = {name: values[batch_rows] for name, values in rows.items()}
      scores_BxC = score(sharding.put_batch(mesh, batch))
      if pending is not None:
        collect(pending)  # While the devices score this one.
      pending = scores_BxC
    collect(pending)
  return list(zip(indices.tolist(), np.concatenate(scores_NxC), strict=False))


def _without_padding(
  requests: tf.data.Dataset,
) -> tuple[np.ndarray, pipeline.Batch]:
  """Reads requests whole, and cuts the columns that hold nothing but padding.

  Lengths are what may be used; titles are mostly much shorter.
  """
  whole = requests.batch(int(requests.cardinality()))
  indices, rows = next(whole.as_numpy_iterator())
  return indices, {
    name: tokens[..., : int(tokens.any(tuple(range(tokens.ndim - 1))).sum())]
    for name, tokens in rows.items()
  }
