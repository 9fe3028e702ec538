"""Tasks and mixtures by name, and which of their tasks can be used."""

import collections
import sys

import seqio

from instructrec_jax.errors import InputError, unknown
from instructrec_jax.instructions.questions import FORMS


def task_or_mixture(name: str) -> seqio.Task | seqio.Mixture:
  """Returns what is registered as `name`.

  Raises:
    InputError: if nothing is; near names are given.
  """
  known = {*seqio.MixtureRegistry.names(), *seqio.TaskRegistry.names()}
  if name not in known:
    raise unknown("mixture or task", name, known)
  return seqio.get_mixture_or_task(name)


def tasks_with(name: str, split: str) -> list[seqio.Task]:
  """Returns the tasks of a mixture, less those whose data was never written.

  Those are told of on standard error.

  Args:
    name: of a mixture or task.
    split: that all must have.

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
    f"{reason}: {', '.join(names)} left out"
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
    InputError: if there is no such mixture or task, or none of its tasks that
      are there has a rate.
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
    name: of a mixture or task.
    split: that all must have.

  Returns:
    Names of tasks with metrics. Of InstructRec's families those that rank, or
    where there is none those that write.

  Raises:
    InputError: if there are none, or a split has fewer records than it says.
  """
  tasks = tasks_with(name, split)
  if split == "train":
    splits = set(tasks[0].splits) - {"train"}
    raise unknown(f"evaluation split of {tasks[0].name}:", split, splits)
  tasks = [task for task in tasks if task.metric_objs]
  if not tasks:
    raise InputError(f"{name} has no task that is measured")
  tasks = [task for task in tasks if _ranks(task)] or tasks
  for task in tasks:
    try:
      task.num_input_examples(split)
    except ValueError as error:
      raise InputError(
        f"{task.name} has fewer records than split {split!r} takes: use "
        f"{split.partition('_')[0]!r}"
      ) from error
  return [task.name for task in tasks]


def _ranks(task: seqio.Task) -> bool:
  """Returns whether a task ranks; one that is not ours says so by a metric."""
  family = getattr(task.source, "family", None)
  return family is None or FORMS[family.form].ranks
