"""Ranking as SeqIO sees it: a metric function, and a logger of results.

A task declares `metric_fns=[ranking_metric_fn]` and a postprocessor that turns
each example into a dict with the keys of `TARGET_FIELDS`; the model's
`score_batch` gives a row of candidate scores for each example. Results are
written by giving `ResultLogger` to the evaluator (SeqIO's or T5X's).
"""

import dataclasses
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import gin
import numpy as np
import seqio
import tensorflow as tf

from instructrec_jax.data.names import PREFIX
from instructrec_jax.errors import InputError
from instructrec_jax.eval import (
  answer_metrics,
  examples,
  metrics,
  resampling,
  results,
)
from instructrec_jax.eval.predictions import Predictions

# What each target has, and what it may have; see `Predictions.of`.
TARGET_FIELDS = ("instance", "user", "target", "candidates")
OPTIONAL_FIELDS = {"gains": "gains", "size": "sizes"}

Targets = Sequence[Mapping[str, Any]]
Scores = np.ndarray | tuple[np.ndarray, Any] | Sequence[Sequence[float]]


def ranking_metric_fn(targets: Targets, scores: Scores) -> dict[str, float]:
  """Measures one task.

  SeqIO knows by the names of the arguments that it wants scores.

  Args:
    targets: B dicts with `TARGET_FIELDS`: instance and user are integers,
      target an item code or several, candidates an integer array [C]. They may
      have `OPTIONAL_FIELDS`: the targets' gains, and how many items were ranked
      where the candidates are only the best of them; and attributes, a dict.
    scores: [B, C], the log-likelihood of each candidate, -inf past a
      request's last one; or a tuple of it and a dict of whatever else the model
      gave. If that has "items", [B, C] item codes padded with -1, the scores
      are those of items that the model has come to by itself, out of "sizes",
      [B] whole numbers: the targets' candidates are not looked at then.

  Returns:
    The mean of each metric, and their number "n".

  Raises:
    InputError: as `Predictions.of`.
  """
  outcomes = predictions_from(targets, scores).outcomes
  means = resampling.means(metrics.measure(outcomes))
  return {**means, "n": float(outcomes.n)}


def predictions_from(targets: Targets, scores: Scores) -> Predictions:
  """Brings SeqIO's targets and scores together; see `ranking_metric_fn`.

  Raises:
    InputError: a target lacks a field, or as `Predictions.of`.
  """
  given = {}
  if isinstance(scores, tuple):
    scores, given = scores
  for number, target in enumerate(targets):
    missing = [name for name in TARGET_FIELDS if name not in target]
    if missing:
      raise InputError(
        f"target {number}: expected the fields {list(TARGET_FIELDS)}, "
        f"{missing} missing from {sorted(target)}"
      )
  columns = {name: [t[name] for t in targets] for name in TARGET_FIELDS}
  first = targets[0] if targets else {}
  optional = {
    argument: [t[name] for t in targets]
    for name, argument in OPTIONAL_FIELDS.items()
    if name in first
  }
  if "items" in given:
    columns["candidates"] = [row[row >= 0] for row in given["items"]]
    optional["sizes"] = given["sizes"]
  return Predictions.of(
    **columns,
    scores=np.asarray(scores),
    attributes={
      name: [t["attributes"][name] for t in targets]
      for name in first.get("attributes", {})
    },
    **optional,
  )


@gin.configurable
class ResultLogger(seqio.Logger):
  """Writes what `results.write` does, and examples.jsonl, for each task.

  They lie in <output_dir>/<task>/<step>, or <output_dir>/<task> for an
  evaluation that has no step.
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
    step = None if step is None or step < 0 else int(step)
    task = seqio.TaskRegistry.get(task_name)
    found = _measured(task, targets, inferences, self._description["seed"])
    source = task.source
    description = self._description | {
      "task": task_name,
      "dataset": dataset_of(source) or task_name,
      "step": step,
      "skipped": _skipped(source, self._description["split"], len(targets)),
      "further": found.further,
    }
    if found.predictions is not None:
      result = results.Result.of(found.predictions, **description)
    else:
      result = results.Result(
        n=len(targets),
        requests=found.answers.fingerprint(),
        metrics={},
        chance={},
        **description,
      )
    folder = result_folder(self.output_dir, task_name, step)
    results.write(folder, result, found.predictions, found.answers)
    if found.predictions is not None:
      instances = found.predictions.instances
      texts = _texts(dataset, task, examples.chosen(instances))
      if found.predictions.of_catalogue:  # Which is not what a text lists.
        texts = [dataclasses.replace(text, candidates=[]) for text in texts]
      if texts:
        examples.write(folder, texts)


def _measured(
  task: seqio.Task,
  targets: Targets,
  inferences: Mapping[str, Any],
  seed: int,
) -> answer_metrics.Measured:
  """Returns what a task's metrics say together."""
  own = [
    metric
    for metric in task.metric_fns
    if isinstance(metric, answer_metrics.METRICS)
  ]
  if not own:
    predictions = predictions_from(targets, inferences["score"])
    return answer_metrics.Measured({}, None, predictions)
  found = [metric.measured(targets, inferences, seed) for metric in own]
  return answer_metrics.Measured(
    {name: e for one in found for name, e in one.further.items()},
    next((one.answers for one in found if one.answers is not None), None),
    next((one.predictions for one in found if one.predictions), None),
  )


def result_folder(out: str | PathLike, task: str, step: int | None) -> Path:
  """Returns where a `ResultLogger` writes the results of a task."""
  return Path(out, task, *([] if step is None else [str(step)]))


def _texts(
  dataset: tf.data.Dataset, task: seqio.Task, instances: np.ndarray
) -> list[examples.Text]:
  """Returns some requests in words; none where the task keeps no words."""
  needed = {"instance", "inputs_pretokenized", "candidates"}
  if not needed <= dataset.element_spec.keys():
    return []
  some = dataset.filter(
    lambda example: tf.reduce_any(example["instance"] == instances)
  )
  vocabulary = task.output_features["targets"].vocabulary
  return [
    examples.Text(
      instance=int(example["instance"]),
      inputs=example["inputs_pretokenized"].decode(),
      candidates=[
        vocabulary.decode(tokens) for tokens in example["candidates"].tolist()
      ],
    )
    for example in some.as_numpy_iterator()
  ]


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
  return {"do not fit the lengths, or were not asked for": int(records - n)}
