"""What a task measures of texts that the model writes, as SeqIO sees it.

A task declares one of the metrics below with its postprocessor:

  ratings = answer_metrics.Ratings(low=1.0, high=5.0)
  seqio.TaskRegistry.add(
    ..., postprocess_fn=ratings.postprocess, metric_fns=[ratings]
  )

Its examples have `instance` and `user`, and what the metric says. The evaluator
(SeqIO's or T5X's) is then given a predict_fn, and `evaluator.ResultLogger`
writes what was measured. Every figure of SeqIO's comes with the number "n".
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from instructrec_jax.errors import InputError
from instructrec_jax.eval import (
  generated_lists,
  metrics,
  ratings,
  resampling,
  texts,
  user_attributes,
)
from instructrec_jax.eval.answers import Answers
from instructrec_jax.eval.predictions import Predictions

Targets = Sequence[Mapping[str, Any]]
# What SeqIO calls an output of the model: "prediction", "score".
Inferences = Mapping[str, Any]
Estimates = dict[str, resampling.Estimate]
# SeqIO's figures have no intervals, so that any seed will do.
_SEED = 0


class Measured(NamedTuple):
  """What came of a task.

  Attributes:
    further: figures that are no ranking's.
    answers: the texts; None where there are none.
    predictions: where the answers rank items.
  """

  further: Estimates
  answers: Answers | None = None
  predictions: Predictions | None = None


def _asked(example: Mapping[str, Any], **more: Any) -> dict[str, Any]:
  """Returns what every target has."""
  return {
    "instance": int(example["instance"]), "user": int(example["user"])
  } | more  # fmt: skip


def _answers(
  targets: Targets, written: Sequence[str | None], read: Sequence[Any] | None
) -> Answers:
  columns = ([t[name] for t in targets] for name in ("instance", "user"))
  truths = [t["truth"] for t in targets]
  return Answers.of(*columns, list(written), truths, read)


def _values(figures: Estimates, n: int) -> dict[str, float]:
  return {name: e.value for name, e in figures.items()} | {"n": float(n)}


class _Written:
  """A metric of texts: each is read, and what was read is measured."""

  def __call__(
    self, targets: Targets, predictions: Sequence[str]
  ) -> dict[str, float]:
    """Measures one task, for SeqIO."""
    found = self.measured(targets, {"prediction": predictions}, _SEED)
    return _values(found.further, len(targets))

  def measured(
    self, targets: Targets, inferences: Inferences, seed: int
  ) -> Measured:
    """Measures one task."""
    written = inferences["prediction"]
    read = [self._read(text) for text in written]
    answers = _answers(targets, written, read)
    return Measured(self._figures(read, answers.truths, seed), answers)


@dataclasses.dataclass(frozen=True)
class Ratings(_Written):
  """RMSE and MAE of ratings read out of text, and how many cannot be read.

  See `ratings.measure`.

  Attributes:
    low: the least rating of the scale.
    high: the greatest.
  """

  low: float
  high: float

  def postprocess(self, output: str, example: Mapping, is_target: bool) -> Any:
    """Returns what was asked; `rating` is the example's, or the target text's.

    Raises:
      InputError: neither is a rating of the scale.
    """
    if not is_target:
      return output
    rating = float(
      example["rating"]
      if "rating" in example
      else ratings.parse(output, self.low, self.high)
    )
    if not self.low <= rating <= self.high:
      raise InputError(
        f"instance {int(example['instance'])}: expected a rating from "
        f"{self.low} to {self.high}, got {rating} (target text: {output!r})"
      )
    return _asked(example, truth=rating)

  def _read(self, text: str) -> float | None:
    rating = ratings.parse(text, self.low, self.high)
    return None if np.isnan(rating) else rating

  def _figures(
    self, read: Sequence[float | None], truths: Sequence[float], seed: int
  ) -> Estimates:
    return ratings.measure(np.array(read, np.float64), truths, seed)


@dataclasses.dataclass(frozen=True)
class ExpectedRatings:
  """RMSE and MAE of the mean rating, weighted by the ratings' likelihoods.

  The task's candidates are the texts of the ratings, in their order.

  Attributes:
    scale: the ratings, e.g. (1, 2, 3, 4, 5).
  """

  scale: tuple[float, ...]

  def postprocess(self, output: str, example: Mapping, is_target: bool) -> Any:
    """Returns what was asked; see `Ratings.postprocess`."""
    return Ratings(min(self.scale), max(self.scale)).postprocess(
      output, example, is_target
    )

  def __call__(self, targets: Targets, scores: Any) -> dict[str, float]:
    """Measures one task, for SeqIO."""
    figures = self.measured(targets, {"score": scores}, _SEED).further
    return {name: e.value for name, e in figures.items()}

  def measured(
    self, targets: Targets, inferences: Inferences, seed: int
  ) -> Measured:
    """Measures one task: expected_rmse and expected_mae.

    Raises:
      InputError: there are not as many scores as ratings of the scale.
    """
    scores = inferences["score"]
    scores_BxR = np.asarray(scores[0] if isinstance(scores, tuple) else scores)
    shape = len(targets), len(self.scale)
    if scores_BxR.shape != shape:
      raise InputError(
        f"scores of ratings: expected the shape {list(shape)}, a column for "
        f"each of {list(self.scale)}, got {list(scores_BxR.shape)}"
      )
    expected_B = ratings.expected(scores_BxR, np.array(self.scale))
    truths = [target["truth"] for target in targets]
    figures = ratings.measure(expected_B, truths, seed)
    answers = _answers(targets, [None] * len(truths), expected_B.tolist())
    return Measured(
      {f"expected_{name}": figures[name] for name in ("rmse", "mae")}, answers
    )


@dataclasses.dataclass(frozen=True)
class Attributes(_Written):
  """Accuracy of each of a user's attributes; see `user_attributes.accuracy`.

  Attributes:
    names: of the attributes.
  """

  names: tuple[str, ...]

  def postprocess(self, output: str, example: Mapping, is_target: bool) -> Any:
    """Returns what was asked: the attributes that the target text gives.

    Raises:
      InputError: one is missing there.
    """
    if not is_target:
      return output
    truth = user_attributes.parse(output, self.names)
    missing = [name for name in self.names if name not in truth]
    if missing:
      raise InputError(
        f"instance {int(example['instance'])}: expected the attributes "
        f"{list(self.names)}, {missing} missing from the target {output!r}"
      )
    return _asked(example, truth=truth)

  def _read(self, text: str) -> dict[str, str]:
    return user_attributes.parse(text, self.names)

  def _figures(
    self,
    read: Sequence[dict[str, str]],
    truths: Sequence[dict[str, str]],
    seed: int,
  ) -> Estimates:
    figures = user_attributes.accuracy(read, truths, seed)
    return {f"accuracy of {name}": e for name, e in figures.items()}


@dataclasses.dataclass(frozen=True)
class Texts(_Written):
  """BLEU and ROUGE of free texts against the target text."""

  def postprocess(self, output: str, example: Mapping, is_target: bool) -> Any:
    """Returns what was asked: the target text."""
    return _asked(example, truth=output) if is_target else output

  def measured(
    self, targets: Targets, inferences: Inferences, seed: int
  ) -> Measured:
    """Measures one task; see `texts.measure`."""
    written = list(inferences["prediction"])
    answers = _answers(targets, written, None)
    return Measured(texts.measure(written, answers.truths, seed), answers)


@dataclasses.dataclass(frozen=True)
class Lists:
  """Rankings that the model wrote as lists of titles, and how valid they are.

  Examples have relevant_items, item codes, and may have candidate_items, which
  are to be ranked (else the whole catalogue is), and history_items, which the
  user has had.

  Attributes:
    titles: returns the catalogue's titles, by item code; called when first
      needed, so that a task can be declared where there is no data.
    wanted: titles that were asked for; None for as many as candidates.
  """

  titles: Callable[[], Sequence[str]]
  wanted: int | None = None

  @functools.cached_property
  def _titles(self) -> generated_lists.Titles:
    return generated_lists.Titles(self.titles())

  def postprocess(self, output: str, example: Mapping, is_target: bool) -> Any:
    """Returns what was asked."""
    if not is_target:
      return output
    asked = {
      name: np.asarray(example.get(f"{name}_items", ())).tolist()
      for name in ("relevant", "candidate", "history")
    }
    return _asked(example, truth=asked.pop("relevant"), **asked)

  def __call__(
    self, targets: Targets, predictions: Sequence[str]
  ) -> dict[str, float]:
    """Measures one task, for SeqIO."""
    found = self.measured(targets, {"prediction": predictions}, _SEED)
    outcomes = found.predictions.outcomes
    ranking = resampling.means(metrics.measure(outcomes))
    return ranking | _values(found.further, len(targets))

  def measured(
    self, targets: Targets, inferences: Inferences, seed: int
  ) -> Measured:
    """Measures one task; see `generated_lists.validity`.

    Raises:
      InputError: as `Predictions.of`, or nobody says how many were wanted.
    """
    written = inferences["prediction"]
    lists = [
      self._titles.read(
        text,
        self._wanted(target),
        set(target["candidate"]) if target["candidate"] else None,
        set(target["history"]),
      )
      for target, text in zip(targets, written, strict=True)
    ]
    read = [[list(place) for place in listed.places] for listed in lists]
    return Measured(
      generated_lists.validity(lists, seed),
      _answers(targets, written, read),
      self._predictions(targets, lists),
    )

  def _wanted(self, target: Mapping[str, Any]) -> int:
    wanted = self.wanted or len(target["candidate"])
    if not wanted:
      raise InputError(
        f"instance {target['instance']}: it has no candidates, so that Lists "
        "needs to know how many titles are wanted"
      )
    return wanted

  def _predictions(
    self, targets: Targets, lists: Sequence[generated_lists.Listed]
  ) -> Predictions:
    """Returns the lists as scores of candidates, or of what was listed."""
    num_items = len(self.titles())
    ranked, sizes = [], []
    for target, listed in zip(targets, lists, strict=True):
      found = [item for place in listed.places for item in place]
      # An empty list ranks nothing above a target.
      ranked.append(target["candidate"] or found or target["truth"])
      sizes.append(len(target["candidate"]) or num_items)
    width = max(map(len, ranked))
    scores = np.full((len(lists), width), -np.inf)
    for row, (listed, items) in enumerate(zip(lists, ranked, strict=True)):
      scores[row, : len(items)] = listed.scores(items)
    return Predictions.of(
      [t["instance"] for t in targets],
      [t["user"] for t in targets],
      [t["truth"] for t in targets],
      ranked,
      scores,
      sizes=sizes,
    )


METRICS = (Ratings, ExpectedRatings, Attributes, Texts, Lists)
