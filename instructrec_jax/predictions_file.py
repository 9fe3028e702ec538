"""The outputs of any model, out of a file, measured as a checkpoint's are.

The file has a JSON object a line: the task and the instance, as `instructrec
export` writes them, and the prediction. Or it is what LLaMA-Factory writes, of
which each line belongs to the line of the same number of an exported file.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import seqio
from etils import epath

from instructrec_jax import evaluate as evaluate_lib
from instructrec_jax import gin_files, paths, training_data
from instructrec_jax.errors import InputError, unknown
from instructrec_jax.eval import answer_metrics, evaluator
from instructrec_jax.instructions.untokenized import untokenized

_FLAGS_WITHOUT_USE = {
  "--model_dir": ("exported", "allow_missing"),
  "--predictions": (
    "model_dir", "rank", "exclude_history", "step", "batch_size", "procedure",
  ),
}  # fmt: skip
# Of a line: what a person adds to an exported one, and LLaMA-Factory's field.
_PREDICTIONS = ("prediction", "predict")
# What is asked of a model that is shown candidates: the title of the best.
_ONE_OF_CANDIDATES = answer_metrics.Lists(wanted=1, procedure="generated")


class _Prediction(NamedTuple):
  """A text, and the line where it stands."""

  text: str
  where: str


# By task and instance.
Predictions = dict[str, dict[int, _Prediction]]


def check_flags(predictions: str | None, given: Mapping[str, Any]) -> None:
  """Says which flags of `instructrec evaluate` do not go together.

  Args:
    predictions: the file; None where a run is evaluated.
    given: the other flags, None where they were not given.

  Raises:
    InputError: there is nothing to evaluate, or a flag has no use.
  """
  if predictions is None and given["model_dir"] is None:
    raise InputError("expected --model_dir, or --predictions")
  kind = "--model_dir" if predictions is None else "--predictions"
  for name in _FLAGS_WITHOUT_USE[kind]:
    if given[name] is not None:
      raise InputError(f"--{name} has no use with {kind}")


def evaluate(
  predictions: str,
  mixture_or_task_name: str | None = None,
  out: str | None = None,
  system: str | None = None,
  exported: str | None = None,
  allow_missing: bool = False,
  split: str = "test",
  seed: int = 0,
  tfds_data_dir: str | None = None,
  gin_file: Sequence[str] = (),
  gin_bindings: Sequence[str] = (),
  gin_search_paths: Sequence[str] = (),
) -> list[epath.Path]:
  """Measures a file of predictions.

  Args:
    predictions: the file.
    mixture_or_task_name: whose requests were answered.
    out: folder for results, <out>/<task>.
    system: the model's name in tables.
    exported: the file that was answered line by line, where predictions do not
      say their tasks and instances.
    allow_missing: whether requests without a prediction are left out, and
      counted; else they are an error.
    split: of the records.
    seed: of the bootstrap.
    tfds_data_dir: the folder of the records.
    gin_file: gin files, such as one that limits the instances of a user.
    gin_bindings: single bindings, which win over the files.
    gin_search_paths: where else to look for gin files.

  Returns:
    The folder of each task's results.

  Raises:
    InputError: something is not given or not there; a line is broken, of
      another task or instance, or the second of its instance; a request has no
      prediction; or a task cannot be answered in writing.
  """
  for flag, value in {
    "mixture_or_task_name": mixture_or_task_name, "out": out, "system": system
  }.items():  # fmt: skip
    if value is None:
      raise InputError(f"predictions of a file need --{flag}")
  gin_files.parse(
    ["runs/native_mixing.gin", *gin_file], gin_bindings, gin_search_paths
  )
  training_data.use_records(tfds_data_dir or "data/records")
  names = evaluate_lib.measured_tasks(mixture_or_task_name, split)
  tasks = [_in_writing(seqio.TaskRegistry.get(name)) for name in names]
  given = _read(predictions, exported, names)
  # All is looked at before anything is written.
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


def _read(path: str, exported: str | None, names: Sequence[str]) -> Predictions:
  """Reads predictions of some tasks."""
  rows = _objects(path)
  if exported is not None:
    rows = _beside(path, list(rows), exported, list(_objects(exported)))
  found: Predictions = {}
  for where, row in rows:
    field = next((name for name in _PREDICTIONS if name in row), None)
    if field is None or not isinstance(row[field], str):
      raise InputError(
        f"{where}: expected a text in the field {_PREDICTIONS[0]!r}, got "
        f"{row.get(field)!r:.80} and the fields {sorted(row)}"
      )
    task, instance = _asked_by(where, row, names)
    of_task = found.setdefault(task, {})
    if instance in of_task:
      raise InputError(
        f"{where}: instance {instance} of {task} has a prediction already, of "
        f"{of_task[instance].where}"
      )
    of_task[instance] = _Prediction(row[field], where)
  if not found:
    raise InputError(f"{path}: there is no prediction")
  return found


def _objects(path: str) -> Iterator[tuple[str, dict[str, Any]]]:
  """Yields the objects of JSON lines, or of a .json file's list, with places.

  Raises:
    InputError: the file is absent, or something in it is no JSON object.
  """
  file = paths.anywhere(path)
  try:
    text = file.read_text(encoding="utf-8")
  except (FileNotFoundError, IsADirectoryError):
    raise InputError(f"{path}: no such file") from None
  except UnicodeDecodeError as error:
    raise InputError(f"{path}: expected UTF-8: {error}") from error
  if file.suffix == ".json":
    rows = _loads(text, path)
    if not isinstance(rows, list):
      raise InputError(f"{path}: expected a list of JSON objects")
    places = ((f"{path}, entry {n}", row) for n, row in enumerate(rows, 1))
  else:
    # By line ends alone: a text in JSON may hold other separators as they are.
    lines = (
      (f"{path}, line {n}", x) for n, x in enumerate(text.split("\n"), 1)
    )
    places = (
      (where, _loads(line, where)) for where, line in lines if line.strip()
    )
  for where, row in places:
    if not isinstance(row, dict):
      raise InputError(f"{where}: expected a JSON object, got {row!r:.80}")
    yield where, row


def _loads(text: str, where: str) -> Any:
  try:
    return json.loads(text)
  except json.JSONDecodeError as error:
    raise InputError(f"{where}: not JSON: {error}: {text!r:.80}") from error


def _beside(
  path: str,
  rows: Sequence[tuple[str, dict]],
  exported: str,
  asked: Sequence[tuple[str, dict]],
) -> Iterator[tuple[str, dict[str, Any]]]:
  """Yields predictions with the task and instance of their exported line."""
  if len(rows) != len(asked):
    raise InputError(
      f"{path} has {len(rows):,} predictions, but {exported} {len(asked):,} "
      "instructions: expected one for each, in the same order"
    )
  for (where, row), (_, question) in zip(rows, asked, strict=True):
    fields = {k: question[k] for k in ("task", "instance") if k in question}
    if "label" in row and "output" in question:
      label, output = (
        "".join(str(x).split()) for x in (row["label"], question["output"])
      )
      if not output.startswith(label):  # A long one may have been cut.
        raise InputError(
          f"{where}: its label is {row['label']!r:.80}, but that of {exported} "
          f"is {question['output']!r:.80}: expected the same instructions in "
          "the same order"
        )
    yield where, row | fields


def _asked_by(
  where: str, row: Mapping[str, Any], names: Sequence[str]
) -> tuple[str, int]:
  """Returns the task and the instance that a prediction is of."""
  task, instance = row.get("task"), row.get("instance")
  if not isinstance(task, str) or type(instance) is not int:
    raise InputError(
      f"{where}: expected a task and an instance, a whole number, as "
      f"`instructrec export` writes them, got {task!r} and {instance!r}; for a "
      "file without them give --exported, the file that was answered"
    )
  if task not in names:
    raise unknown(f"task of {where}:", task, names)
  return task, instance


def _in_writing(task: seqio.Task) -> seqio.Task:
  """Returns a task with nothing but metrics of texts.

  Raises:
    InputError: it cannot be answered in writing.
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
    f"{task.name} is measured by likelihoods alone: expected a task whose "
    "answers are read, such as those of ITDR, or one of the form T3"
  )


