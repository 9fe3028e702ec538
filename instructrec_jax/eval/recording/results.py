"""The files of an evaluation: metrics.json and the answers.

Ranked items are in predictions.jsonl, written texts in answers.jsonl, and
written lists in both.

Dimension letters: B requests, C candidates of the longest list, E targets of
all requests together.
"""

import dataclasses
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from etils import epath

from instructrec_jax import paths
from instructrec_jax.artifacts import atomic_write_text
from instructrec_jax.errors import InputError
from instructrec_jax.eval import chance, metrics, resampling
from instructrec_jax.eval.answers.answers import Answers
from instructrec_jax.eval.predictions import Predictions
from instructrec_jax.eval.recording import fields
from instructrec_jax.files import json_lines

METRICS_FILE = "metrics.json"
PREDICTIONS_FILE = "predictions.jsonl"
ANSWERS_FILE = "answers.jsonl"
# The fields of every line of predictions.jsonl.
_FIELDS = ("instance", "user", "target", "candidates", "scores", "rank")
_LINE: Mapping[str, fields.Check] = {
  "instance": fields.integer,
  "user": fields.integer,
  "target": fields.code_or_codes,
  "candidates": fields.codes,
  "scores": fields.scores,
  "gains": fields.gains,
  "size": fields.size,
  "attributes": fields.by_name(fields.property_of_request),
}
_RESULT: Mapping[str, fields.Check] = {
  "system": fields.name,
  "dataset": fields.name,
  "task": fields.optional(fields.name),
  "split": fields.name,
  "n": fields.count,
  "seed": fields.count,
  "requests": fields.name,
  "metrics": fields.by_name(fields.estimate),
  "chance": fields.by_name(fields.number),
  "further": fields.by_name(fields.estimate_or_nan),
  "step": fields.optional(fields.count),
  "skipped": fields.by_name(fields.count),
  "procedure": fields.optional(fields.name),
  "ordered": fields.flag,
  "sample": fields.optional(fields.by_name(fields.count)),
  "weights": fields.optional(fields.by_name(fields.number)),
  "trained_on_validation": fields.flag,
}
# More cells of requests and candidates than this must be mostly filled.
_MANY_CELLS = 10**8
_MOST_PADDING = 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
  """One system measured on one split.

  Attributes:
    system: Its name in tables.
    dataset: The records' dataset.
    task: The SeqIO task that wrote the instructions; None for a system that
      reads the records.
    split: "validation" or "test".
    n: The number of requests measured.
    seed: Seed of the bootstrap, and of a random system.
    requests: `Predictions.fingerprint`, or `Answers.fingerprint` if nothing was
      ranked. Results are comparable if it is equal.
    metrics: Ranking metrics, name to mean with 95 % interval. Empty if nothing
      was ranked.
    chance: The expected value of each of them for random guessing, by name.
    further: Other figures, name to value with 95 % interval, such as the RMSE
      of ratings or the validity of lists.
    step: The checkpoint's step; None for a system that is not trained by steps.
    skipped: The number of requests that were not measured, by reason.
    procedure: How scores became rankings, see eval/procedures/; None for a
      system that reads the records.
    ordered: Whether the dataset has an order in time. If not, the order of
      histories and the targets were drawn.
    sample: The number of requests that were drawn from the split, and the seed,
      see `sampling.request_sample`; None for all requests.
    weights: The weights of the score's parts, see `model/exchange.py`:
      prior_weight, popularity_weight and prior_requests, the number of other
      users. None for the plain likelihood, and for other systems.
    trained_on_validation: Whether the system also trained on the targets of
      validation, see `trained.train_on_validation`.
  """

  system: str
  dataset: str
  task: str | None
  split: str
  n: int
  seed: int
  requests: str
  metrics: dict[str, resampling.Estimate]
  chance: dict[str, float]
  further: dict[str, resampling.Estimate] = dataclasses.field(
    default_factory=dict
  )
  step: int | None = None
  skipped: Mapping[str, int] = dataclasses.field(default_factory=dict)
  procedure: str | None = None
  ordered: bool = True
  sample: Mapping[str, int] | None = None
  weights: Mapping[str, float] | None = None
  trained_on_validation: bool = False

  @classmethod
  def of(
    cls,
    predictions: Predictions,
    names: Sequence[str] | None = None,
    **description: Any,
  ) -> "Result":
    """Measures predictions.

    Args:
      predictions: Predictions of one system.
      names: Metrics, as in `metrics.measure`.
      **description: The other fields: system, dataset, task, split, seed and,
        if they apply, step, skipped, procedure, ordered and further.

    Raises:
      InputError: There is no request, or a metric is unknown.
    """
    values = metrics.measure(predictions.outcomes, names)
    return cls(
      n=predictions.n,
      requests=predictions.fingerprint(),
      metrics=resampling.estimates(values, description["seed"]),
      chance=chance.expected(predictions.outcomes, list(values)),
      **description,
    )


