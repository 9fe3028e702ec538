"""Groups the results that can be compared, and compares their systems."""

import dataclasses
import functools
import itertools
import math
import os
import re
from collections.abc import Mapping, Sequence

import numpy as np
from etils import epath

from instructrec_jax import paths
from instructrec_jax.errors import InputError, unknown
from instructrec_jax.eval import metrics, resampling
from instructrec_jax.eval.predictions import Predictions
from instructrec_jax.eval.recording import results
from instructrec_jax.files import texts
from instructrec_jax.report import exposure
from instructrec_jax.report.background import Background
from instructrec_jax.report.slices import Slice, slices

# A system of this name has the best result possible on simulated data. Others
# are compared with it, and it is never marked as the best.
OPTIMUM = "optimum"
# The numbers of first places whose exposure is measured.
_EXPOSED = (1, 5, 10)


@dataclasses.dataclass(frozen=True)
class System:
  """One result with its predictions.

  Attributes:
    label: The name that tables show.
    folder: The folder that it was read from.
    result: Its figures.
    predictions: Its predictions, in the order of instances.
  """

  label: str
  folder: epath.Path
  result: results.Result
  predictions: Predictions

  @functools.cached_property
  def values(self) -> dict[str, np.ndarray]:
    """The value of each request, float64 [B] by metric."""
    return metrics.measure(self.predictions.outcomes, list(self.result.metrics))


@dataclasses.dataclass(frozen=True)
class SliceMeans:
  """The means of one system on some of the requests."""

  slice: Slice
  label: str
  means: dict[str, float]


@dataclasses.dataclass(frozen=True)
class Group:
  """Systems that answered the same requests, best first.

  Attributes:
    systems: The optimum, if there is one, then the others by the first metric.
    metrics: The metrics to show.
    constant: Metrics left out because they are 1 for any system.
    baseline: The system that the others are tested against, if any.
    background: Data of the records, if any were given.
  """

  systems: list[System]
  metrics: list[str]
  constant: list[str]
  baseline: System | None
  background: Background | None

  @property
  def first(self) -> results.Result:
    """The first result. All have the same dataset, n and chance."""
    return self.systems[0].result

  @property
  def split(self) -> str:
    """The split of all requests, without the name of a sample."""
    return _whole(self.first.split)

  @property
  def optimum(self) -> System | None:
    """The optimum, if there is one."""
    found = [s for s in self.systems if s.result.system == OPTIMUM]
    return found[0] if found else None

  def best(self, metric: str) -> set[str]:
    """Returns the labels of the best systems: several in a tie."""
    values = {
      s.label: s.result.metrics[metric].value
      for s in self.systems
      if s is not self.optimum
    }
    if len(values) < 2:
      return set()  # Nothing was compared.
    top = max(values.values())
    return {label for label, value in values.items() if value == top}

  def share(self, metric: str, value: float) -> float | None:
    """Returns `value` as a share of the optimum; NaN if that is 0."""
    if self.optimum is None:
      return None
    best = self.optimum.result.metrics[metric].value
    return value / best if best else math.nan

  @functools.cached_property
  def p_values(self) -> dict[str, dict[str, float]]:
    """The p-values of the other systems against the baseline, by metric."""
    if self.baseline is None:
      return {}
    return {
      s.label: resampling.paired_p_values(
        {m: s.values[m] for m in self.metrics},
        {m: self.baseline.values[m] for m in self.metrics},
        seed=self.baseline.result.seed,
      )
      for s in self.systems
      if s is not self.baseline
    }

  @functools.cached_property
  def slices(self) -> list[SliceMeans]:
    """Each system's means on slices of the requests, by attribute.

    An attribute with only one value is left out.
    """
    found = [
      SliceMeans(
        part,
        s.label,
        resampling.means({m: s.values[m][part.rows] for m in self.metrics}),
      )
      for s in self.systems
      for part in slices(self._attributes(s))
    ]
    labels: dict[str, set[str]] = {}
    for means in found:
      labels.setdefault(means.slice.attribute, set()).add(means.slice.label)
    return [
      means
      for attribute, values in labels.items()
      if len(values) > 1
      for means in found
      if means.slice.attribute == attribute
    ]

  def _attributes(self, system: System) -> dict[str, np.ndarray]:
    attributes = dict(system.predictions.attributes)
    family = re.search(r"_(p\d_i\d_t\d)$", system.result.task or "")
    if family:
      attributes["family"] = np.full(system.predictions.n, family[1])
    if self.background is not None:
      attributes |= self.background.attributes(system.predictions)
    return attributes

  @functools.cached_property
  def exposure(self) -> dict[str, dict[str, float]]:
    """Coverage, popularity and Gini of the first K, by label and name@K.

    A K that includes all candidates is left out.
    """
    if self.background is None:
      return {}
    fewest = min(s.predictions.sizes.min() for s in self.systems)
    return {
      s.label: {
        f"{name}@{k}": value
        for k in _EXPOSED
        if k < fewest
        for name, value in exposure.measure(
          exposure.top(s.predictions, k), self.background.train_count
        ).items()
      }
      for s in self.systems
    }

  @property
  def ranked(self) -> str:
    """The word for what a request ranks."""
    of_catalogue = self.systems[0].predictions.of_catalogue
    return "items" if of_catalogue else "candidates"

  @property
  def heading(self) -> str:
    """One line on the requests that were measured."""
    first = self.first
    outcomes = self.systems[0].predictions.outcomes
    relevant = _span(outcomes.relevant)
    return (
      f"{first.dataset}, {self.split}: {first.n:,} requests of "
      f"{_span(outcomes.sizes)} {self.ranked}, "
      + ("one of them positive" if relevant == "1" else f"{relevant} relevant")
    )

  @property
  def notes(self) -> list[str]:
    """Notes that a reader needs to understand the figures."""
    notes = []
    if not self.first.ordered:
      notes.append(
        f"{self.first.dataset} has no order in time: the order of histories "
        "and the targets were drawn, so no item is the newest or the next."
      )
    if self.constant:
      names = ", ".join(map(str.upper, self.constant))
      notes.append(f"{names} not shown: always 1 with so few candidates.")
    if self.systems[0].predictions.of_catalogue:
      notes.append(
        "The whole catalogue was ranked, without the items that a request "
        "excludes. A target that was not found ranks last."
      )
    if self.optimum is not None:
      notes.append(
        f"{self.optimum.label} is the best expected result of any system that "
        "does not know the target. It is known because the data is simulated."
      )
    for s in self.systems:
      for reason, count in s.result.skipped.items():
        notes.append(f"{s.label}: {count:,} requests left out ({reason}).")
    notes += [
      f"{s.label} was trained on the targets of validation too."
      for s in self.systems
      if s.result.trained_on_validation
    ]
    notes += [
      f"{s.label}: the score is the log-likelihood of a title, less "
      f"{w['prior_weight']:g} times the log of its mean likelihood after "
      f"{w['prior_requests']:g} other users' requests, plus "
      f"{w['popularity_weight']:g} times log(1 + popularity)."
      for s in self.systems
      if (w := s.result.weights)
    ]
    # Task names tell: intentions I1 and I2 are written from the target.
    tasks = {s.result.task for s in self.systems if s.result.task}
    notes += [
      f"{task}: the intention was written from the target, so this measures "
      "how well a query is understood."
      for task in sorted(tasks)
      if re.search(r"_i[12](_|$)", task)
    ]
    return notes


