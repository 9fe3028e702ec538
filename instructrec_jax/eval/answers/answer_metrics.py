"""SeqIO metrics of texts that a model writes.

A task declares one of the metrics below with its postprocessor:

  ratings = answer_metrics.Ratings(low=1.0, high=5.0)
  seqio.TaskRegistry.add(
    ..., postprocess_fn=ratings.postprocess, metric_fns=[ratings]
  )

Its examples have `instance`, `user` and the fields that the metric names. The
evaluator (SeqIO's or T5X's) gets a predict_fn, and `evaluator.ResultLogger`
writes the results. SeqIO's figures include the number of requests "n".

A task with several metrics, of texts or rankings, uses `together` as its
postprocessor:

  lists = answer_metrics.Lists(procedure="generated")
  seqio.TaskRegistry.add(
    ...,
    postprocess_fn=answer_metrics.together(asked_of_ranking, lists.postprocess),
    metric_fns=[evaluator.ranking_metric_fn, lists],
  )
"""

import abc
import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from instructrec_jax.errors import InputError
from instructrec_jax.eval import metrics, resampling
from instructrec_jax.eval.answers import (
  forms,
  generated_lists,
  ratings,
  texts,
  user_attributes,
)
from instructrec_jax.eval.answers.answers import Answers
from instructrec_jax.eval.predictions import Predictions
from instructrec_jax.eval.target import Target, Targets

# Outputs of the model by SeqIO's names: "prediction", "score".
Inferences = Mapping[str, Any]
Estimates = dict[str, resampling.Estimate]
# SeqIO's figures have no intervals, so any seed will do.
_SEED = 0


class Measured(NamedTuple):
  """The results of a task.

  Attributes:
    further: Figures that are not ranking metrics.
    answers: The texts, if there are any.
    predictions: The ranked items, if the answers rank items.
  """

  further: Estimates
  answers: Answers | None = None
  predictions: Predictions | None = None


def together(*postprocess_fns: Callable) -> Callable:
  """Returns a postprocessor for several metrics of one task.

  Args:
    *postprocess_fns: The postprocessor of each metric. It makes a `Target` of
      an example and returns the model's output unchanged.
  """

  def postprocess(output: str, example: Mapping, is_target: bool) -> Any:
    if not is_target:
      return output
    asked = {}
    for one in postprocess_fns:
      asked |= one(output, example=example, is_target=True)
    return asked

  return postprocess


def _asked(example: Mapping[str, Any], **more: Any) -> Target:
  """Returns a target with the instance, the user and more fields."""
  return Target(
    instance=int(example["instance"]), user=int(example["user"]), **more
  )


def _answers(
  targets: Targets, written: Sequence[str | None], read: Sequence[Any] | None
) -> Answers:
  instances, users = (
    [t["instance"] for t in targets],
    [t["user"] for t in targets],
  )
  truths = [t["truth"] for t in targets]
  return Answers.of(instances, users, list(written), truths, read)


def _values(figures: Estimates, n: int) -> dict[str, float]:
  return {name: e.value for name, e in figures.items()} | {"n": float(n)}


class _Written(abc.ABC):
  """A metric that parses each text and measures the parsed values.

  Attributes:
    output: The name of the `Inferences` that it measures.
  """

  output = "prediction"

  @abc.abstractmethod
  def measured(
    self, targets: Targets, inferences: Inferences, seed: int
  ) -> Measured:
    """Measures one task."""

  def __call__(
    self, targets: Targets, predictions: Sequence[str]
  ) -> dict[str, float]:
    """Measures one task, for SeqIO."""
    found = self.measured(targets, {"prediction": predictions}, _SEED)
    return _values(found.further, len(targets))


class _Read(_Written):
  """A metric of texts: each is read, and what was read is measured."""

  @abc.abstractmethod
  def _read(self, text: str) -> Any:
    """Returns what is understood of a text."""

  @abc.abstractmethod
  def _figures(
    self, read: Sequence[Any], truths: Sequence[Any], seed: int
  ) -> Estimates:
    """Measures what was read."""

  def measured(
    self, targets: Targets, inferences: Inferences, seed: int
  ) -> Measured:
    """Measures one task."""
    written = inferences["prediction"]
    read = [self._read(text) for text in written]
    answers = _answers(targets, written, read)
    return Measured(self._figures(read, answers.truths, seed), answers)


@dataclasses.dataclass(frozen=True)
class Ratings(_Read):
  """RMSE and MAE of ratings in text, and the share that cannot be parsed.

  See `ratings.measure`.

  Attributes:
    low: The lowest rating of the scale.
    high: The highest.
  """

  low: float
  high: float

  def postprocess(self, output: str, example: Mapping, is_target: bool) -> Any:
    """Returns the target. The rating is in `rating`, or in the target text.

    Raises:
      InputError: Neither is a rating of the scale.
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

  The task's candidates are the texts of the ratings, in the order of `scale`.

  Attributes:
    scale: The ratings, e.g. (1, 2, 3, 4, 5).
  """

  scale: tuple[float, ...]
  output = "score"

  def postprocess(self, output: str, example: Mapping, is_target: bool) -> Any:
    """Returns the target; see `Ratings.postprocess`."""
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
      InputError: There is not one score for each rating of the scale.
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
class Attributes(_Read):
  """Accuracy of a user's attributes; see `user_attributes.measure`.

  Attributes:
    names: Names of the attributes. A user need not have all of them.
    numbers: The names whose values are numbers.
  """

  names: tuple[str, ...]
  numbers: tuple[str, ...] = ()

  def postprocess(self, output: str, example: Mapping, is_target: bool) -> Any:
    """Returns the target: the attributes that the target text gives.

    Raises:
      InputError: It gives none of them.
    """
    if not is_target:
      return output
    truth = user_attributes.parse(output, self.names)
    if not truth:
      raise InputError(
        f"instance {int(example['instance'])}: expected at least one of the "
        f"attributes {list(self.names)} in the target, got {output!r}"
      )
    return _asked(example, truth=truth)

  def _read(self, text: str) -> dict[str, str]:
    return user_attributes.parse(forms.spoken(text), self.names)

  def _figures(
    self,
    read: Sequence[dict[str, str]],
    truths: Sequence[dict[str, str]],
    seed: int,
  ) -> Estimates:
    return user_attributes.measure(read, truths, self.names, seed, self.numbers)


