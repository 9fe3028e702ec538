"""Ranking as SeqIO sees it: a metric function, and a logger of results.

A task declares `metric_fns=[ranking_metric_fn]` and a postprocessor that turns
each example into a dict with the keys of `TARGET_FIELDS`; the model's
`score_batch` gives a row of candidate scores for each example. An example is a
request, or one of several inputs that ask about it (see procedures.py). Results
are written by giving `ResultLogger` to the evaluator (SeqIO's or T5X's).
"""

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
  examples,
  metrics,
  procedures,
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
    targets: dicts with `TARGET_FIELDS`: instance and user are integers,
      target an item code or several, candidates an integer array [C]. They may
      have `OPTIONAL_FIELDS`: the targets' gains, and how many items were ranked
      where the candidates are only the best of them; and attributes, a dict.
      One is a request; where several inputs ask about a request each of them
      has one, with form, the task form, and asked, the columns that it asks
      about.
    scores: [N, C], the log-likelihood of each candidate, -inf past a
      request's last one; or a tuple of it and whatever else the model gave.

  Returns:
    The mean of each metric, and of each further figure; the number of requests
    "n"; and, where there is more than one ranking, the others' metrics, their
    names after that of the ranking, e.g. "copeland/hr@1".

  Raises:
    InputError: as `rankings_from`.
  """
  found = {}
  for name, ranking in rankings_from(targets, scores).items():
    predictions = predictions_from(ranking.targets, ranking.scores)
    prefix = f"{name}/" if found else ""
    means = resampling.means(metrics.measure(predictions.outcomes))
    if ranking.columns:
      means |= ranking.figures(resampling.means(ranking.columns))
    found |= {f"{prefix}{key}": float(mean) for key, mean in means.items()}
  return {**found, "n": float(predictions.n)}


def rankings_from(
  targets: Targets, scores: Scores
) -> dict[str, procedures.Ranked]:
  """Brings SeqIO's targets and scores together; see `ranking_metric_fn`.

  Returns:
    The rankings of the requests, by name; the task's own is the first.

  Raises:
    InputError: a target lacks a field, or as `procedures.ranked`.
  """
  if isinstance(scores, tuple):
    scores = scores[0]
  for number, target in enumerate(targets):
    missing = [name for name in TARGET_FIELDS if name not in target]
    if missing:
      raise InputError(
        f"target {number}: expected the fields {list(TARGET_FIELDS)}, "
        f"{missing} missing from {sorted(target)}"
      )
  return procedures.ranked(targets, np.asarray(scores))


def predictions_from(targets: Targets, scores: np.ndarray) -> Predictions:
  """Returns the predictions of requests, [B, C] scores, one target each.

  Raises:
    InputError: as `Predictions.of`.
  """
  columns = ([t[name] for t in targets] for name in TARGET_FIELDS)
  first = targets[0] if targets else {}
  return Predictions.of(
    *columns,
    scores,
    attributes={
      name: [t["attributes"][name] for t in targets]
      for name in first.get("attributes", {})
    },
    **{
      argument: [t[name] for t in targets]
      for name, argument in OPTIONAL_FIELDS.items()
      if name in first
    },
  )


@gin.configurable
class ResultLogger(seqio.Logger):
  """Writes metrics.json, predictions.jsonl and examples.jsonl for each task.

  They lie in <output_dir>/<task>/<step>, or <output_dir>/<task> for an
  evaluation that has no step. Where there is more than one ranking, the others
  lie in folders of their names below.
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
      InputError: the task has no scores, or as `Predictions.of`.
    """
    del metrics  # They follow from targets and scores.
    if not inferences or "score" not in inferences or targets is None:
      raise InputError(
        f"task {task_name!r}: expected scores to write; its metric_fns must "
        "include ranking_metric_fn"
      )
    # Evaluators without a step say None or -1.
    step = None if step is None or step < 0 else int(step)
    folder = result_folder(self.output_dir, task_name, step)
    task = seqio.TaskRegistry.get(task_name)
    texts = None
    rankings = rankings_from(targets, inferences["score"])
    for number, (name, ranking) in enumerate(rankings.items()):
      where = folder / name if number else folder
      predictions = write(
        where, task, ranking, procedure=name, step=step, **self._description
      )
      if texts is None:
        texts = _texts(dataset, examples.chosen(predictions.instances))
      if texts:
        examples.write(where, texts)


def write(
  folder: Path,
  task: seqio.Task,
  ranking: procedures.Ranked,
  *,
  split: str,
  seed: int,
  **description: Any,
) -> Predictions:
  """Measures a ranking of a task's requests, and writes what came of it.

  Args:
    folder: for metrics.json and predictions.jsonl.
    task: whose records the requests are.
    ranking: of the requests.
    split: of the records.
    seed: of the bootstrap.
    **description: of a `results.Result`: system, procedure and step.

  Returns:
    The predictions.

  Raises:
    InputError: as `Predictions.of`.
  """
  predictions = predictions_from(ranking.targets, ranking.scores)
  result = results.Result.of(
    predictions,
    task=task.name,
    dataset=_dataset_of(task.source) or task.name,
    split=split,
    seed=seed,
    skipped=_skipped(task.source, split, predictions.n),
    figures=resampling.estimates(ranking.columns, seed, ranking.figures)
    if ranking.columns
    else {},
    **description,
  )
  results.write(folder, result, predictions)
  return predictions


def result_folder(out: str | PathLike, task: str, step: int | None) -> Path:
  """Returns where a `ResultLogger` writes the results of a task."""
  return Path(out, task, *([] if step is None else [str(step)]))


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


def _dataset_of(source: seqio.DataSource) -> str | None:
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
