"""`instructrec measure`: measures a file with the answers of any model.

The metrics are those of `instructrec evaluate`.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import seqio
from etils import epath

from instructrec_jax import gin_files
from instructrec_jax import tasks as tasks_lib
from instructrec_jax.data.records import sampling
from instructrec_jax.errors import InputError
from instructrec_jax.eval.answers import answer_metrics, predictions_file
from instructrec_jax.eval.answers.predictions_file import Prediction
from instructrec_jax.eval.recording import evaluator
from instructrec_jax.export.untokenized import untokenized
from instructrec_jax.runs import model_dir
from instructrec_jax.tasks import lookup

# A prompt with candidates asks for the title of the best.
_ONE_OF_CANDIDATES = answer_metrics.Lists(wanted=1, procedure="generated")


def measure(
  predictions: str,
  mixture_or_task_name: str,
  out: str,
  system: str,
  exported: str | None = None,
  allow_missing: bool = False,
  split: str = "test",
  seed: int = 0,
  tfds_data_dir: str = "data/records",
  gin_file: Sequence[str] = (),
  gin_bindings: Sequence[str] = (),
  gin_search_paths: Sequence[str] = (),
  num_requests: int | None = None,
  sample_seed: int = 0,
) -> list[epath.Path]:
  """Measures a file of predictions.

  Args:
    predictions: The file.
    mixture_or_task_name: The tasks whose requests were answered.
    out: The folder of the results, which go to <out>/<task>.
    system: The model's name in tables.
    exported: The exported file that was answered line by line, if the
      predictions have no tasks and instances.
    allow_missing: Whether to leave out and count requests without a prediction.
      Otherwise they are an error.
    split: The split of the records.
    seed: Seed of the bootstrap.
    tfds_data_dir: The folder of the records.
    gin_file: Gin files, such as one that limits the instances of a user.
    gin_bindings: Single bindings, which override the files.
    gin_search_paths: More folders with gin files.
    num_requests: Requests of each task to draw from the split; None for all.
    sample_seed: Draws them.

  Returns:
    The folder of each task's results.

  Raises:
    InputError: A file is missing; a line is malformed, of another task or
      instance, or the second of its instance; a request has no prediction; or a
      task has no metric of written answers.
  """
  gin_files.parse(
    ["runs/native_mixing.gin", *gin_file],
    [*gin_bindings, *sampling.bindings(num_requests, sample_seed)],
    gin_search_paths,
    run="mixing",
  )
  model_dir.check_writable(out, "--out")
  tasks_lib.use_records(tfds_data_dir)
  names = lookup.measured_tasks(mixture_or_task_name, split)
  tasks = [_in_writing(seqio.TaskRegistry.get(name)) for name in names]
  given = predictions_file.read(predictions, exported, names)
  # All predictions are checked before anything is written.
  asked = {task.name: _asked(task, split) for task in tasks}
  for name, targets in asked.items():
    _check(name, targets, given.get(name, {}), predictions, allow_missing)
  folders = []
  for task in tasks:
    answers = given.get(task.name, {})
    if not answers:
      continue
    targets = [t for t in asked[task.name] if t["instance"] in answers]
    folder = evaluator.result_folder(out, task.name, None)
    evaluator.write_all(
      folder,
      task,
      targets,
      {"prediction": [answers[t["instance"]].text for t in targets]},
      _examples(task, split),
      system=system,
      split=split,
      seed=seed,
      skipped=_skipped(task, split, len(asked[task.name]), len(targets)),
    )
    folders.append(folder)
  return folders


def _in_writing(task: seqio.Task) -> seqio.Task:
  """Returns a task with only its metrics of written answers.

  Raises:
    InputError: It has none.
  """
  written = [
    metric
    for metric in task.metric_fns
    if isinstance(metric, answer_metrics.METRICS)
    and metric.output == "prediction"
  ]
  if written:
    return untokenized(task).replace(metric_fns=written)
  family = getattr(task.source, "family", None)
  if family is not None and family.form == "t3":
    return untokenized(task).replace(
      metric_fns=[_ONE_OF_CANDIDATES],
      postprocess_fn=_ONE_OF_CANDIDATES.postprocess,
    )
  raise InputError(
    f"{task.name} has only metrics of likelihoods: expected a task whose "
    "answers are texts, such as those of ITDR, or one of the form T3"
  )


def _examples(task: seqio.Task, split: str) -> Any:
  return task.get_dataset(
    None, split, shuffle=False, seed=0, num_epochs=1, try_in_mem_cache=False
  )


def _asked(task: seqio.Task, split: str) -> list[dict[str, Any]]:
  """Returns the target of each request of a split."""
  return [
    task.postprocess_fn(
      example["targets_pretokenized"].decode(), example=example, is_target=True
    )
    for example in _examples(task, split).as_numpy_iterator()
  ]


def _check(
  name: str,
  targets: Sequence[Mapping[str, Any]],
  given: Mapping[int, Prediction],
  path: str | os.PathLike,
  allow_missing: bool,
) -> None:
  """Raises InputError unless requests and predictions match."""
  asked = {target["instance"] for target in targets}
  for instance, prediction in given.items():
    if instance not in asked:
      raise InputError(
        f"{prediction.where}: {name} has no instance {instance}: expected one "
        f"of its {len(asked):,}, from {min(asked)} to {max(asked)}"
      )
  missing = sorted(asked.difference(given))
  if missing and not allow_missing:
    raise InputError(
      f"{path}: {len(missing):,} of {len(asked):,} requests of {name} have no "
      f"prediction, such as instance {missing[0]}. To leave them out and count "
      "them, give --allow_missing"
    )


def _skipped(
  task: seqio.Task, split: str, asked: int, answered: int
) -> dict[str, int]:
  """Returns the number of records that were not measured, by reason."""
  records = task.num_input_examples(split)
  sample = sampling.request_sample()
  if sample is not None:
    records = min(records or asked, sample["num_requests"])
  reasons = {
    "no instruction": (records or asked) - asked,
    "no prediction": asked - answered,
  }
  return {reason: n for reason, n in reasons.items() if n > 0}
