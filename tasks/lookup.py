"""Looks up tasks and mixtures by name, and the tasks that can be used."""

import collections
import sys
from collections.abc import Collection

import seqio

from instructrec_jax import paths
from instructrec_jax.data import variants
from instructrec_jax.data.names import PREFIX, RECORDS_VERSION
from instructrec_jax.errors import InputError, unknown
from instructrec_jax.instructions.questions import FORMS
from instructrec_jax.tasks.family_records import FamilyRecords
from instructrec_jax.tasks.parts import Records

# The most names of datasets that a message lists.
_SHOWN = 12


def task_or_mixture(name: str) -> seqio.Task | seqio.Mixture:
  """Returns the task or mixture that is registered as `name`.

  Raises:
    InputError: if there is none, or it has no records. The message names the
      folder that was looked into, what is built there, and similar names.
  """
  known = {*seqio.MixtureRegistry.names(), *seqio.TaskRegistry.names()}
  built = _records_in(records_folder())
  if name not in known:
    there = [other for other in known if _has_records(other, built)]
    error = unknown("mixture or task", name, there)
    raise InputError(f"{error}. {_looked_into()}")
  found = seqio.get_mixture_or_task(name)
  if not _has_records(name, built):
    for task in seqio.get_subtasks(found):
      # ITDR's tasks without records are left out where they are used.
      if isinstance(task.source, FamilyRecords):
        task.source.forget()  # It may have looked elsewhere.
        try:
          _ = task.source.catalogue.folder
        except InputError as error:
          raise InputError(f"{error} {_looked_into()}") from None
  return found


def records_folder() -> str | None:
  """Returns the folder of the records, --tfds_data_dir, which SeqIO knows."""
  # Any name works, because all datasets are in that folder.
  return seqio.utils.LazyTfdsLoader(f"{PREFIX}:{RECORDS_VERSION}").data_dir


def _records_in(folder: str | None) -> set[str]:
  """Returns the names of the records in a folder."""
  if folder is None:
    return set()
  path = paths.anywhere(folder)
  with paths.reading(path):
    children = [c.name for c in path.iterdir()] if path.is_dir() else []
  return {name for name in children if name.startswith((PREFIX, "itdr_"))}


def _has_records(name: str, built: Collection[str]) -> bool:
  """Returns whether any task of a mixture has records, or needs none of ours.

  Args:
    name: a mixture or task that is registered.
    built: the records in the folder.
  """
  for task in seqio.get_subtasks(seqio.get_mixture_or_task(name)):
    source = task.source
    if not isinstance(source, Records):
      return True
    if isinstance(source, FamilyRecords) and source.catalogue.data_dir:
      return True  # They are in a folder of their own.
    if source.tfds_dataset.name.partition(":")[0] in built:
      return True
  return False


def _looked_into() -> str:
  """Returns a sentence on the folder of the records and what is in it."""
  folder = records_folder()
  if folder is None:
    return "Name the folder of the records with --tfds_data_dir."
  built = _records_in(folder)
  names = sorted({variants.dataset_of(n.removeprefix(PREFIX)) for n in built})
  shown = ", ".join(names[:_SHOWN]) or "nothing"
  if len(names) > _SHOWN:
    shown += f" and {len(names) - _SHOWN} more"
  told = f"Built in {folder}: {shown}"
  inner = f"{folder.rstrip('/')}/records"
  if not built and not paths.is_remote(folder) and _records_in(inner):
    return f"{told}. There are some in {inner}: --tfds_data_dir={inner}"
  return told if built else f"{told}; `instructrec build` makes them"


def tasks_with(name: str, split: str) -> list[seqio.Task]:
  """Returns the tasks of a mixture whose data was written.

  The others are listed on standard error.

  Args:
    name: a mixture or task.
    split: a split that all tasks must have.

  Raises:
    InputError: if there is no such mixture or split, or no task is left.
  """
  found, without = [], collections.defaultdict(list)
  for task in seqio.get_subtasks(task_or_mixture(name)):
    reason = getattr(task.source, "unusable", None)
    if reason:
      without[reason].append(task.name)
    elif split in task.splits:
      found.append(task)
    else:
      raise unknown(f"split of {task.name}:", split, task.splits)
  reasons = [
    f"{reason}; left out: {', '.join(names)}"
    for reason, names in without.items()
  ]
  if not found:
    raise InputError(
      f"{name} has no task to use: {'; '.join(reasons)}. {_looked_into()}"
    )
  for reason in reasons:
    print(reason, file=sys.stderr)
  return found


def train_rates(name: str) -> dict[str, float]:
  """Returns the rate of each task that a mixture trains on; 1 for a task.

  Raises:
    InputError: if there is no such mixture or task, or no task with data has a
      rate above 0.
  """
  provider = task_or_mixture(name)
  if isinstance(provider, seqio.Task):
    return {name: 1.0}
  rates = {
    task.name: provider.get_rate(task)
    for task in provider.tasks
    if "train" in task.splits
  }
  rates = {task: rate for task, rate in rates.items() if rate > 0}
  if not rates:
    raise InputError(
      f"{name}: no task with records has a rate above 0. {_looked_into()}"
    )
  return rates


def measured_tasks(name: str, split: str) -> list[str]:
  """Returns the tasks of a mixture that are measured on a split.

  Args:
    name: a mixture or task.
    split: a split that all tasks must have.

  Returns:
    The names of tasks with metrics: InstructRec's families that rank, or if
    there are none, the families that write text.

  Raises:
    InputError: if there are none.
  """
  tasks = tasks_with(name, split)
  if split == "train":
    splits = set(tasks[0].splits) - {"train"}
    raise unknown(f"evaluation split of {tasks[0].name}:", split, splits)
  tasks = [task for task in tasks if task.metric_objs]
  if not tasks:
    raise InputError(f"{name} has no task with metrics")
  tasks = [task for task in tasks if _ranks(task)] or tasks
  return [task.name for task in tasks]


def _ranks(task: seqio.Task) -> bool:
  """Returns whether a task ranks; a foreign task ranks if it has the metric."""
  family = getattr(task.source, "family", None)
  return family is None or FORMS[family.form].ranks