def load(
  folders: Sequence[str | os.PathLike],
  names: Sequence[str] | None = None,
  baseline: str | None = None,
  data_dir: str | os.PathLike | None = None,
) -> list[Group]:
  """Reads result folders of rankings, and groups comparable ones.

  If systems of one dataset and split answered different requests (one may have
  left out long ones), they are compared on the requests that they share, and
  the notes of the group say so.

  Args:
    folders: Folders with metrics.json and predictions.jsonl, or parents of such
      folders.
    names: Metrics to measure. By default those of the results.
    baseline: The name of a system to test the others against.
    data_dir: The folder of the records, if any.

  Raises:
    InputError: There is no folder, one cannot be read, its two files are not of
      one evaluation, or a name is unknown.
  """
  folders = [
    path
    for path in result_folders(folders)
    if (path / results.PREDICTIONS_FILE).exists()
    or not (path / results.ANSWERS_FILE).exists()
  ]
  read = [_read(path, names) for path in folders]

  def posed(system: System) -> tuple:
    result = system.result
    # The size of a catalogue may differ between requests.
    size = (
      np.inf
      if system.predictions.of_catalogue
      else int(system.predictions.sizes.max(initial=0))
    )
    return result.dataset, _whole(result.split), size

  buckets = itertools.groupby(sorted(read, key=posed), key=posed)
  groups = [
    _group(systems, baseline, data_dir)
    for _, bucket in buckets
    for systems in _comparable(list(bucket))
  ]
  if baseline is not None and not any(group.baseline for group in groups):
    labels = {name for g in groups for s in g.systems for name in _names(s)}
    raise unknown("baseline among the results:", baseline, labels)
  return groups


def result_folders(folders: Sequence[str | os.PathLike]) -> list[epath.Path]:
  """Returns the result folders at or below some folders, each once.

  Raises:
    InputError: No folder was given.
  """
  found = list(
    dict.fromkeys(path for folder in folders for path in _results_in(folder))
  )
  if not found:
    raise InputError("expected result folders to report, got none")
  return found


def _results_in(folder: str | os.PathLike) -> list[epath.Path]:
  """Returns the result folders at or below `folder`, or `folder` if none."""
  top = paths.anywhere(folder)
  with paths.reading(top):
    found = [at for at, _, files in top.walk() if results.METRICS_FILE in files]
  return sorted(found, key=lambda at: at / results.METRICS_FILE) or [top]


