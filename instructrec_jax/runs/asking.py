"""Rankings for which the questions follow from earlier answers.

A SeqIO task declares what is asked of each request beforehand. What cannot be
known beforehand is asked through the same task here: its records, with the
candidates to ask about, go through its own preprocessors.

Dimension letters: B requests, C candidates of the longest list, N inputs that
are scored together, W candidates that each asks about.
"""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np
import seqio
import tensorflow as tf
from etils import epath

from instructrec_jax.errors import InputError, unknown
from instructrec_jax.eval.procedures import rankings
from instructrec_jax.eval.procedures.adaptive import PROCEDURES
from instructrec_jax.eval.procedures.rankings import Ranked
from instructrec_jax.eval.recording import evaluator
from instructrec_jax.instructions.questions import form_name
from instructrec_jax.runs.seqio_evaluation import Evaluation

# From rows for the model to scores, as `Scorer.score`.
Score = Callable[[Mapping[str, np.ndarray]], np.ndarray]
# A row for each record or example.
Columns = Mapping[str, tf.Tensor | tf.RaggedTensor]


class Asker:
  """The requests of a task, of which anything may be asked.

  Candidates are called by their columns in the order of the evaluation, which
  `render.order_seed` decides on.

  Attributes:
    targets: B requests that fit with one candidate, see `evaluator.Targets`.
    counts: int64 [B], their candidates.
    relevant: bool [B, C].
  """

  def __init__(
    self,
    task: seqio.Task,
    split: str,
    lengths: Mapping[str, int],
    score: Score,
  ):
    """Reads the records.

    Args:
      task: whose records are asked about, in its words.
      split: of the records.
      lengths: tokens of "inputs" and "targets".
      score: scores rows.

    Raises:
      InputError: no request fits.
    """
    self._task, self._lengths, self._score = task, dict(lengths), score
    source = task.source.get_dataset(split, shuffle=False)
    records = next(iter(source.ragged_batch(task.num_input_examples(split))))
    number = len(records["instance"])
    self._records = records
    # Traced once: to trace a task's preprocessors takes seconds.
    self._render = tf.function(
      self._examples,
      input_signature=[
        {name: _spec(column) for name, column in records.items()},
        tf.RaggedTensorSpec([None, None, None], tf.int64, ragged_rank=1),
      ],
    )
    first = self._rendered(np.arange(number), np.zeros((number, 1), np.int64))
    self.targets = [
      task.postprocess_fn(None, example=example, is_target=True)
      for example in _rows(first)
    ]
    if not self.targets:
      raise InputError(
        f"{task.name}: no request of split {split!r} fits {self._lengths} "
        "tokens with one candidate: give longer lengths"
      )
    self._instances = np.array([t["instance"] for t in self.targets])
    kept = np.isin(records["instance"].numpy(), self._instances)
    self._records = _taken(records, np.flatnonzero(kept))
    self.counts = np.array([len(t["candidates"]) for t in self.targets])
    self.relevant = rankings.relevant(self.targets, int(self.counts.max()))
    self._unfit = np.zeros(len(self.targets), bool)

  def ask(self, rows_N: np.ndarray, columns_NxW: np.ndarray) -> np.ndarray:
    """Scores some candidates of some requests, a prompt for each row.

    What does not fit, or has no number for a score, is decided against us.

    Args:
      rows_N: of requests.
      columns_NxW: of their candidates, in the order in which they are shown.

    Returns:
      float64 [N, W], the log-likelihood of each.
    """
    order = np.argsort(rows_N, kind="stable")
    examples = self._rendered(rows_N[order], columns_NxW[order])
    fits_N = np.zeros(len(rows_N), bool)
    scores_NxW = np.full(columns_NxW.shape, np.nan)
    if examples:
      # A request fits as a whole, or not at all.
      fits_N = np.isin(self._instances[rows_N], examples["instance"].numpy())
      # As `RankingFeatureConverter` makes them of single examples.
      scores_NxW[order[fits_N[order]]] = self._score(
        {
          "encoder_input_tokens": _dense(examples["inputs"]),
          "candidate_tokens": _dense(examples["candidates"]),
        }
      )
    self._unfit[rows_N[~fits_N]] = True
    against_us = np.where(
      self.relevant[rows_N[:, None], columns_NxW], -np.inf, np.inf
    )
    return np.where(np.isnan(scores_NxW), against_us, scores_NxW)

  def ranked(
    self,
    scores_BxC: np.ndarray,
    columns: Mapping[str, np.ndarray],
    figures: Callable = dict,
  ) -> Ranked:
    """Returns the ranking of those requests of which everything has fitted.

    Args:
      scores_BxC: of all requests, greater is better.
      columns: [B] each, as in `Ranked`.
      figures: as in `Ranked`.

    Raises:
      InputError: there is none.
    """
    if self._unfit.all():
      raise InputError(
        f"{self._task.name}: for each of {len(self.targets)} requests "
        f"something was asked that does not fit {self._lengths} tokens: give "
        "longer lengths"
      )
    rows = np.flatnonzero(~self._unfit)
    return Ranked(
      [self.targets[row] for row in rows.tolist()],
      scores_BxC[rows],
      {name: column[rows] for name, column in columns.items()},
      figures,
    )

  def _rendered(self, rows_N: np.ndarray, columns_NxW: np.ndarray) -> Columns:
    """Returns the examples of those inputs that fit; rows ascend."""
    rows, counts = np.unique(rows_N, return_counts=True)
    asked = tf.RaggedTensor.from_row_lengths(
      tf.constant(columns_NxW, tf.int64), counts
    )
    try:
      return self._render(_taken(self._records, rows), asked)
    except tf.errors.InvalidArgumentError as error:
      if "Dataset was empty" not in error.message:
        raise
      return {}

  def _examples(self, records: Columns, asked: tf.RaggedTensor) -> Columns:
    """Returns all examples of some records, in the graph."""
    number = tf.shape(asked.flat_values, tf.int64)[0]
    dataset = tf.data.Dataset.from_tensor_slices({**records, "asked": asked})
    dataset = dataset.map(functools.partial(tf.nest.map_structure, tf.identity))
    examples = self._task.preprocess_postcache(dataset, self._lengths, seed=0)
    return examples.ragged_batch(number).get_single_element()


