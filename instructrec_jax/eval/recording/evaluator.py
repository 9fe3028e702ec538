"""A ranking metric function for SeqIO, and a logger of results.

A task declares `metric_fns=[ranking_metric_fn]` and a postprocessor that turns
each example into a `Target` with the keys of `TARGET_FIELDS`. The model's
`score_batch` returns a row of candidate scores for each example. An example is
a request, or one of several inputs that ask about it (see
procedures/rankings.py). `ResultLogger`, given to the evaluator (SeqIO's or
T5X's), writes the results.
"""

import collections
import dataclasses
import operator
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
from instructrec_jax.data.records import read, sampling, trained
from instructrec_jax.errors import InputError
from instructrec_jax.eval import metrics, resampling
from instructrec_jax.eval.answers import answer_metrics
from instructrec_jax.eval.predictions import Predictions
from instructrec_jax.eval.procedures import rankings
from instructrec_jax.eval.recording import examples, results
from instructrec_jax.eval.target import Targets

# Required and optional fields of a target; see `Predictions.of`.
TARGET_FIELDS = ("instance", "user", "target", "candidates")
OPTIONAL_FIELDS = {"gains": "gains", "size": "sizes"}

# The ranking by the likelihood alone, beside one by `model/exchange.py`.
PLAIN, EXCHANGED = "plain", "exchanged"

Scores = np.ndarray | tuple[np.ndarray, Any] | Sequence[Sequence[float]]


def ranking_metric_fn(targets: Targets, scores: Scores) -> dict[str, float]:
  """Measures one task.

  SeqIO passes scores because the second argument is called `scores`.

  Args:
    targets: A `Target` for each request, with `TARGET_FIELDS` and perhaps
      `OPTIONAL_FIELDS` and attributes. If several inputs ask about a request,
      each has a target, with form and asked.
    scores: [N, C], the log-likelihood of each candidate, -inf past a request's
      last; or a tuple of it and a dict of the model's other outputs. If the
      dict has "items" ([N, C] item codes padded with -1) and "sizes" ([N]
      integers), the scores are those of generated items, out of as many as
      "sizes" says, and the targets' candidates are not used. If it has
      "log_likelihood" ([N, C]), the scores are not the likelihood alone, and
      the requests are also ranked by it.

  Returns:
    The mean of each metric and of each further figure, and the number of
    requests "n". If there are several rankings, the others' metrics follow with
    the name of the ranking as prefix, e.g. "copeland/hr@1".

  Raises:
    InputError: As `rankings_from`.
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
  """Combines SeqIO's targets and scores; see `ranking_metric_fn`.

  Returns:
    The rankings of the requests, by name. The task's own is the first.

  Raises:
    InputError: A target lacks a field, or as `rankings.ranked`.
  """
  values: Any = scores
  given: Mapping[str, Any] = {}
  if isinstance(scores, tuple):
    values, given = cast(tuple[Any, Any], scores)
  for number, target in enumerate(targets):
    missing = [name for name in TARGET_FIELDS if name not in target]
    if missing:
      raise InputError(
        f"target {number}: expected the fields {list(TARGET_FIELDS)}, got "
        f"{sorted(target)}, without {missing}"
      )
  if "items" in given:
    targets = [
      {**target, "candidates": row[row >= 0], "size": size}
      for target, row, size in zip(
        targets, given["items"], given["sizes"], strict=True
      )
    ]
  found = rankings.ranked(targets, np.asarray(values))
  if "log_likelihood" in given:
    plain = rankings.ranked(targets, np.asarray(given["log_likelihood"]))
    found[PLAIN] = next(iter(plain.values()))
  return found


def predictions_from(targets: Targets, scores: np.ndarray) -> Predictions:
  """Returns the predictions of requests: a target each, and [B, C] scores.

  Raises:
    InputError: As `Predictions.of`.
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


def weights_of(
  prior_weight: float, popularity_weight: float, prior_requests: int
) -> dict[str, float] | None:
  """Returns the weights of a `results.Result`; None for 0 and 0."""
  if not (prior_weight or popularity_weight):
    return None
  return {
    "prior_weight": prior_weight,
    "popularity_weight": popularity_weight,
    "prior_requests": prior_requests,
  }