def _comparable(systems: list[System]) -> list[list[System]]:
  """Splits systems into lists that answered the same requests.

  If some left out requests that others answered, all are measured again on the
  shared ones. If their candidates differ, they cannot be compared.
  """
  if len({s.result.requests for s in systems}) == 1:
    return [systems]
  shared = functools.reduce(
    np.intersect1d, (s.predictions.instances for s in systems)
  )
  restricted = [_restricted(s, shared) for s in systems] if len(shared) else []
  if len({s.result.requests for s in restricted}) == 1:
    return [restricted]
  by_requests: dict[str, list[System]] = {}
  for s in systems:
    by_requests.setdefault(s.result.requests, []).append(s)
  return list(by_requests.values())


def _restricted(system: System, instances: np.ndarray) -> System:
  predictions = system.predictions
  kept = predictions.take(np.isin(predictions.instances, instances))
  reason = "only some systems answered them"
  left_out = {reason: predictions.n - kept.n} if kept.n < predictions.n else {}
  return _measured(
    dataclasses.replace(system, predictions=kept),
    list(system.result.metrics),
    left_out,
  )


def _measured(
  system: System,
  names: Sequence[str],
  left_out: Mapping[str, int] | None = None,
) -> System:
  """Returns the system, measured again with these metrics."""
  result = system.result
  description = {
    name: getattr(result, name)
    for name in (
      "system",
      "dataset",
      "task",
      "split",
      "seed",
      "step",
      "procedure",
      "further",
      "sample",
      "weights",
      "trained_on_validation",
    )
  }
  skipped = dict(result.skipped) | (left_out or {})
  measured = results.Result.of(
    system.predictions, names, **description, skipped=skipped
  )
  return dataclasses.replace(system, result=measured)


def _whole(split: str) -> str:
  """Returns the split of a sample, e.g. "test" for "test_2k"."""
  return split.partition("_")[0]


def _names(system: System) -> tuple[str, str]:
  """Returns the names that a user may give a system."""
  return system.label, system.result.system


def _span(numbers: np.ndarray) -> str:
  low, high = numbers.min(), numbers.max()
  return f"{low}" if low == high else f"{low} to {high}"


def _read(folder: epath.Path, names: Sequence[str] | None) -> System:
  result = results.read_result(folder)
  predictions = results.read_predictions(folder)
  if not result.metrics:
    raise InputError(
      f"{folder / results.METRICS_FILE}: metrics: expected those of a ranking, "
      f"because there is a {results.PREDICTIONS_FILE}, got none"
    )
  claimed = {name: e.value for name, e in result.metrics.items()}
  try:
    measured = resampling.means(
      metrics.measure(predictions.outcomes, list(claimed))
    )
  except InputError as error:
    raise InputError(f"{folder}: {error}") from None
  if (
    predictions.fingerprint() != result.requests
    or predictions.n != result.n
    or claimed.keys() != result.chance.keys()
    or any(abs(measured[m] - claimed[m]) > 1e-9 for m in measured)
  ):
    raise InputError(
      f"{folder}: {results.METRICS_FILE} does not follow from "
      f"{results.PREDICTIONS_FILE}, so they are not of one evaluation. "
      "Evaluate again"
    )
  predictions = predictions.take(np.argsort(predictions.instances))
  system = System(result.system, folder, result, predictions)
  return system if names is None else _measured(system, names)


def _group(
  systems: list[System],
  baseline: str | None,
  data_dir: str | os.PathLike | None,
) -> Group:
  systems = _alike(_labelled(systems))
  chance = systems[0].result.chance
  constant = [name for name, value in chance.items() if value >= 1.0]
  shown = [name for name in chance if name not in constant] or list(chance)
  systems.sort(
    key=lambda s: (
      s.result.system != OPTIMUM,
      -s.result.metrics[shown[0]].value,
      s.label,
    )
  )
  first = systems[0].result
  background = None
  if data_dir is not None:
    background = Background.load(data_dir, first.dataset, _whole(first.split))
  return Group(
    systems,
    shown,
    constant,
    next((s for s in systems if baseline in _names(s)), None),
    background,
  )


def _alike(systems: list[System]) -> list[System]:
  """Measures systems again whose metrics are not those of the first."""
  names = systems[0].result.metrics
  return [
    s if s.result.metrics.keys() == names.keys() else _measured(s, list(names))
    for s in systems
  ]


def _labelled(systems: list[System]) -> list[System]:
  """Makes the systems' labels unique."""
  for addition in (
    lambda s: s.result.task,
    lambda s: s.result.procedure,
    lambda s: None if s.result.step is None else f"step {s.result.step}",
    lambda s: texts.plain(str(s.folder)),
  ):
    by_label: dict[str, list[System]] = {}
    for s in systems:
      by_label.setdefault(s.label, []).append(s)
    systems = [
      dataclasses.replace(s, label=f"{s.label}, {addition(s)}")
      if len({addition(other) for other in by_label[s.label]}) > 1
      and addition(s) is not None
      else s
      for s in systems
    ]
  return systems
