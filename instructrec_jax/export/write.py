"""Instructions as JSON, for trainers without SeqIO.

Each line is one object; a file named .json holds one list of objects. An object
has the fields of its form (a row of FORMS) and `task`, `template`, `instance`
and `user`. Except in InstructRec's training split it also has `candidates`: the
titles in the order in which the evaluation shows them.
"""

import collections
import dataclasses
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np
import polars as pl
import pyarrow as pa
import seqio
import tensorflow as tf
import tqdm

from instructrec_jax import artifacts, paths
from instructrec_jax.batches import contents
from instructrec_jax.errors import InputError, unknown
from instructrec_jax.export.untokenized import untokenized
from instructrec_jax.tasks import lookup
from instructrec_jax.tasks.family_records import FamilyRecords
from instructrec_jax.vocabulary import run_vocabulary

# Number of instructions that are read and written at a time.
_CHUNK = 1024
_TEXTS = {
  "whole": "inputs_pretokenized",
  "description": "description_pretokenized",
  "question": "question_pretokenized",
  "answer": "targets_pretokenized",
  "template": "template",
  "task": "task",
}
_NUMBERS = ("instance", "user")
_CANDIDATES = "candidates_pretokenized"
_KEPT = (*_TEXTS.values(), *_NUMBERS, _CANDIDATES)
_WHOLE, _DESCRIPTION, _QUESTION, _ANSWER = map(
  pl.col, ("whole", "description", "question", "answer")
)
# ITDR describes the task before the question; other inputs are one text.
_IS_DESCRIBED = _DESCRIPTION != ""


def _said(role: str, text: pl.Expr) -> pl.Expr:
  return pl.struct(role=pl.lit(role), content=text)


# The fields of each form. LLaMA-Factory calls the first and the last "alpaca",
# and chat, with the tags "role" and "content", "sharegpt". TRL's SFTTrainer
# reads chat and completion. ITDR's own files have the last form.
FORMS: Mapping[str, Mapping[str, pl.Expr]] = {
  "instruction": {
    "instruction": _WHOLE,
    "input": pl.lit(""),  # The instruction holds the whole text.
    "output": _ANSWER,
  },
  "chat": {
    "messages": pl.concat_list(
      pl.when(_IS_DESCRIBED)
      .then(pl.concat_list(_said("system", _DESCRIPTION)))
      .otherwise([]),
      pl.concat_list(_said("user", _QUESTION), _said("assistant", _ANSWER)),
    ),
  },
  "completion": {"prompt": _WHOLE, "completion": _ANSWER},
  "itdr": {
    "instruction": pl.when(_IS_DESCRIBED)
    .then(_DESCRIPTION)
    .otherwise(_QUESTION),
    "input": pl.when(_IS_DESCRIBED).then(_QUESTION).otherwise(pl.lit("")),
    "output": _ANSWER,
  },
}


def write(
  mixture_or_task_name: str,
  out: str | os.PathLike[str],
  split: str = "train",
  form: str = "instruction",
  num_instructions: int | None = None,
  num_epochs: int = 1,
  task_feature_lengths: Mapping[str, int] | None = None,
  seed: int = 0,
) -> dict[str, Any]:
  """Writes the instructions of a mixture's tasks to a file, atomically.

  Args:
    mixture_or_task_name: a name registered with SeqIO.
    out: the file to write.
    split: which records to read.
    form: a key of FORMS.
    num_instructions: how many instructions to draw by the mixture's rates,
      over all records. A task draws a record again, with another wording, only
      after it has drawn all. None writes every instruction of each task, task
      by task, and ignores the rates.
    num_epochs: if num_instructions is None, how often each record is written.
      Training redraws wordings and negatives; an evaluation split repeats.
    task_feature_lengths: the most tokens of "inputs" and "targets". Histories
      are shortened to fit; records that still do not fit are left out. None
      sets no limit and needs no vocabulary.
    seed: draws wordings, negatives, and the mixture.

  Returns:
    The numbers of "instructions" and instructions "by task". If all are
    written, also "left out": records without one, by task and reason.

  Raises:
    InputError: for an unknown name, form or split, a number below 1, or a task
      none of whose instructions fits.
  """
  _check(form, num_instructions, num_epochs, task_feature_lengths)
  if task_feature_lengths:
    # An unreadable vocabulary must raise before the graph is built.
    run_vocabulary.describe()
  rendering = _Rendering(split, task_feature_lengths, seed)
  tasks = lookup.tasks_with(mixture_or_task_name, split)
  if num_instructions is None:
    several = _every(tasks, rendering, num_epochs)
  else:
    provider = lookup.task_or_mixture(mixture_or_task_name)
    several = [_drawn(provider, tasks, rendering, num_instructions)]
  fields = [text.alias(name) for name, text in FORMS[form].items()]
  fields += map(pl.col, _beside(tasks, split))
  separator = b",\n" if paths.anywhere(out).suffix == ".json" else b""
  with artifacts.atomic_open(out) as file:
    written = _write(file, several, fields, separator)
    if not written:
      raise InputError(
        f"{mixture_or_task_name}: no record of split {split!r} can "
        + _fits(task_feature_lengths)
      )
  sizes = {name: instances.size for name, instances in written.items()}
  counts: dict[str, Any] = {
    "instructions": sum(sizes.values()),
    "by task": sizes,
  }
  if num_instructions is None:
    counts["left out"] = _left_out(tasks, rendering, written)
  return counts