@gin.configurable(module="instructrec_jax.evaluator")
class ResultLogger(seqio.Logger):
  """Writes the files of `results.write`, and examples.jsonl, for each task.

  The folder is <output_dir>/<task>/<step>, or <output_dir>/<task> if the
  evaluation has no step. If a task has several rankings, each other one has a
  folder of its name below. So have lists parsed from texts, if the task also
  ranks by scores.
  """

  def __init__(
    self,
    output_dir: str,
    system: str,
    split: str,
    seed: int = 0,
    prior_weight: float = 0.0,
    popularity_weight: float = 0.0,
    prior_requests: int = 4,
  ):
    """Describes the evaluation.

    Args:
      output_dir: The evaluator passes it.
      system: The model's name in tables.
      split: The split that the evaluator evaluates, e.g. "test".
      seed: Seed of the bootstrap.
      prior_weight: The weight of the prior in the scores.
      popularity_weight: The weight of popularity in the scores.
      prior_requests: The number of other users whose requests make the prior.
    """
    super().__init__(output_dir=output_dir)
    self._description = {
      "system": system,
      "split": split,
      "seed": seed,
      "weights": weights_of(prior_weight, popularity_weight, prior_requests),
    }

  def __call__(
    self,
    task_name: str,
    step: int | None,
    metrics: Mapping[str, Any],
    dataset: tf.data.Dataset,
    inferences: Mapping[str, Any] | None,
    targets: Targets | None,
  ) -> None:
    """Writes a task. The evaluator calls it after the task's metrics.

    Raises:
      InputError: The task has nothing to write, or as `Predictions.of`.
    """
    del metrics  # They follow from targets and inferences.
    if targets is None or not {"score", "prediction"} & set(inferences or ()):
      raise InputError(
        f"task {task_name!r}: expected scores or texts, got none: its "
        "metric_fns must have ranking_metric_fn or a metric of answer_metrics"
      )
    # Evaluators without a step pass None or -1.
    # T5X's step may be of numpy, which JSON does not take.
    step = None if step is None or step < 0 else operator.index(step)
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
  """Measures a task's requests with its metrics, and writes the results.

  Args:
    folder: For the task's own ranking. Others go to folders below.
    task: The task.
    targets: Targets of its requests.
    inferences: The answers by name: "prediction", "score" or both.
    dataset: The task's examples. A few of them are written as text.
    **description: Fields of a `results.Result`, as in `write`.

  Raises:
    InputError: As the metrics.
  """
  texts = None
  found = _measured(task, targets, inferences, description["seed"])
  for number, (name, measured) in enumerate(found.items()):
    where = folder / name if number else folder
    if name == PLAIN or measured.predictions is None:
      description = description | {"weights": None}
    procedure = name
    if description.get("weights") and not number:
      procedure = EXCHANGED
    write(where, task, measured, procedure=procedure, **description)
    if measured.predictions is None:
      continue
    if texts is None:
      texts = _texts(dataset, examples.chosen(measured.predictions.instances))
      if measured.predictions.of_catalogue:  # No text lists a catalogue.
        texts = [dataclasses.replace(text, candidates=[]) for text in texts]
    if texts:
      examples.write(where, texts)


def _measured(
  task: seqio.Task,
  targets: Targets,
  inferences: Mapping[str, Any],
  seed: int,
) -> dict[str | None, answer_metrics.Measured]:
  """Measures all metrics of a task; merges the results of each procedure."""
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
    ranking: The ranked requests.
    seed: Seed of the bootstrap.

  Raises:
    InputError: As `Predictions.of`.
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
  """Writes the results of a task.

  Args:
    folder: For the files of `results.write`.
    task: The task.
    found: Its results.
    **description: Fields of a `results.Result`: system, split, seed, procedure
      and step; and skipped, if it does not follow from the number of records.
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
    "ordered": _is_ordered(task.source),
    "further": found.further,
    "sample": sampling.request_sample(),
    "trained_on_validation": trained.train_on_validation(),
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
  """Returns the folder that `ResultLogger` writes a task's results to."""
  folder = paths.anywhere(out) / task
  return folder if step is None else folder / str(step)


def _texts(
  dataset: tf.data.Dataset, instances: np.ndarray
) -> list[examples.Text]:
  """Returns some requests as text; none if the task keeps no text."""
  needed = {"inputs_pretokenized", "candidates_pretokenized", "asked"}
  if not needed <= dataset.element_spec.keys():
    return []

  def shown(example: Mapping[str, tf.Tensor]) -> tf.Tensor:
    # If a request has several inputs, show one that asks about the target.
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
  """Returns the dataset of TFDS records, or None for any other source."""
  if not isinstance(source, seqio.TfdsDataSource):
    return None
  return source.tfds_dataset.name.partition(":")[0].removeprefix(PREFIX)


def _is_ordered(source: seqio.DataSource) -> bool:
  """Returns whether a source has an order in time, as far as is known."""
  if not isinstance(source, seqio.TfdsDataSource):
    return True
  return read.is_ordered(source.tfds_dataset.builder.data_path)


def _skipped(source: seqio.DataSource, split: str, n: int) -> dict[str, int]:
  """Returns the number of records that are no requests, under their reason."""
  records = source.num_input_examples(split)
  # SeqIO returns None or infinity if it does not know.
  if records is None or not np.isfinite(records):
    return {}
  sample = sampling.request_sample()
  if sample is not None:
    records = min(records, sample["num_requests"])
  if records <= n:
    return {}
  return {
    "not asked for, or longer than the lengths": operator.index(records - n)
  }
