"""Looks up tasks and mixtures by name, and the tasks that can be used."""

import collections
import sys

import seqio

from instructrec_jax.errors import InputError, unknown
from instructrec_jax.instructions.questions import FORMS


def task_or_mixture(name: str) -> seqio.Task | seqio.Mixture:
  """Returns the task or mixture that is registered as `name`.

  Raises:
    InputError: if there is none; the message suggests similar names.
  """
  known = {*seqio.MixtureRegistry.names(), *seqio.TaskRegistry.names()}
  if name not in known:
    raise unknown("mixture or task", name, known)
  return seqio.get_mixture_or_task(name)


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
    raise InputError(f"{name} has no task to use: {'; '.join(reasons)}")
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
    raise InputError(f"{name}: no available task has a rate above 0")
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
    InputError: if there are none, or a task has too few records for the split.
  """
  tasks = tasks_with(name, split)
  if split == "train":
    splits = set(tasks[0].splits) - {"train"}
    raise unknown(f"evaluation split of {tasks[0].name}:", split, splits)
  tasks = [task for task in tasks if task.metric_objs]
  if not tasks:
    raise InputError(f"{name} has no task with metrics")
  tasks = [task for task in tasks if _ranks(task)] or tasks
  for task in tasks:
    try:
      task.num_input_examples(split)
    except ValueError as error:
      raise InputError(
        f"{task.name} has fewer records than split {split!r} needs. Use split "
        f"{split.partition('_')[0]!r}"
      ) from error
  return [task.name for task in tasks]


def _ranks(task: seqio.Task) -> bool:
  """Returns whether a task ranks; a foreign task ranks if it has the metric."""
  family = getattr(task.source, "family", None)
  return family is None or FORMS[family.form].ranks