def _check(
  form: str,
  num_instructions: int | None,
  num_epochs: int,
  lengths: Mapping[str, int] | None,
) -> None:
  """Raises InputError if `write` cannot use an argument."""
  if form not in FORMS:
    raise unknown("form of exported instructions", form, FORMS)
  numbers = {"num_instructions": num_instructions, "num_epochs": num_epochs}
  for name, number in (numbers | dict(lengths or {})).items():
    if number is not None and number < 1:
      raise InputError(f"{name} is {number}: expected 1 or more")
  if num_instructions is not None and num_epochs != 1:
    raise InputError("num_epochs cannot be combined with num_instructions")


@dataclasses.dataclass(frozen=True)
class _Rendering:
  """Which records are rendered, and how."""

  split: str
  lengths: Mapping[str, int] | None
  seed: int
  reader: contents.Reader = dataclasses.field(default_factory=contents.Reader)

  def of(
    self, task: seqio.Task | seqio.Mixture, num_epochs: int | None, **more: Any
  ) -> tf.data.Dataset:
    """Returns the instructions of a task, or of a mixture."""
    return task.get_dataset(
      self.lengths,
      self.split,
      # Records are stored in random order, and a buffer is slow to fill.
      shuffle=False,
      seed=self.seed,
      num_epochs=num_epochs,
      try_in_mem_cache=False,
      **more,
    )

  def yields(self, task: seqio.Task) -> bool:
    """Returns whether a task has any instruction."""
    if self.lengths or not isinstance(task.source, FamilyRecords):
      return any(True for _ in self.of(_as_text(task, self), 1).take(1))
    _, told = self.reader.read(task.source, self.split).told(task.source)
    return bool(told.any())


def _every(
  tasks: Sequence[seqio.Task], rendering: _Rendering, num_epochs: int
) -> Iterator[tuple[str, int | None, tf.data.Dataset]]:
  """Yields each task's name, number of records, and instructions."""
  for task in tasks:
    records = task.num_input_examples(rendering.split)
    total = records and records * num_epochs
    yield task.name, total, rendering.of(_as_text(task, rendering), num_epochs)


def _drawn(
  provider: seqio.Task | seqio.Mixture,
  tasks: Sequence[seqio.Task],
  rendering: _Rendering,
  count: int,
) -> tuple[str, int, tf.data.Dataset]:
  """Returns a mixture's name, `count`, and `count` instructions."""
  rates = {
    task.name: provider.get_rate(task)
    if isinstance(provider, seqio.Mixture)
    else 1.0
    for task in tasks
  }
  rated = [task for task in tasks if rates[task.name] > 0]
  if not rated:
    raise InputError(f"{provider.name}: no available task has a rate above 0")
  for task in rated:
    # A task without instructions would be read again and again, forever.
    if not rendering.yields(task):
      raise InputError(
        f"{task.name}: no record of split {rendering.split!r} can "
        f"{_fits(rendering.lengths)}. Omit its family in family_rates.rates"
      )
  # A mixture reads each task from its start. Where several tasks read the same
  # records, they start apart, or all would write of the first records only.
  ends = np.cumsum([rates[task.name] for task in rated])
  starts = np.random.default_rng(rendering.seed).random() + ends / ends[-1]
  mixture = seqio.Mixture(
    provider.name,
    [
      (
        _as_text(_starting(task, rendering, start % 1), rendering),
        rates[task.name],
      )
      for task, start in zip(rated, starts.tolist(), strict=True)
    ],
  )
  mixed = rendering.of(mixture, None, passthrough_features=_KEPT)
  return provider.name, count, mixed.take(count)


def _starting(
  task: seqio.Task, rendering: _Rendering, start: float
) -> seqio.Task:
  """Returns a task whose records before a share `start` of all come last."""
  count = rendering.reader.count(task, rendering.split) or 0

  def turned(records: tf.data.Dataset) -> tf.data.Dataset:
    before = int(start * count)
    return records.skip(before).concatenate(records.take(before))

  return task.replace(preprocessors=[turned, *task.preprocessors])


