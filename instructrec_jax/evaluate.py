"""Ranking evaluation: a checkpoint, a mixture, and SeqIO's evaluator."""

import functools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import jax
import numpy as np
import seqio
import tensorflow as tf
import tqdm

import gin
from instructrec_jax import pipeline
from instructrec_jax.errors import InputError, unknown
from instructrec_jax.eval import evaluator
from instructrec_jax.model import ranking_model, sharding
from instructrec_jax.train import checkpoint


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
    out: folder for results, <out>/<task>.
    split: "validation", "test", or one of their samples, e.g. "test_2k".
    batch_size: requests at a time, over all devices.
    num_partitions: devices that one copy of the parameters is split over.
    system: the model's name in tables.
    seed: of the bootstrap.

  Returns:
    The folder of each task's results.

  Raises:
    InputError: for an unknown name or split, no request that fits, or a
      checkpoint that does not fit the model.
  """
  tasks = _ranking_tasks(mixture_or_task_name, split)
  params, score, mesh = _scorer(model, checkpoint, num_partitions)
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

  done, _ = runs.evaluate(compute_metrics=True, score_fn=score_fn)
  done.result()
  return [Path(out) / task for task in tasks]


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
  return [task.name for task in ranking]


def _scorer(model, path, num_partitions):
  """Returns the parameters on the devices, the compiled scorer, the mesh."""
  mesh = sharding.make_mesh(num_partitions)
  shapes = jax.eval_shape(
    lambda: model.get_initial_variables(jax.random.key(0))["params"]
  )
  places = sharding.tree_shardings(mesh, shapes, shapes)
  like = jax.tree.map(
    lambda shape, place: jax.ShapeDtypeStruct(
      shape.shape, shape.dtype, sharding=place
    ),
    shapes,
    places,
  )
  params = checkpoint.load_params(path, like)
  return params, jax.jit(model.score_batch), mesh


def _score_all(
  score, requests: tf.data.Dataset, batch_size: int, mesh
) -> list[tuple[int, np.ndarray]]:
  """Scores enumerated requests; the last batch is filled up, then cut."""
  total = int(requests.cardinality())
  scored: list[tuple[int, np.ndarray]] = []
  pending = None

  def collect() -> None:
    if pending is not None:
      indices, scores_BxC = pending
      rows = np.asarray(scores_BxC)[: len(indices)]
      scored.extend(zip(indices.tolist(), rows, strict=True))
      bar.update(len(indices))

  batches = requests.batch(batch_size).prefetch(2).as_numpy_iterator()
  with tqdm.tqdm(total=total, unit="request", disable=None) as bar:
    for indices, batch in batches:
      missing = batch_size - len(indices)
      filled = {
        name: np.concatenate([rows, np.repeat(rows[-1:], missing, axis=0)])
        for name, rows in batch.items()
      }
      scores = score(sharding.put_batch(mesh, filled))
      collect()  # Of the batch before, while the devices score this one.
      pending = indices, scores
    collect()
  return scored
