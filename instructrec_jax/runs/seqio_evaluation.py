"""Evaluates a checkpoint with SeqIO's evaluator."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
import seqio
import tensorflow as tf
from etils import epath

from instructrec_jax.batches import feature_converter
from instructrec_jax.errors import InputError
from instructrec_jax.eval.recording import catalogue_ranking, evaluator
from instructrec_jax.eval.target import Targets
from instructrec_jax.eval.tuning import PLAIN, Weights
from instructrec_jax.model import exchange
from instructrec_jax.runs import score_weights
from instructrec_jax.runs.clock import Clock
from instructrec_jax.scoring.scorer import Scorer


@dataclasses.dataclass(frozen=True)
class Evaluation:
  """A checkpoint, its requests, and the folder of the results.

  Attributes:
    scorer: The checkpoint on the devices.
    split: The split of the tasks' records.
    lengths: The most tokens of "inputs" and "targets".
    out: The folder of the results.
    step: The checkpoint's step; None if its folder has no number.
    system: The model's name in tables.
    seed: Seed of the bootstrap.
    weights: The weights of the scores, by task. A task without ranks by the
      likelihood alone.
    prior_requests: The number of other users whose requests make the prior.
    clock: Measures tokenizing ("requests"), answering ("model"), and measuring
      and writing the answers ("metrics").
  """

  scorer: Scorer
  split: str
  lengths: Mapping[str, int]
  out: epath.Path
  step: int | None
  system: str
  seed: int
  weights: Mapping[str, Weights] = dataclasses.field(default_factory=dict)
  prior_requests: int = 4
  clock: Clock = dataclasses.field(default_factory=Clock)

  def folder(self, task: str) -> epath.Path:
    """Returns the folder of a task's results."""
    return evaluator.result_folder(self.out, task, self.step)

  def answer(self, tasks: Sequence[str]) -> list[epath.Path]:
    """Scores candidates for tasks that rank, and writes texts for others.

    Raises:
      InputError: No request of a task fits.
    """
    for task in tasks:
      ask = {
        "score_fn": functools.partial(_score, self, task),
        "predict_fn": functools.partial(_write, self),
      }
      self._run(
        seqio.Evaluator,
        task,
        lambda _, ask=ask: ask,
        **self.weights_of(task)._asdict(),
        prior_requests=self.prior_requests,
      )
    return [self.folder(task) for task in tasks]

  def weights_of(self, task: str) -> Weights:
    """Returns the weights of a task's scores."""
    return self.weights.get(task, PLAIN)

  def score(self, task: str, rows: Mapping[str, np.ndarray]) -> np.ndarray:
    """Returns the scores of a task's rows, [N, C]."""
    return self._scores(task, rows)[0]

  def _scores(
    self, task: str, rows: Mapping[str, np.ndarray]
  ) -> tuple[np.ndarray, np.ndarray]:
    """Returns the scores of a task's rows, and the log-likelihoods."""
    weights = self.weights_of(task)
    with self.clock.during("model"):
      if weights == PLAIN:
        scores = self.scorer.score(rows)
        return scores, scores
      found = score_weights.parts(self.scorer, rows, weights)
    likelihoods, prior, popularity = found.values()
    scores = exchange.exchanged(likelihoods, prior, popularity, *weights)
    return scores, likelihoods

  def measure_parts(self, task: str) -> tuple[Targets, dict[str, np.ndarray]]:
    """Returns a task's targets, and the parts of its candidates' scores.

    Nothing is written.

    Raises:
      InputError: No request of the task fits.
    """
    kept: dict[str, Any] = {}

    def score(requests: tf.data.Dataset) -> Sequence[tuple[int, np.ndarray]]:
      indices, rows = _whole(self, requests)
      with self.clock.during("model"):
        found = score_weights.parts(self.scorer, rows, Weights(1.0, 1.0))
      order = np.argsort(indices)
      kept.update({name: part[order] for name, part in found.items()})
      return list(zip(indices, found["log_likelihood"], strict=True))

    asked = self._asked(
      seqio.Evaluator, task, [functools.partial(_Keeper, kept)]
    )
    with self.clock.during("metrics"):
      done, _ = asked.evaluate(compute_metrics=True, score_fn=score)
      done.result()
    return kept.pop("targets"), kept

  def rank_catalogue(
    self, tasks: Sequence[str], exclude_history: bool
  ) -> list[epath.Path]:
    """Generates items of the whole catalogue.

    Args:
      tasks: Tasks that show no candidates.
      exclude_history: Whether to exclude the items of the user's history.

    Raises:
      InputError: No request of a task fits, or it has no catalogue.
    """
    evaluator_of = functools.partial(
      catalogue_ranking.CatalogueEvaluator, exclude_history=exclude_history
    )
    for task in tasks:
      self._run(
        evaluator_of,
        task,
        lambda asked: {
          "predict_with_aux_fn": functools.partial(_recommend, self, asked)
        },
      )
    where = dataclasses.replace(self, out=self.out / "catalogue")
    return [where.folder(task) for task in tasks]

  def _run(
    self,
    evaluator_of: Callable[..., seqio.Evaluator],
    task: str,
    ask: Callable[[seqio.Evaluator], Mapping[str, Callable]],
    **weights: float,
  ) -> None:
    """Evaluates a task, and writes its results.

    Args:
      evaluator_of: Makes SeqIO's evaluator, or a subclass.
      task: The task's name.
      ask: Returns the functions that the evaluator calls.
      **weights: Further arguments of `evaluator.ResultLogger`.
    """
    logger = functools.partial(
      evaluator.ResultLogger,
      system=self.system,
      split=self.split,
      seed=self.seed,
      **weights,
    )
    asked = self._asked(
      evaluator_of, task, [logger] if jax.process_index() == 0 else []
    )
    with self.clock.during("metrics"):
      done, _ = asked.evaluate(
        compute_metrics=True, step=self.step, **ask(asked)
      )
      done.result()

  def _asked(
    self,
    evaluator_of: Callable[..., seqio.Evaluator],
    task: str,
    loggers: Sequence[Callable[..., seqio.Logger]],
  ) -> seqio.Evaluator:
    """Returns the evaluator of a task's requests.

    Raises:
      InputError: No request of the task fits.
    """
    with self.clock.during("requests"):
      asked = evaluator_of(
        task,
        feature_converter.RankingFeatureConverter(
          pack=False, apply_length_check=False
        ),
        eval_split=self.split,
        sequence_length=self.lengths,
        logger_cls=loggers,
        log_dir=str(self.out),
      )
    examples = asked.cached_task_datasets[task]
    if not examples.cardinality().numpy():
      raise InputError(
        f"{task}: no request of split {self.split!r} fits {self.lengths} "
        "tokens: raise TASK_FEATURE_LENGTHS"
      )
    return asked


