"""Puts the results of several systems side by side: a table and a page."""

import dataclasses
import functools
import itertools
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from instructrec_jax.artifacts import atomic_write_text
from instructrec_jax.errors import InputError
from instructrec_jax.eval import results
from instructrec_jax.eval.metrics import Estimate, RankCounts

# A result of this name is the best any scorer can do on simulated data: it is
# what others are held against, and is not the best of them.
OPTIMUM = "optimum"

NOT_COMPARABLE = (
  "These tables were measured on different requests: compare figures within "
  "a table, never across."
)


@dataclasses.dataclass(frozen=True)
class System:
  """One result with its predictions, under the name that tables show."""

  label: str
  folder: Path
  result: results.Result
  predictions: results.Predictions

  @property
  def counts(self) -> RankCounts:
    """The histogram of ranks."""
    return self.predictions.counts()


@dataclasses.dataclass(frozen=True)
class Group:
  """Systems that answered the very same requests, best first.

  Attributes:
    systems: the optimum, if there is one, then by the first metric.
    metrics: the metrics to show.
    constant: those left out, as every scorer reaches 1 on these requests.
  """

  systems: list[System]
  metrics: list[str]
  constant: list[str]

  @property
  def first(self) -> results.Result:
    """Any one result: dataset, n and chance are everyone's."""
    return self.systems[0].result

  @property
  def split(self) -> str:
    """The split, whole, that all requests are from."""
    return _whole(self.first.split)

  @property
  def optimum(self) -> System | None:
    """The system that the others are held against."""
    found = [s for s in self.systems if s.result.system == OPTIMUM]
    return found[0] if found else None

  def best(self, metric: str) -> set[str]:
    """Returns the labels of the best of several systems; a tie has more."""
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
    """Returns which part of the optimum `value` is; None without one."""
    if self.optimum is None:
      return None
    return value / self.optimum.result.metrics[metric].value

  @property
  def heading(self) -> str:
    """What was measured, in a line."""
    first = self.first
    sizes = np.flatnonzero(self.systems[0].counts.by_size)
    size = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    return (
      f"{first.dataset}, {self.split}: {first.n:,} requests of {size} "
      "candidates, one of them positive"
    )

  @property
  def notes(self) -> list[str]:
    """What a reader must know to read the figures right."""
    notes = []
    if self.constant:
      names = ", ".join(map(title, self.constant))
      notes.append(f"{names} not shown: 1 for any scorer on so few candidates.")
    if self.optimum is not None:
      notes.append(
        f"{self.optimum.label}: the best to expect of any scorer that is told "
        "nothing about the target; the data is simulated, so its law is known."
      )
    for s in self.systems:
      for reason, count in s.result.skipped.items():
        notes.append(f"{s.label}: {count:,} requests left out: {reason}.")
    # By the names of tasks: intentions 1 and 2 are made from the target.
    tasks = {s.result.task for s in self.systems if s.result.task}
    notes += [
      f"{task}: its intention was written from the target, so it measures the "
      "understanding of a query."
      for task in sorted(tasks)
      if re.search(r"_i[12](_|$)", task)
    ]
    return notes


def report(
  result_folders: Sequence[str | Path],
  out: str | Path | None = None,
  data_dir: str | Path | None = None,
  training_log: str | Path | None = None,
) -> str:
  """Compares results.

  Args:
    result_folders: folders with a metrics.json and predictions.jsonl each.
    out: where the page goes, a single file without outside resources; None
      for no page.
    data_dir: where the records lie, for titles and histories in the page's
      examples; None for item codes.
    training_log: a metrics.jsonl with a step and a loss a line, for a curve
      in the page; None for no curve.

  Returns:
    The table, plain ASCII, as wide as its metrics need.

  Raises:
    InputError: a folder or file cannot be used; the message says which.
  """
  groups = load(result_folders)
  if out is not None:
    # Only the page needs drawing and templates.
    from instructrec_jax.eval import page

    losses = None if training_log is None else read_losses(Path(training_log))
    html = page.render(groups, data_dir, losses)
    atomic_write_text(Path(out), html)
  return table(groups)


def title(metric: str) -> str:
  """Returns a metric's name as tables show it."""
  return metric.upper()


def load(folders: Sequence[str | Path]) -> list[Group]:
  """Reads result folders, and groups what may be compared.

  Systems of one dataset and split that did not answer the same requests (one
  may have left out what is too long for it) are compared on those they share;
  the notes of the group say so.

  Raises:
    InputError: there is no folder, one cannot be read, or its two files are
      not of one evaluation.
  """
  paths = list(
    dict.fromkeys(path for folder in folders for path in _results_in(folder))
  )
  if not paths:
    raise InputError("nothing to report: no result folder was given")
  read = [_read(path) for path in paths]

  def posed(system: System) -> tuple:
    result = system.result
    return (
      result.dataset,
      _whole(result.split),
      system.predictions.candidates.shape[1],
    )

  buckets = itertools.groupby(sorted(read, key=posed), key=posed)
  return [
    _group(systems)
    for _, bucket in buckets
    for systems in _comparable(list(bucket))
  ]


def _results_in(folder: str | Path) -> list[Path]:
  """Returns the result folders at or below `folder`, or else itself."""
  found = sorted(Path(folder).rglob(results.METRICS_FILE))
  return [path.parent for path in found] or [Path(folder)]