def _taken(records: Columns, rows: np.ndarray) -> Columns:
  return {name: tf.gather(column, rows) for name, column in records.items()}


def _spec(column: tf.Tensor | tf.RaggedTensor) -> tf.TypeSpec:
  """Returns what any number of rows of a column is."""
  if isinstance(column, tf.RaggedTensor):
    return tf.RaggedTensorSpec(
      [None] * column.shape.rank, column.dtype, column.ragged_rank
    )
  return tf.TensorSpec([None, *column.shape[1:]], column.dtype)


def _rows(columns: Columns) -> Iterator[dict[str, Any]]:
  """Yields the rows of columns, lists where they are ragged."""
  values = (
    column.to_list() if isinstance(column, tf.RaggedTensor) else column.numpy()
    for column in columns.values()
  )
  for row in zip(*values, strict=True):
    yield dict(zip(columns, row, strict=True))


def _dense(column: tf.Tensor | tf.RaggedTensor) -> np.ndarray:
  """Returns a column padded with 0."""
  if isinstance(column, tf.RaggedTensor):
    column = column.to_tensor()
  return column.numpy()


def ask(
  procedure: str, tasks: Sequence[str], evaluation: Evaluation
) -> list[epath.Path]:
  """Ranks the requests of those tasks that a procedure is for.

  Args:
    procedure: a key of `PROCEDURES`.
    tasks: names.
    evaluation: the checkpoint, and where results go; each procedure's in a
      folder of its name, below the task's.

  Returns:
    The folder of each task's results.

  Raises:
    InputError: for an unknown procedure, no task of its forms, or no request
      that fits.
  """
  if procedure not in PROCEDURES:
    raise unknown("ranking procedure", procedure, PROCEDURES)
  by_form = PROCEDURES[procedure]
  suited = [name for name in tasks if form_name(name) in by_form]
  if not suited:
    raise InputError(
      f"{procedure!r} is for tasks whose names end in "
      f"{' or '.join(f'_{form}' for form in by_form)}; there is none among "
      f"{list(tasks)}"
    )
  folders = []
  for name in suited:
    task = seqio.TaskRegistry.get(name)
    folders.append(evaluation.folder(name) / procedure)
    with evaluation.clock.during("requests"):
      asker = Asker(
        task,
        evaluation.split,
        evaluation.lengths,
        evaluation.clock.during("model")(evaluation.scorer.score),
      )
      ranking = by_form[form_name(name)](asker)
    if jax.process_index() > 0:
      continue  # Its share is scored; the first process writes.
    with evaluation.clock.during("metrics"):
      evaluator.write(
        folders[-1],
        task,
        evaluator.measured(ranking, evaluation.seed),
        split=evaluation.split,
        procedure=procedure,
        seed=evaluation.seed,
        system=evaluation.system,
        step=evaluation.step,
      )
  return folders
