"""Ranking as SeqIO sees it: a metric function, and a logger of results.

A task declares `metric_fns=[ranking_metric_fn]` and a postprocessor that turns
each example into a `Target` with the keys of `TARGET_FIELDS`; the model's
`score_batch` gives a row of candidate scores for each example. An example is a
request, or one of several inputs that ask about it (see
procedures/rankings.py). Results are written by giving `ResultLogger` to the
evaluator (SeqIO's or T5X's).
"""

import collections
import dataclasses
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, cast

import gin
import numpy as np
import seqio
import tensorflow as tf
from etils import epath

from instructrec_jax import paths
from instructrec_jax.data.names import PREFIX
from instructrec_jax.errors import InputError
from instructrec_jax.eval import metrics, resampling
from instructrec_jax.eval.answers import answer_metrics
from instructrec_jax.eval.predictions import Predictions
from instructrec_jax.eval.procedures import rankings
from instructrec_jax.eval.recording import examples, results
from instructrec_jax.eval.target import Targets

# What each target has, and what it may have; see `Predictions.of`.
TARGET_FIELDS = ("instance", "user", "target", "candidates")
OPTIONAL_FIELDS = {"gains": "gains", "size": "sizes"}

Scores = np.ndarray | tuple[np.ndarray, Any] | Sequence[Sequence[float]]


def ranking_metric_fn(targets: Targets, scores: Scores) -> dict[str, float]:
  """Measures one task.

  SeqIO knows by the names of the arguments that it wants scores.

  Args:
    targets: with `TARGET_FIELDS`, and perhaps `OPTIONAL_FIELDS` and attributes;
      see `Target`. One is a request; where several inputs ask about a request
      each of them has one, with form and asked.
    scores: [N, C], the log-likelihood of each candidate, -inf past a
      request's last one; or a tuple of it and a dict of whatever else the model
      gave. If that has "items", [N, C] item codes padded with -1, the scores
      are those of items that the model has come to by itself, out of "sizes",
      [N] whole numbers: the targets' candidates are not looked at then.

  Returns:
    The mean of each metric, and of each further figure; the number of requests
    "n"; and, where there is more than one ranking, the others' metrics, their
    names after that of the ranking, e.g. "copeland/hr@1".

  Raises:
    InputError: as `rankings_from`.
  """
  found: dict[str, float] = {}
  requests = 0
  for name, ranking in rankings_from(targets, scores).items():
    predictions = predictions_from(ranking.targets, ranking.scores)
    requests = predictions.n
    prefix = f"{name}/" if found else ""
    means = resampling.means(metrics.measure(predictions.outcomes))
    if ranking.columns:
      means |= ranking.figures(resampling.means(ranking.columns))
    found |= {f"{prefix}{key}": float(mean) for key, mean in means.items()}
  return {**found, "n": float(requests)}


def rankings_from(
  targets: Targets, scores: Scores
) -> dict[str, rankings.Ranked]:
  """Brings SeqIO's targets and scores together; see `ranking_metric_fn`.

  Returns:
    The rankings of the requests, by name; the task's own is the first.

  Raises:
    InputError: a target lacks a field, or as `rankings.ranked`.
  """
  values: Any = scores
  given: Mapping[str, Any] = {}
  if isinstance(scores, tuple):
    values, given = cast(tuple[Any, Any], scores)
  for number, target in enumerate(targets):
    missing = [name for name in TARGET_FIELDS if name not in target]
    if missing:
      raise InputError(
        f"target {number}: expected the fields {list(TARGET_FIELDS)}, "
        f"{missing} missing from {sorted(target)}"
      )
  if "items" in given:
    targets = [
      {**target, "candidates": row[row >= 0], "size": size}
      for target, row, size in zip(
        targets, given["items"], given["sizes"], strict=True
      )
    ]
  return rankings.ranked(targets, np.asarray(values))


