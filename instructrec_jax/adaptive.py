"""Rankings for which the questions follow from earlier answers.

A SeqIO task declares what is asked of each request beforehand. What cannot be
known beforehand is asked through the same task here: its records, with the
candidates to ask about, go through its own preprocessors.

Dimension letters: B requests, C candidates of the longest list, N inputs that
are scored together, W candidates that each asks about, P orders.
"""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import gin
import jax
import numpy as np
import seqio
import tensorflow as tf
from etils import epath

from instructrec_jax.errors import InputError, unknown
from instructrec_jax.eval import (
  evaluator,
  orders,
  procedures,
  rounds,
  sorting,
)
from instructrec_jax.eval import pairs as pairs_lib
from instructrec_jax.eval.procedures import Ranked
from instructrec_jax.instructions.questions import form_name

# Stands in for infinity where two scores are subtracted.
_WORST = 1e30
# From rows for the model to scores, as `scoring.Scorer.score`.
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
    self.relevant = procedures.relevant(self.targets, int(self.counts.max()))
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
      # As pipeline.RankingFeatureConverter makes them of single examples.
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


def _named(
  pairs_Nx2: np.ndarray, counts_N: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Returns pairs by who is named first, as in `questions.pairs`.

  Args:
    pairs_Nx2: columns of two candidates each.
    counts_N: candidates of the request.

  Returns:
    int64 [N, 2], and whether that turned them round, bool [N].
  """
  one, other = pairs_Nx2.T
  ahead = 2 * ((other - one) % counts_N)
  turned_N = (ahead > counts_N) | ((ahead == counts_N) & (one > other))
  return np.where(turned_N[:, None], pairs_Nx2[:, ::-1], pairs_Nx2), turned_N


def _compare(
  asker: Asker, rows_N: np.ndarray, named_Nx2: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Asks which of two is the one.

  Returns:
    The log-odds [N] that it is the first; and 1 where it should be, -1 where
    it should be the second, else 0.
  """
  # What is decided against us is infinite, and level is still level.
  scores_Nx2 = np.clip(asker.ask(rows_N, named_Nx2), -_WORST, _WORST)
  right_Nx2 = asker.relevant[rows_N[:, None], named_Nx2].astype(np.int64)
  return scores_Nx2[:, 0] - scores_Nx2[:, 1], right_Nx2[:, 0] - right_Nx2[:, 1]


def sort(asker: Asker) -> Ranked:
  """Ranks by as few comparisons as a merge sort takes.

  Of two that are level the relevant one loses. Figures: as those of all pairs,
  see `procedures.of_pairs`.
  """
  rows, odds, right = [], [], []

  def prefer(rows_N: np.ndarray, pairs_Nx2: np.ndarray) -> np.ndarray:
    named_Nx2, turned_N = _named(pairs_Nx2, asker.counts[rows_N])
    odds_N, right_N = _compare(asker, rows_N, named_Nx2)
    for column, new in ((rows, rows_N), (odds, odds_N), (right, right_N)):
      column.append(new)
    relevant_N = asker.relevant[rows_N, named_Nx2[:, 0]]
    wins_N = (odds_N > 0) | ((odds_N == 0) & ~relevant_N)
    return wins_N ^ turned_N

  order_BxC, _ = sorting.merge_sort(asker.counts, prefer)
  scores_BxC = np.full(order_BxC.shape, -np.inf)
  at, place = np.nonzero(order_BxC >= 0)
  scores_BxC[at, order_BxC[at, place]] = -place
  columns = procedures.comparison_columns(
    *(np.concatenate(parts) for parts in (rows, odds, right)),
    len(asker.counts),
  )
  return asker.ranked(scores_BxC, columns, procedures.comparison_figures)


def turn(asker: Asker) -> Ranked:
  """Ranks by comparisons of each two candidates, each asked in both orders.

  Bradley-Terry, of the mean of both log-odds. Figures: as those of all pairs,
  see `procedures.of_pairs`; as those of `permute`, of the rankings by each
  pair's first order and by its second one; and pair_changes, the share of pairs
  whose winner the order decides.
  """
  C = asker.relevant.shape[1]
  mask_BxC = np.arange(C) < asker.counts[:, None]
  two_BxCxC = np.triu(mask_BxC[:, :, None] & mask_BxC[:, None, :], 1)
  rows_N, *pairs = np.nonzero(two_BxCxC)
  named_Nx2, _ = _named(np.stack(pairs, axis=1), asker.counts[rows_N])
  one_N, right_N = _compare(asker, rows_N, named_Nx2)
  other_N, _ = _compare(asker, rows_N, named_Nx2[:, ::-1])
  columns = procedures.comparison_columns(
    np.tile(rows_N, 2),
    np.concatenate([one_N, other_N]),
    np.concatenate([right_N, -right_N]),
    len(asker.counts),
  )
  changes_N = np.sign(one_N) != -np.sign(other_N)
  columns["changes"] = np.bincount(rows_N, changes_N, len(asker.counts))

  def strengths(odds_N: np.ndarray) -> np.ndarray:
    odds_BxCxC = np.zeros(two_BxCxC.shape)
    odds_BxCxC[rows_N, *named_Nx2.T] = odds_N
    odds_BxCxC = odds_BxCxC - odds_BxCxC.transpose(0, 2, 1)
    compared_BxCxC = two_BxCxC | two_BxCxC.transpose(0, 2, 1)
    scores_BxC = pairs_lib.bradley_terry(odds_BxCxC, compared_BxCxC)
    return np.where(mask_BxC, scores_BxC, -np.inf)

  columns |= orders.sensitivity(
    np.stack([strengths(one_N), strengths(-other_N)]),
    asker.relevant.astype(np.float64),
    mask_BxC,
  )

  def figures(means: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    changes = {"pair_changes": 2 * means["changes"] / means["comparisons"]}
    ways = (procedures.comparison_figures, orders.figures)
    return changes | ways[0](means) | ways[1](means)

  return asker.ranked(strengths((one_N - other_N) / 2), columns, figures)


@gin.configurable(module="instructrec_jax")
def groups(asker: Asker, group_size: int = 10) -> Ranked:
  """Ranks by groups that fit into a prompt, and rounds of their winners.

  See `rounds.play` for the whole ranking. Of two that are level the relevant
  one loses. Figures: prompts, of a request.

  Args:
    asker: of a task with the candidates in the prompt.
    group_size: candidates of a prompt at the most.
  """

  def rank(rows_N: np.ndarray, columns_NxW: np.ndarray) -> np.ndarray:
    scores_NxW = asker.ask(rows_N, columns_NxW)
    relevant_NxW = asker.relevant[rows_N[:, None], columns_NxW]
    order_NxW = np.lexsort((relevant_NxW, -scores_NxW), axis=-1)
    return np.take_along_axis(columns_NxW, order_NxW, axis=1)

  scores_BxC, prompts_B = rounds.play(asker.counts, group_size, rank)
  return asker.ranked(scores_BxC, {"prompts": prompts_B})


@gin.configurable(module="instructrec_jax")
def permute(asker: Asker, number: int = 5, order_seed: int = 0) -> Ranked:
  """Ranks by the mean log-likelihood over several orders of the candidates.

  Figures: how much the ranking depends on the order, see `orders.sensitivity`.

  Args:
    asker: of a task with the candidates in the prompt.
    number: of orders, from 2.
    order_seed: another one gives other orders.

  Raises:
    InputError: for fewer than two orders.
  """
  if number < 2:
    raise InputError(f"permute.number = {number}: expected 2 or more orders")
  instances = [target["instance"] for target in asker.targets]
  drawn_PxBxC = orders.permutations(instances, asker.counts, number, order_seed)
  scores_PxBxC = np.full(drawn_PxBxC.shape, -np.inf)
  for scores_BxC, drawn_BxC in zip(scores_PxBxC, drawn_PxBxC, strict=True):
    for count in np.unique(asker.counts).tolist():
      rows = np.flatnonzero(asker.counts == count)
      columns = drawn_BxC[rows, :count]
      scores_BxC[rows[:, None], columns] = asker.ask(rows, columns)
  mask_BxC = np.arange(drawn_PxBxC.shape[2]) < asker.counts[:, None]
  sensitivity = orders.sensitivity(
    scores_PxBxC, asker.relevant.astype(np.float64), mask_BxC
  )
  return asker.ranked(scores_PxBxC.mean(axis=0), sensitivity, orders.figures)


# What each does, by the form of the tasks that it is for.
PROCEDURES: dict[str, dict[str, Callable[[Asker], Ranked]]] = {
  "sorting": {"t1": sort},
  "rounds": {"t3": groups},
  "orders": {"t1": turn, "t3": permute},
}


def evaluate(
  procedure: str,
  tasks: Sequence[str],
  split: str,
  lengths: Mapping[str, int],
  score: Score,
  folder_of: Callable[[str], epath.Path],
  seed: int,
  **description: str | int | None,
) -> list[epath.Path]:
  """Ranks the requests of those tasks that a procedure is for.

  Args:
    procedure: a key of `PROCEDURES`.
    tasks: names.
    split: of the records.
    lengths: tokens of "inputs" and "targets".
    score: scores rows.
    folder_of: where the results of a task go; each procedure's in a folder of
      its name below.
    seed: of the bootstrap.
    **description: system and step, as in `evaluator.write`.

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
    folders.append(folder_of(name) / procedure)
    ranking = by_form[form_name(name)](Asker(task, split, lengths, score))
    if jax.process_index() > 0:
      continue  # Its share is scored; the first process writes.
    evaluator.write(
      folders[-1],
      task,
      evaluator.measured(ranking, seed),
      split=split,
      procedure=procedure,
      seed=seed,
      **description,
    )
  return folders
