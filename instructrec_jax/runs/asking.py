"""Runs ranking procedures whose questions depend on earlier answers.

A SeqIO task declares all its questions in advance. Here its preprocessors also
render questions that come up later, from its records and the candidates to ask
about.

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

# The features that weights of scores need, by the name in examples.
_PARTS = {
  "prior_inputs": "prior_input_tokens",
  "log_popularity": "log_popularity",
}
# Maps rows for the model to scores, as `Scorer.score`.
Score = Callable[[Mapping[str, np.ndarray]], np.ndarray]
# A row for each record or example.
Columns = Mapping[str, tf.Tensor | tf.RaggedTensor]


class Asker:
  """The requests of a task, about whose candidates a procedure can ask.

  A candidate is identified by its column in the order of the evaluation, which
  `render.order_seed` sets.

  Attributes:
    targets: B requests that fit with one candidate, see `target.Target`.
    counts: int64 [B], the number of candidates of each.
    relevant: bool [B, C], whether each candidate is relevant.
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
      task: The task, whose records and wordings are used.
      split: The split of the records.
      lengths: The most tokens of "inputs" and "targets".
      score: Scores rows.

    Raises:
      InputError: No request fits.
    """
    self._task, self._lengths, self._score = task, dict(lengths), score
    source = task.source.get_dataset(split, shuffle=False)
    records = next(iter(source.ragged_batch(task.num_input_examples(split))))
    number = len(records["instance"])
    self._records = records
    # Traced once, because tracing a task's preprocessors takes seconds.
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
        "tokens, even with one candidate: raise TASK_FEATURE_LENGTHS"
      )
    self._instances = np.array([t["instance"] for t in self.targets])
    kept = np.isin(records["instance"].numpy(), self._instances)
    self._records = _taken(records, np.flatnonzero(kept))
    self.counts = np.array([len(t["candidates"]) for t in self.targets])
    self.relevant = rankings.relevant(self.targets, int(self.counts.max()))
    self._unfit = np.zeros(len(self.targets), bool)

  def ask(self, rows_N: np.ndarray, columns_NxW: np.ndarray) -> np.ndarray:
    """Scores some candidates of some requests, with a prompt for each row.

    A prompt that does not fit and a score of NaN count against the system.

    Args:
      rows_N: Rows of requests.
      columns_NxW: Columns of their candidates, in the order shown.

    Returns:
      float64 [N, W], the log-likelihood of each.
    """
    order = np.argsort(rows_N, kind="stable")
    examples = self._rendered(rows_N[order], columns_NxW[order])
    fits_N = np.zeros(len(rows_N), bool)
    scores_NxW = np.full(columns_NxW.shape, np.nan)
    if examples:
      # All prompts of a request fit, or none is kept.
      fits_N = np.isin(self._instances[rows_N], examples["instance"].numpy())
      # The same features as `RankingFeatureConverter` makes.
      scores_NxW[order[fits_N[order]]] = self._score(
        {
          "encoder_input_tokens": _dense(examples["inputs"]),
          "candidate_tokens": _dense(examples["candidates"]),
          **{
            feature: _dense(examples[name])
            for name, feature in _PARTS.items()
            if name in examples
          },
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
    """Returns the ranking of the requests whose inputs all fitted.

    Args:
      scores_BxC: Scores of all requests, greater is better.
      columns: [B] each, as in `Ranked`.
      figures: As in `Ranked`.

    Raises:
      InputError: There is no such request.
    """
    if self._unfit.all():
      raise InputError(
        f"{self._task.name}: each of {len(self.targets)} requests has an input "
        f"that does not fit {self._lengths} tokens: raise TASK_FEATURE_LENGTHS"
      )
    rows = np.flatnonzero(~self._unfit)
    return Ranked(
      [self.targets[row] for row in rows.tolist()],
      scores_BxC[rows],
      {name: column[rows] for name, column in columns.items()},
      figures,
    )

  def _rendered(self, rows_N: np.ndarray, columns_NxW: np.ndarray) -> Columns:
    """Returns the examples of the inputs that fit. `rows_N` ascends."""
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
  """Returns the type of a column with any number of rows."""
  if isinstance(column, tf.RaggedTensor):
    return tf.RaggedTensorSpec(
      [None] * column.shape.rank, column.dtype, column.ragged_rank
    )
  return tf.TensorSpec([None, *column.shape[1:]], column.dtype)


def _rows(columns: Columns) -> Iterator[dict[str, Any]]:
  """Yields the rows of columns. A row of a ragged column is a list."""
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
  """Ranks the requests of all tasks that have a form of the procedure.

  Args:
    procedure: A key of `PROCEDURES`.
    tasks: Names of tasks.
    evaluation: The checkpoint, and where results go. They are in a folder with
      the procedure's name, below the task's.

  Returns:
    The folder of each task's results.

  Raises:
    InputError: The procedure is unknown, no task has one of its forms, or no
      request fits.
  """
  if procedure not in PROCEDURES:
    raise unknown("ranking procedure", procedure, PROCEDURES)
  by_form = PROCEDURES[procedure]
  suited = [name for name in tasks if form_name(name) in by_form]
  if not suited:
    raise InputError(
      f"procedure {procedure!r}: expected a task whose name ends in "
      f"{' or '.join(f'_{form}' for form in by_form)}, got {list(tasks)}"
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
        functools.partial(evaluation.score, name),
      )
      ranking = by_form[form_name(name)](asker)
    if jax.process_index() > 0:
      continue  # Only the first process writes results.
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
        weights=evaluator.weights_of(
          *evaluation.weights_of(name), evaluation.prior_requests
        ),
      )
  return folders