class _Keeper(seqio.Logger):
  """Keeps the targets that SeqIO's evaluator passes to its loggers."""

  def __init__(self, kept: dict[str, Any], output_dir: str):
    """Remembers where to keep them."""
    super().__init__(output_dir=output_dir)
    self._kept = kept

  def __call__(self, *, targets: Targets | None, **others: Any) -> None:
    """Keeps the targets."""
    del others
    self._kept["targets"] = targets


def _score(evaluation: Evaluation, task: str, requests: tf.data.Dataset) -> Any:
  """Scores the candidates of requests, for SeqIO's evaluator.

  Returns:
    Pairs of an index and scores; with weights also the log-likelihoods.
  """
  indices, rows = _whole(evaluation, requests)
  scores, likelihoods = evaluation._scores(task, rows)
  pairs = list(zip(indices, scores, strict=True))
  if likelihoods is scores:
    return pairs
  return pairs, {"log_likelihood": list(likelihoods)}


def _write(
  evaluation: Evaluation, requests: tf.data.Dataset
) -> Sequence[tuple[int, np.ndarray]]:
  """Generates texts for requests, for SeqIO's evaluator."""
  indices, rows = _whole(evaluation, requests)
  length = rows["decoder_input_tokens"].shape[1]
  with evaluation.clock.during("model"):
    texts = evaluation.scorer.write(rows, length)
  return list(zip(indices, texts, strict=True))


def _recommend(
  evaluation: Evaluation,
  runs: catalogue_ranking.CatalogueEvaluator,
  requests: tf.data.Dataset,
) -> catalogue_ranking.Predicted:
  """Generates titles for requests, as T5X's predict_with_aux_fn does."""
  indices, rows = _whole(evaluation, requests)
  taken = ("encoder_input_tokens", "excluded_items")
  rows = {name: rows[name] for name in taken if name in rows}
  with evaluation.clock.during("model"):
    found = evaluation.scorer.recommend(rows, runs.titles)
  pairs = list(zip(indices, found.tokens[:, 0], strict=True))
  return pairs, {"items": found.items, "scores": found.scores}


def _whole(
  evaluation: Evaluation,
  requests: tf.data.Dataset,
) -> tuple[list[int], dict[str, np.ndarray]]:
  """Returns the indices and rows of all requests, which fit in memory."""
  with evaluation.clock.during("requests"):
    whole = requests.batch(int(requests.cardinality()))
    indices, rows = next(whole.as_numpy_iterator())
  return indices.tolist(), rows