def _fits(lengths: Mapping[str, int] | None) -> str:
  if not lengths:
    return "fill the templates"
  return f"fit {' and '.join(f'{n} tokens of {k}' for k, n in lengths.items())}"


def _as_text(task: seqio.Task, rendering: _Rendering) -> seqio.Task:
  """Returns the task with its name added to each instruction.

  Nothing is tokenized if there is no length limit.
  """

  def with_all_texts(row: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    undescribed = {
      _TEXTS["description"]: tf.constant(""),
      _TEXTS["question"]: row[_TEXTS["whole"]],
    }
    return undescribed | row | {"task": tf.constant(task.name)}

  def named(instructions: tf.data.Dataset) -> tf.data.Dataset:
    return instructions.map(with_all_texts)

  task = task.replace(preprocessors=[*task.preprocessors, named])
  return task if rendering.lengths else untokenized(task)


def _write(
  file: BinaryIO,
  several: Iterable[tuple[str, int | None, tf.data.Dataset]],
  fields: Sequence[pl.Expr],
  separator: bytes,
) -> dict[str, np.ndarray]:
  """Writes objects; returns the instances written, by task, in that order.

  Args:
    file: the file to write to.
    several: each task's name, number of records, and instructions.
    fields: the fields of an object.
    separator: separates the objects of one list; empty for lines.
  """
  written = collections.defaultdict(list)
  for name, total, instructions in several:
    # disable=None shows no progress bar unless stderr is a terminal.
    with tqdm.tqdm(total=total, desc=name, disable=None) as bar:
      for rows in _chunks(instructions):
        lines = rows.select(fields).write_ndjson().encode()
        if separator:
          file.write(separator if written else b"[\n")
          lines = lines.rstrip(b"\n").replace(b"\n", separator)
        file.write(lines)
        for [task], part in rows.group_by("task"):
          written[task].append(part["instance"].to_numpy())
        bar.update(rows.height)
  if separator:
    file.write(b"\n]\n")
  return {task: np.concatenate(parts) for task, parts in written.items()}


def _chunks(instructions: tf.data.Dataset) -> Iterator[pl.DataFrame]:
  """Yields tables of instructions with `_TEXTS`, `_NUMBERS` and candidates."""

  def keep(row: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    return {name: row[name] for name in _KEPT}

  batches = instructions.map(keep, num_parallel_calls=tf.data.AUTOTUNE)
  for batch in batches.ragged_batch(_CHUNK).prefetch(2):
    titles = batch[_CANDIDATES]
    if not isinstance(titles, tf.RaggedTensor):  # All lists are equally long.
      titles = tf.RaggedTensor.from_tensor(titles)
    lists = pa.LargeListArray.from_arrays(
      titles.row_splits.numpy(), pa.array(titles.values.numpy(), pa.binary())
    )
    yield pl.DataFrame(
      {
        **{
          name: pl.Series(batch[text].numpy(), dtype=pl.Binary).cast(pl.String)
          for name, text in _TEXTS.items()
        },
        **{name: batch[name].numpy() for name in _NUMBERS},
        "candidates": pl.from_arrow(lists).cast(pl.List(pl.String)),
      }
    )


def _beside(tasks: Sequence[seqio.Task], split: str) -> list[str]:
  """Returns the fields that every form has, the same in each line of a file.

  InstructRec's families show no candidates in training.
  """
  shown = split != "train" or not all(
    isinstance(task.source, FamilyRecords) for task in tasks
  )
  return ["task", "template", *_NUMBERS, *(["candidates"] if shown else [])]


def _left_out(
  tasks: Sequence[seqio.Task],
  rendering: _Rendering,
  written: Mapping[str, np.ndarray],
) -> dict[str, dict[str, int]]:
  """Returns how many records have no instruction, by task and reason."""
  found = {}
  for task in tasks:
    fit = np.unique(written.get(task.name, [])).size
    if not isinstance(task.source, FamilyRecords):
      records = task.num_input_examples(rendering.split) or fit
      reason = f"cannot {_fits(rendering.lengths)}"
      found[task.name] = {reason: records - fit} if records > fit else {}
      continue
    there = rendering.reader.read(task.source, rendering.split)
    has_texts, told = there.told(task.source)
    reasons = {
      f"no {' or no '.join(task.source.fields.values())}": (~has_texts).sum(),
      "beyond instances_per_user": has_texts.sum() - told.sum(),
      f"does not {_fits(rendering.lengths)}": told.sum() - fit,
    }
    found[task.name] = {why: int(n) for why, n in reasons.items() if n}
  return {name: reasons for name, reasons in found.items() if reasons}