@dataclasses.dataclass(frozen=True)
class Texts(_Written):
  """BLEU and ROUGE of free texts against the target text."""

  def postprocess(self, output: str, example: Mapping, is_target: bool) -> Any:
    """Returns the target: the target text."""
    return _asked(example, truth=output) if is_target else output

  def measured(
    self, targets: Targets, inferences: Inferences, seed: int
  ) -> Measured:
    """Measures one task; see `texts.measure`."""
    written = list(inferences["prediction"])
    answers = _answers(targets, written, None)
    said = [forms.spoken(text) for text in written]
    return Measured(texts.measure(said, answers.truths, seed), answers)


@dataclasses.dataclass(frozen=True)
class Lists:
  """Ranking metrics and validity of written lists of titles.

  Examples have relevant_items, as item codes. They may have candidate_items,
  the items to rank (by default the whole catalogue), and history_items, the
  user's history. Without a catalogue they have candidates_pretokenized, the
  candidates' titles, and no other title is known.

  Attributes:
    titles: Returns the catalogue's titles, by item code. It is called when
      first needed, so a task can be declared without data. None means that
      there is no catalogue.
    wanted: The number of titles asked for. By default, that of the candidates.
    procedure: The name of this ranking, if the task also ranks by scores. It
      prefixes SeqIO's figures and names the folder of the results.
  """

  titles: Callable[[], Sequence[str]] | None = None
  wanted: int | None = None
  procedure: str | None = None
  output = "prediction"

  @functools.cached_property
  def _titles(self) -> generated_lists.Titles:
    if self.titles is None:
      raise ValueError("without a catalogue each request has titles of its own")
    return generated_lists.Titles(self.titles())

  def postprocess(self, output: str, example: Mapping, is_target: bool) -> Any:
    """Returns the target."""
    if not is_target:
      return output
    asked = {
      name: np.asarray(example.get(f"{name}_items", ())).tolist()
      for name in ("relevant", "candidate", "history")
    }
    if self.titles is None:
      asked["titles"] = [
        title.decode() for title in example["candidates_pretokenized"]
      ]
      if len(asked["titles"]) != len(asked["candidate"]):
        raise InputError(
          f"instance {int(example['instance'])}: expected a title for each of "
          f"its {len(asked['candidate'])} candidates, got {asked['titles']}"
        )
    return _asked(example, truth=asked.pop("relevant"), **asked)

  def __call__(
    self, targets: Targets, predictions: Sequence[str]
  ) -> dict[str, float]:
    """Measures one task, for SeqIO."""
    found = self.measured(targets, {"prediction": predictions}, _SEED)
    figures = {}
    if found.predictions is not None:
      figures = resampling.means(metrics.measure(found.predictions.outcomes))
    figures |= _values(found.further, len(targets))
    prefix = f"{self.procedure}/" if self.procedure else ""
    return {f"{prefix}{name}": value for name, value in figures.items()}

  def measured(
    self, targets: Targets, inferences: Inferences, seed: int
  ) -> Measured:
    """Measures one task; see `generated_lists.validity`.

    Raises:
      InputError: As `Predictions.of`, or the number wanted is unknown.
    """
    written = inferences["prediction"]
    lists = [
      self._listed(target, text)
      for target, text in zip(targets, written, strict=True)
    ]
    read = [[list(place) for place in listed.places] for listed in lists]
    validity = generated_lists.validity(lists, seed)
    if self.titles is None:  # The catalogue is unknown.
      del validity["out_of_catalogue"]
    return Measured(
      validity,
      _answers(targets, written, read),
      self._predictions(targets, lists),
    )

  def _listed(self, target: Target, text: str) -> generated_lists.Listed:
    """Parses the answer to a request."""
    wanted = self._wanted(target)
    if self.titles is None:
      titles = generated_lists.Titles(target["titles"], target["candidate"])
      listed = titles.read(text, wanted, history=set(target["history"]))
      return dataclasses.replace(
        listed, out_of_catalogue=0, out_of_candidates=listed.out_of_catalogue
      )
    return self._titles.read(
      text,
      wanted,
      set(target["candidate"]) if target["candidate"] else None,
      set(target["history"]),
    )

  def _wanted(self, target: Target) -> int:
    wanted = self.wanted or len(target["candidate"])
    if not wanted or not (self.titles or target["candidate"]):
      raise InputError(
        f"instance {target['instance']} has no candidates: give Lists `wanted` "
        "(how many titles) and `titles` (the catalogue's titles)"
      )
    return wanted

  def _predictions(
    self, targets: Targets, lists: Sequence[generated_lists.Listed]
  ) -> Predictions:
    """Returns the lists as scores of the candidates, or of the listed items."""
    num_items = len(self.titles()) if self.titles else 0
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