def write(
  folder: str | os.PathLike,
  result: Result,
  predictions: Predictions | None,
  answers: Answers | None = None,
) -> None:
  """Writes the answers, then metrics.json. Each file is written atomically.

  A line of predictions is a request: instance, user, candidates, target, scores
  and rank. If a request has several targets, target is a list, and rank the
  list of their ranks, best first. A line also has gains if they are not all 1,
  size if more items than the candidates were ranked, and attributes if there
  are any. A score that is not finite is a string ("nan", "-inf", "inf"),
  because JSON has no such numbers. A line of answers has instance, user, answer
  (the text) and truth; and read, the parsed value, if texts are parsed.

  Args:
    folder: The folder. It is made if it does not exist.
    result: The content of metrics.json.
    predictions: None if nothing was ranked.
    answers: None if no text was written.
  """
  folder = paths.anywhere(folder)
  for name, rows in (
    (PREDICTIONS_FILE, None if predictions is None else _rows(predictions)),
    (ANSWERS_FILE, None if answers is None else answers.rows()),
  ):
    if rows is not None:
      lines = [
        json.dumps(row, allow_nan=False, ensure_ascii=False) for row in rows
      ]
      atomic_write_text(folder / name, "\n".join(lines) + "\n")
  row = dataclasses.asdict(result)
  for estimate in row["further"].values():
    # A figure is NaN e.g. if no rating could be parsed.
    for name, value in estimate.items():
      estimate[name] = value if np.isfinite(value) else None
  text = json.dumps(row, indent=2, allow_nan=False)
  atomic_write_text(folder / METRICS_FILE, text + "\n")


def read_result(folder: str | os.PathLike) -> Result:
  """Reads a folder's metrics.json.

  Raises:
    InputError: It is missing, is not JSON, or has other fields than a result.
  """
  path = paths.anywhere(folder) / METRICS_FILE
  _check_is_there(path)
  row = json_lines.document(path)
  known = {field.name for field in dataclasses.fields(Result)}
  # Older results lack these fields.
  newer = {
    "further", "procedure", "ordered", "sample", "weights",
    "trained_on_validation",
  }  # fmt: skip
  if not isinstance(row, dict) or set(row) | newer != known:
    found = sorted(row) if isinstance(row, dict) else type(row).__name__
    raise InputError(f"{path}: expected {sorted(known)}, got {found!s:.400}")
  return Result(**fields.checked(row, _RESULT, path))


def read_predictions(folder: str | os.PathLike) -> Predictions:
  """Reads a folder's predictions.jsonl.

  Raises:
    InputError: It is missing, a line is not as `write` writes it, or its rank
      does not follow from its scores.
  """
  path = paths.anywhere(folder) / PREDICTIONS_FILE
  _check_is_there(path)
  places, rows = [], []
  for where, row in json_lines.objects(path):
    rows.append(_checked_line(row, where))
    places.append(where)
  _check_attributes(rows, places)
  _check_width(rows, path)
  try:
    predictions = _predictions(rows)
    found = _ranks(predictions)
  except InputError as error:
    raise InputError(f"{path}: {error}") from None
  for where, row, rank in zip(places, rows, found, strict=True):
    if row["rank"] != rank:
      raise InputError(
        f"{where}: expected rank {rank}, which follows from the scores, got "
        f"{row['rank']!r:.80}"
      )
  return predictions


def _checked_line(row: Mapping[str, Any], where: str) -> dict[str, Any]:
  """Returns a line of predictions, checked.

  Raises:
    InputError: A field is missing or wrong.
  """
  if not row.keys() >= set(_FIELDS):
    raise InputError(f"{where}: expected {list(_FIELDS)}, got {row!r:.80}")
  line = fields.checked(row, _LINE, where) | {"rank": row["rank"]}
  if len(line["scores"]) != len(line["candidates"]):
    raise InputError(
      f"{where}: expected {len(line['candidates'])} scores, one for each "
      f"candidate, got {len(line['scores'])}"
    )
  return line


