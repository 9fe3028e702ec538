"""Instructions as JSON lines, for trainers that do not read SeqIO.

One object a line. The form "instruction" has the fields `instruction`, `input`
(empty: all is said in the instruction) and `output`, as LLaMA-Factory and
others read it; "chat" has `messages` of a user and an assistant, as TRL does.
Both have `task`, `template`, `instance` and `user`; evaluation splits of tasks
that rank, `candidates` too: titles, in the order in which they are shown.
"""

import json
import os
from collections.abc import Callable, Mapping
from typing import Any

import seqio
import tqdm

from instructrec_jax import artifacts, pipeline
from instructrec_jax.errors import InputError, unknown

Row = dict[str, Any]


def _instruction(question: str, answer: str) -> Row:
  return {"instruction": question, "input": "", "output": answer}


def _chat(question: str, answer: str) -> Row:
  said = ("user", question), ("assistant", answer)
  return {"messages": [{"role": role, "content": text} for role, text in said]}


FORMS: Mapping[str, Callable[[str, str], Row]] = {
  "instruction": _instruction,
  "chat": _chat,
}


def export(
  mixture_or_task_name: str,
  out: str | os.PathLike[str],
  split: str = "train",
  form: str = "instruction",
  num_epochs: int = 1,
  task_feature_lengths: Mapping[str, int] | None = None,
  seed: int = 0,
) -> dict[str, int]:
  """Writes every instruction of a mixture's tasks to a file, whole or not.

  Rates are not applied: each task's records come `num_epochs` times, with
  wordings and negatives drawn anew each time.

  Args:
    mixture_or_task_name: registered with SeqIO.
    out: the file.
    split: of the records.
    form: a key of FORMS.
    num_epochs: how often; an evaluation split is the same each time.
    task_feature_lengths: tokens of "inputs" and "targets", to which histories
      are shortened, and above which records are left out; None for any.
    seed: of wordings and negatives.

  Returns:
    The number of instructions by task.

  Raises:
    InputError: for an unknown name, form or split.
  """
  if form not in FORMS:
    raise unknown("form of exported instructions", form, FORMS)
  counts = {}
  with artifacts.atomic_open(out) as file:
    for task in pipeline.tasks_with(mixture_or_task_name, split):
      counts[task.name] = 0
      rows = task.get_dataset(
        task_feature_lengths,
        split,
        shuffle=False,
        seed=seed,
        num_epochs=num_epochs,
        try_in_mem_cache=False,
      ).as_numpy_iterator()
      for example in tqdm.tqdm(rows, desc=task.name, disable=None):
        row = _row(task, example, FORMS[form])
        file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
        counts[task.name] += 1
    if not any(counts.values()):
      raise InputError(
        f"{mixture_or_task_name}: no record of split {split!r} fits "
        f"{task_feature_lengths}"
      )
  return counts


def _row(
  task: seqio.Task,
  example: Mapping[str, Any],
  say: Callable[[str, str], Row],
) -> Row:
  """Returns one line's object."""
  question, answer = (
    example[f"{feature}_pretokenized"].decode()
    for feature in ("inputs", "targets")
  )
  row = say(question, answer) | {
    "task": task.name,
    "template": example["template"].decode(),
    "instance": int(example["instance"]),
    "user": int(example["user"]),
  }
  candidates = [c.decode() for c in example["candidates_pretokenized"]]
  return row | ({"candidates": candidates} if candidates else {})