def _comparable(systems: list[System]) -> list[list[System]]:
  """Splits systems into lists that answered the same requests.

  Where some left out requests that others answered, all are measured again on
  those they share. Where their candidates differ, nothing can be shared.
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
  predictions = predictions.take(np.isin(predictions.instances, instances))
  result = system.result
  description = {
    name: getattr(result, name)
    for name in ("system", "dataset", "task", "split", "seed", "step")
  }
  left_out = result.n - predictions.n
  reason = "only some systems answered them"
  skipped = dict(result.skipped) | ({reason: left_out} if left_out else {})
  return dataclasses.replace(
    system,
    predictions=predictions,
    result=predictions.result(**description, skipped=skipped),
  )


def table(groups: Iterable[Group]) -> str:
  """Returns all groups as one text."""
  groups = list(groups)
  parts = ["\n".join(_lines(group)) for group in groups]
  if len(parts) > 1:
    parts.append(NOT_COMPARABLE)
  return "\n\n".join(parts) + "\n"


def read_losses(path: Path) -> tuple[np.ndarray, np.ndarray]:
  """Reads the training losses of a metrics.jsonl.

  A run that was resumed may have written a step twice: the later line holds.

  Args:
    path: a file of JSON lines; those without a loss belong to other series.

  Returns:
    steps int64 [S] ascending, and losses float64 [S].

  Raises:
    InputError: it is absent, a line is no JSON object, or none has a loss.
  """
  losses = {}
  try:
    lines = path.read_text(encoding="utf-8").splitlines()
  except (FileNotFoundError, IsADirectoryError):
    raise InputError(
      f"{path}: expected a file with a step and a loss a line"
    ) from None
  for number, line in enumerate(lines, start=1):
    try:
      row = json.loads(line)
      if "loss" in row:
        losses[int(row["step"])] = float(row["loss"])
    except (ValueError, KeyError, TypeError) as error:
      raise InputError(
        f'{path}, line {number}: expected {{"step": ..., "loss": ...}}, got '
        f"{line!r:.80} ({error!r})"
      ) from error
  if not losses:
    raise InputError(f"{path}: no line has a loss")
  steps = np.array(sorted(losses), dtype=np.int64)
  return steps, np.array([losses[step] for step in steps.tolist()])


def _whole(split: str) -> str:
  """Returns the split that e.g. "test_2k" is a sample of."""
  return split.partition("_")[0]


def _read(folder: Path) -> System:
  result = results.read_result(folder)
  predictions = results.read_predictions(folder)
  measured = predictions.counts().means()
  claimed = {name: e.value for name, e in result.metrics.items()}
  if (
    predictions.fingerprint() != result.requests
    or measured.keys() != claimed.keys()
    or any(abs(measured[m] - claimed[m]) > 1e-9 for m in measured)
  ):
    raise InputError(
      f"{folder}: {results.METRICS_FILE} does not follow from "
      f"{results.PREDICTIONS_FILE}, so they are not of one evaluation: "
      "evaluate again"
    )
  return System(result.system, folder, result, predictions)


def _group(systems: list[System]) -> Group:
  systems = _labelled(systems)
  chance = systems[0].result.chance
  constant = [name for name, value in chance.items() if value >= 1.0]
  metrics = [name for name in chance if name not in constant] or list(chance)
  systems.sort(
    key=lambda s: (
      s.result.system != OPTIMUM,
      -s.result.metrics[metrics[0]].value,
      s.label,
    )
  )
  return Group(systems, metrics, constant)


def _labelled(systems: list[System]) -> list[System]:
  """Adds to names that are not unique what tells them apart."""
  for addition in (
    lambda s: s.result.task,
    lambda s: None if s.result.step is None else f"step {s.result.step}",
    lambda s: str(s.folder),
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


def _lines(group: Group) -> list[str]:
  """Returns a group as lines of text, columns aligned."""
  rows = [["", *(f"{title(m)} " for m in group.metrics)]]

  def add_share(values: dict[str, float]) -> None:
    if group.optimum is not None:
      shares = (group.share(m, values[m]) for m in group.metrics)
      rows.append(["  of optimum", *(f"{share:.1%} " for share in shares)])

  for s in group.systems:
    estimates = {m: s.result.metrics[m] for m in group.metrics}
    values = {m: e.value for m, e in estimates.items()}
    rows.append(
      [
        s.label,
        *(
          f"{value:.4f}{'*' if s.label in group.best(m) else ' '}"
          for m, value in values.items()
        ),
      ]
    )
    rows.append(["  95 % interval", *map(_interval, estimates.values())])
    if s is not group.optimum:
      add_share(values)
  chance = group.first.chance
  rows.append(["chance", *(f"{chance[m]:.4f} " for m in group.metrics)])
  add_share(chance)

  widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
  aligned = [
    row[0].ljust(widths[0])
    + "".join(
      " " + cell.rjust(width)
      for cell, width in zip(row[1:], widths[1:], strict=True)
    )
    for row in rows
  ]
  return [
    group.heading,
    "",
    *(line.rstrip() for line in aligned),
    "",
    "Chance is by formula."
    + (
      " * marks the best system compared."
      if group.best(group.metrics[0])
      else ""
    ),
    *group.notes,
  ]


def _interval(estimate: Estimate) -> str:
  """Returns e.g. ".4512-.4731": a zero less, so that a row fits a screen."""
  return (
    "-".join(
      f"{bound:.4f}".removeprefix("0")
      for bound in (estimate.low, estimate.high)
    )
    + " "
  )