def predictions_from(targets: Targets, scores: np.ndarray) -> Predictions:
  """Returns the predictions of requests, [B, C] scores, one target each.

  Raises:
    InputError: as `Predictions.of`.
  """
  rows: Sequence[Mapping[str, Any]] = targets
  first = rows[0] if rows else {}
  columns = {name: [row[name] for row in rows] for name in TARGET_FIELDS}
  return Predictions.of(
    columns["instance"],
    columns["user"],
    columns["target"],
    columns["candidates"],
    scores,
    attributes={
      name: [row["attributes"][name] for row in rows]
      for name in first.get("attributes", {})
    },
    **{
      argument: [row[name] for row in rows]
      for name, argument in OPTIONAL_FIELDS.items()
      if name in first
    },
  )


@gin.configurable(module="instructrec_jax.evaluator")
class ResultLogger(seqio.Logger):
  """Writes what `results.write` does, and examples.jsonl, for each task.

  They lie in <output_dir>/<task>/<step>, or <output_dir>/<task> for an
  evaluation that has no step. Where there is more than one ranking, the others
  lie in folders of their names below; so does what was read out of texts, where
  a task ranks by scores as well.
  """

  def __init__(self, output_dir: str, system: str, split: str, seed: int = 0):
    """Says what is being measured.

    Args:
      output_dir: given by the evaluator.
      system: the model's name in tables.
      split: what the evaluator evaluates, e.g. "test".
      seed: of the bootstrap.
    """
    super().__init__(output_dir=output_dir)
    self._description = {"system": system, "split": split, "seed": seed}

  def __call__(
    self,
    task_name: str,
    step: int | None,
    metrics: Mapping[str, Any],
    dataset: tf.data.Dataset,
    inferences: Mapping[str, Any] | None,
    targets: Targets | None,
  ) -> None:
    """Called by the evaluator once a task, after its metrics.

    Raises:
      InputError: the task has nothing to write, or as `Predictions.of`.
    """
    del metrics  # They follow from targets and inferences.
    if targets is None or not {"score", "prediction"} & set(inferences or ()):
      raise InputError(
        f"task {task_name!r}: expected scores to write, or texts; its "
        "metric_fns must include ranking_metric_fn, or one of answer_metrics"
      )
    # Evaluators without a step say None or -1.
    step = None if step is None or step < 0 else step
    folder = result_folder(self.output_dir, task_name, step)
    task = seqio.TaskRegistry.get(task_name)
    write_all(
      folder, task, targets, inferences, dataset, step=step, **self._description
    )


def write_all(
  folder: epath.Path,
  task: seqio.Task,
  targets: Targets,
  inferences: Mapping[str, Any],
  dataset: tf.data.Dataset,
  **description: Any,
) -> None:
  """Measures a task's requests by its metrics, and writes what was measured.

  Args:
    folder: for what is the task's own; the rest goes to folders below.
    task: whose metrics and records these are.
    targets: of its requests.
    inferences: what was answered to each: "prediction", "score" or both.
    dataset: of its examples, of which a few are written in words.
    **description: of a `results.Result`, as in `write`.

  Raises:
    InputError: as the metrics.
  """
  texts = None
  found = _measured(task, targets, inferences, description["seed"])
  for number, (name, measured) in enumerate(found.items()):
    where = folder / name if number else folder
    write(where, task, measured, procedure=name, **description)
    if measured.predictions is None:
      continue
    if texts is None:
      texts = _texts(dataset, examples.chosen(measured.predictions.instances))
      if measured.predictions.of_catalogue:  # Which no text lists.
        texts = [dataclasses.replace(text, candidates=[]) for text in texts]
    if texts:
      examples.write(where, texts)