def _examples(task: seqio.Task, split: str) -> Any:
  return task.get_dataset(
    None, split, shuffle=False, seed=0, num_epochs=1, try_in_mem_cache=False
  )


def _asked(task: seqio.Task, split: str) -> list[dict[str, Any]]:
  """Returns what was asked in each request of a split."""
  return [
    task.postprocess_fn(
      example["targets_pretokenized"].decode(), example=example, is_target=True
    )
    for example in _examples(task, split).as_numpy_iterator()
  ]


def _check(
  name: str,
  targets: Sequence[Mapping[str, Any]],
  given: Mapping[int, _Prediction],
  path: str | os.PathLike,
  allow_missing: bool,
) -> None:
  """Raises InputError unless each request has its prediction."""
  asked = {target["instance"] for target in targets}
  for instance, prediction in given.items():
    if instance not in asked:
      raise InputError(
        f"{prediction.where}: {name} has no instance {instance}: expected one "
        f"of {len(asked):,} from {min(asked)} to {max(asked)}"
      )
  missing = sorted(asked.difference(given))
  if missing and not allow_missing:
    raise InputError(
      f"{path}: {len(missing):,} of {len(asked):,} requests of {name} have no "
      f"prediction, such as instance {missing[0]}; --allow_missing leaves them "
      "out, and counts them"
    )


def _skipped(
  task: seqio.Task, split: str, asked: int, answered: int
) -> dict[str, int]:
  """Returns how many records were not measured, by reason."""
  records = task.num_input_examples(split)
  reasons = {
    "no instruction is made of them": (records or asked) - asked,
    "no prediction": asked - answered,
  }
  return {reason: n for reason, n in reasons.items() if n > 0}