def _check_attributes(
  rows: Sequence[Mapping[str, Any]], places: Sequence[str]
) -> None:
  """Raises InputError if a line's attributes are not those of the first."""

  def kinds(row: Mapping[str, Any]) -> dict[str, str]:
    return {
      name: "a number" if type(value) in (int, float) else type(value).__name__
      for name, value in row.get("attributes", {}).items()
    }

  expected = kinds(rows[0]) if rows else {}
  for where, row in zip(places, rows, strict=True):
    if (found := kinds(row)) != expected:
      raise InputError(
        f"{where}: attributes: expected those of the first line, "
        f"{expected!s:.200}, got {found!s:.200}"
      )


def _check_width(rows: Sequence[Mapping[str, Any]], path: epath.Path) -> None:
  """Raises InputError if one long line would make a huge matrix of all."""
  widths = [len(row["scores"]) for row in rows]
  cells = len(rows) * max(widths, default=0)
  if cells > _MANY_CELLS and cells > _MOST_PADDING * sum(widths):
    raise InputError(
      f"{path}: expected lists of candidates of about one length, got one of "
      f"{max(widths):,} among {len(rows):,} lists with {sum(widths):,} in all"
    )


def _rows(predictions: Predictions) -> Iterator[dict[str, Any]]:
  """Yields the lines of predictions.jsonl."""
  columns = zip(
    predictions.instances.tolist(),
    predictions.users.tolist(),
    predictions.candidates.tolist(),
    predictions.gains.tolist(),
    predictions.scores.tolist(),
    predictions.sizes.tolist(),
    _ranks(predictions),
    predictions.mask.sum(axis=1).tolist(),
    np.isfinite(predictions.scores).all(axis=1).tolist(),
    strict=True,
  )
  for number, (
    instance, user, candidates, gains, scores, size, rank, present, finite,
  ) in enumerate(columns):  # fmt: skip
    targets = [c for c, gain in zip(candidates, gains, strict=True) if gain]
    row = {
      "instance": instance,
      "user": user,
      "candidates": candidates[:present],
      "target": targets if len(targets) > 1 else targets[0],
      "scores": scores[:present] if finite else _words(scores[:present]),
      "rank": rank,
    }
    worth = [gain for gain in gains if gain]
    if any(gain != 1.0 for gain in worth):
      row["gains"] = worth
    if size != present:
      row["size"] = size
    if predictions.attributes:
      row["attributes"] = {
        name: column[number].item()
        for name, column in predictions.attributes.items()
      }
    yield row


def _predictions(rows: Sequence[Mapping[str, Any]]) -> Predictions:
  """Returns the predictions that `_rows` wrote."""
  width = max((len(row["scores"]) for row in rows), default=0)
  scores_BxC = np.full((len(rows), width), -np.inf)
  for scores_C, row in zip(scores_BxC, rows, strict=True):
    scores_C[: len(row["scores"])] = row["scores"]
  attributes = rows[0].get("attributes", {}) if rows else {}
  columns = {name: [row[name] for row in rows] for name in _FIELDS[:4]}
  return Predictions.of(
    columns["instance"],
    columns["user"],
    columns["target"],
    columns["candidates"],
    scores_BxC,
    gains=[row.get("gains", [1.0] * np.size(row["target"])) for row in rows],
    sizes=[row.get("size", len(row["candidates"])) for row in rows],
    attributes={
      name: [row["attributes"][name] for row in rows] for name in attributes
    },
  )


def _ranks(predictions: Predictions) -> list[int | list[int]]:
  """Returns the rank of each request's target, or of its several targets."""
  outcomes = predictions.outcomes
  ranks = np.split(outcomes.ranks, outcomes.firsts[1:])
  return [
    row.tolist() if len(row) > 1 else int(row[0]) for row in ranks if len(row)
  ]


def _words(scores: Sequence[float]) -> list[float | str]:
  return [s if np.isfinite(s) else str(s) for s in scores]


def _check_is_there(path: epath.Path) -> None:
  with paths.reading(path):
    if not path.exists():
      raise InputError(
        f"{path}: no such file; a result folder holds {METRICS_FILE} and "
        f"{PREDICTIONS_FILE}"
      )