def _measured(
  task: seqio.Task,
  targets: Targets,
  inferences: Mapping[str, Any],
  seed: int,
) -> dict[str | None, answer_metrics.Measured]:
  """Returns what a task's metrics say, by procedure; of each all together."""
  by_procedure: dict[str | None, list[answer_metrics.Measured]] = (
    collections.defaultdict(list)
  )
  own = [
    metric
    for metric in task.metric_fns
    if isinstance(metric, answer_metrics.METRICS)
  ]
  # A ranking by scores is the task's own, and comes first.
  if len(own) < len(task.metric_fns) and "score" in inferences:
    ranked = rankings_from(targets, inferences["score"])
    for name, one in ranked.items():
      by_procedure[name].append(measured(one, seed))
  for metric in own:
    if metric.output in inferences:
      name = getattr(metric, "procedure", None)
      by_procedure[name].append(metric.measured(targets, inferences, seed))
  return {
    name: answer_metrics.Measured(
      {key: e for one in found for key, e in one.further.items()},
      next((one.answers for one in found if one.answers is not None), None),
      next((one.predictions for one in found if one.predictions), None),
    )
    for name, found in by_procedure.items()
  }


def measured(ranking: rankings.Ranked, seed: int) -> answer_metrics.Measured:
  """Measures a ranking.

  Args:
    ranking: of requests.
    seed: of the bootstrap.

  Raises:
    InputError: as `Predictions.of`.
  """
  further = {}
  if ranking.columns:
    further = resampling.estimates(ranking.columns, seed, ranking.figures)
  predictions = predictions_from(ranking.targets, ranking.scores)
  return answer_metrics.Measured(further, None, predictions)


def write(
  folder: epath.Path,
  task: seqio.Task,
  found: answer_metrics.Measured,
  **description: Any,
) -> None:
  """Writes what was measured of a task's requests.

  Args:
    folder: for the files of `results.write`.
    task: whose records the requests are.
    found: of them.
    **description: of a `results.Result`: system, split, seed, procedure, step;
      and skipped, where anybody knows better than the number of records says.
  """
  requests = found.answers if found.predictions is None else found.predictions
  if requests is None:
    raise ValueError(f"{task.name}: nothing was measured")
  number = requests.n
  description = {
    "skipped": _skipped(task.source, description["split"], number)
  } | description  # fmt: skip
  description |= {
    "task": task.name,
    "dataset": dataset_of(task.source) or task.name,
    "further": found.further,
  }
  if found.predictions is not None:
    result = results.Result.of(found.predictions, **description)
  else:
    result = results.Result(
      n=number,
      requests=requests.fingerprint(),
      metrics={},
      chance={},
      **description,
    )
  results.write(folder, result, found.predictions, found.answers)


def result_folder(
  out: str | PathLike, task: str, step: int | None
) -> epath.Path:
  """Returns where a `ResultLogger` writes the results of a task."""
  folder = paths.anywhere(out) / task
  return folder if step is None else folder / str(step)


def _texts(
  dataset: tf.data.Dataset, instances: np.ndarray
) -> list[examples.Text]:
  """Returns some requests in words; none where the task keeps no words."""
  needed = {"inputs_pretokenized", "candidates_pretokenized", "asked"}
  if not needed <= dataset.element_spec.keys():
    return []

  def shown(example: Mapping[str, tf.Tensor]) -> tf.Tensor:
    # Of several inputs of a request, one that asks about the target.
    asked = tf.gather(example["candidate_items"], example["asked"])
    return tf.reduce_any(example["instance"] == instances) & tf.reduce_any(
      asked == example["target_item"]
    )

  texts = {}
  for example in dataset.filter(shown).as_numpy_iterator():
    text = examples.Text(
      instance=int(example["instance"]),
      inputs=example["inputs_pretokenized"].decode(),
      candidates=[
        title.decode() for title in example["candidates_pretokenized"]
      ],
    )
    texts.setdefault(text.instance, text)
  return list(texts.values())


def dataset_of(source: seqio.DataSource) -> str | None:
  """Returns the dataset of TFDS records; None for any other source."""
  if not isinstance(source, seqio.TfdsDataSource):
    return None
  return source.tfds_dataset.name.partition(":")[0].removeprefix(PREFIX)


def _skipped(source: seqio.DataSource, split: str, n: int) -> dict[str, int]:
  """Returns how many records did not become requests, under their reason."""
  records = source.num_input_examples(split)
  # SeqIO says None or infinity where it does not know.
  if records is None or not np.isfinite(records) or records == n:
    return {}
  return {"do not fit the lengths, or were not asked for": records - n}
