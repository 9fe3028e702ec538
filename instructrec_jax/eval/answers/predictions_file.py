"""Reads a file with the predictions of any model.

Each line is a JSON object with the task and the instance, as `instructrec
export` writes them, and the prediction. In a file of LLaMA-Factory's, each line
belongs to the line with the same number in the exported file.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from instructrec_jax import paths
from instructrec_jax.errors import InputError, unknown

# The field of a prediction: ours, and LLaMA-Factory's.
_PREDICTIONS = ("prediction", "predict")


class Prediction(NamedTuple):
  """A text, and its file and line."""

  text: str
  where: str


# By task and instance.
Predictions = dict[str, dict[int, Prediction]]


def read(path: str, exported: str | None, names: Sequence[str]) -> Predictions:
  """Reads predictions of some tasks.

  Args:
    path: The file.
    exported: The exported file that was answered line by line, if the
      predictions have no tasks and instances.
    names: The tasks.

  Raises:
    InputError: A line is malformed, of another task, or the second of its
      instance; or there is no line.
  """
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
        f"{where}: instance {instance} of {task} already has a prediction, in "
        f"{of_task[instance].where}"
      )
    of_task[instance] = Prediction(row[field], where)
  if not found:
    raise InputError(f"{path}: expected predictions, got none")
  return found


def _objects(path: str) -> Iterator[tuple[str, dict[str, Any]]]:
  """Yields the objects of JSON lines or of a JSON list, with their places.

  Raises:
    InputError: The file is missing, or an entry is not a JSON object.
  """
  file = paths.anywhere(path)
  try:
    text = file.read_text(encoding="utf-8").removeprefix("\ufeff")
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
    # Not splitlines(): a JSON string may contain other line separators.
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
      f"{path} has {len(rows):,} predictions, but {exported} has "
      f"{len(asked):,} instructions: expected one for each, in the same order"
    )
  for (where, row), (_, question) in zip(rows, asked, strict=True):
    fields = {k: question[k] for k in ("task", "instance") if k in question}
    if "label" in row and "output" in question:
      label, output = (
        "".join(str(x).split()) for x in (row["label"], question["output"])
      )
      if not output.startswith(label):  # A long one may have been cut.
        raise InputError(
          f"{where}: its label is {row['label']!r:.80}, but {exported} has "
          f"{question['output']!r:.80}: expected the same instructions in the "
          "same order"
        )
    yield where, row | fields


def _asked_by(
  where: str, row: Mapping[str, Any], names: Sequence[str]
) -> tuple[str, int]:
  """Returns the task and the instance of a prediction."""
  task, instance = row.get("task"), row.get("instance")
  if not isinstance(task, str) or type(instance) is not int:
    raise InputError(
      f"{where}: expected a task (a name) and an instance (an integer), as "
      f"`instructrec export` writes them, got {task!r} and {instance!r}. If "
      "the file has none, give the exported file with --exported"
    )
  if task not in names:
    raise unknown(f"task of {where}:", task, names)
  return task, instance
