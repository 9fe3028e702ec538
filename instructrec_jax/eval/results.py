"""What an evaluation leaves behind: metrics.json and predictions.jsonl.

Dimension letters: B requests, C candidates of the longest list.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from instructrec_jax.artifacts import atomic_write_text
from instructrec_jax.errors import InputError
from instructrec_jax.eval import metrics

METRICS_FILE = "metrics.json"
PREDICTIONS_FILE = "predictions.jsonl"

# Stands among the candidates where a request has fewer candidates than others;
# item codes are never negative.
ABSENT = -1


@dataclasses.dataclass(frozen=True)
class Predictions:
  """The scores of every request, and what was asked.

  Attributes:
    instances: int64 [B], the record's running number, each once.
    users: int64 [B], user codes.
    targets: int64 [B], the item code of the positive.
    candidates: int64 [B, C] item codes, `ABSENT` after a request's last.
    scores: float [B, C], greater is better, -inf where `ABSENT`.
  """

  instances: np.ndarray
  users: np.ndarray
  targets: np.ndarray
  candidates: np.ndarray
  scores: np.ndarray

  @classmethod
  def of(
    cls,
    instance: Sequence[int] | np.ndarray,
    user: Sequence[int] | np.ndarray,
    target: Sequence[int] | np.ndarray,
    candidates: Sequence[np.ndarray] | np.ndarray,
    scores: np.ndarray,
  ) -> "Predictions":
    """Checks that questions and answers fit together.

    Args:
      instance: B running numbers.
      user: B user codes.
      target: B item codes.
      candidates: B lists of item codes, of any lengths from 1.
      scores: [B, C], in the order of the candidates; a shorter list's further
        columns are -inf.

    Returns:
      The predictions.

    Raises:
      InputError: the shapes do not match, an instance comes twice or has no
        scores, a target is not exactly once among its candidates, or there
        is a score where there is no candidate.
    """
    instance_B, user_B, target_B = (
      np.asarray(column, dtype=np.int64) for column in (instance, user, target)
    )
    sizes_B = np.array([len(row) for row in candidates], dtype=np.int64)
    scores_BxC = _fitting(np.asarray(scores), sizes_B, instance_B)
    mask_BxC = np.arange(scores_BxC.shape[1]) < sizes_B[:, None]
    candidates_BxC = np.full(mask_BxC.shape, ABSENT, dtype=np.int64)
    if len(sizes_B):
      candidates_BxC[mask_BxC] = np.concatenate(candidates)
    _check_unique(instance_B)
    bad_BxC = mask_BxC & (candidates_BxC < 0)
    if bad_BxC.any():
      row, column = np.argwhere(bad_BxC)[0]
      raise InputError(
        f"instance {instance_B[row]}: candidate {column}: expected an item "
        f"code from 0, got {candidates_BxC[row, column]}"
      )
    found_B = (candidates_BxC == target_B[:, None]).sum(axis=1)
    if (found_B != 1).any():
      row = int((found_B != 1).argmax())
      raise InputError(
        f"instance {instance_B[row]}: expected the target {target_B[row]} "
        f"once among the candidates {candidates_BxC[row].tolist()}, found it "
        f"{found_B[row]} times"
      )
    extra_BxC = ~mask_BxC & (scores_BxC != -np.inf)
    if extra_BxC.any():
      row, column = np.argwhere(extra_BxC)[0]
      raise InputError(
        f"instance {instance_B[row]}: it has {sizes_B[row]} candidates, so "
        f"column {column} of its scores must be -inf, got "
        f"{scores_BxC[row, column]}"
      )
    return cls(instance_B, user_B, target_B, candidates_BxC, scores_BxC)

  def take(self, rows: np.ndarray) -> "Predictions":
    """Returns some of the requests; `rows` indexes or masks them."""
    columns = (
      getattr(self, field.name)[rows] for field in dataclasses.fields(self)
    )
    return Predictions(*columns)

  @property
  def n(self) -> int:
    """The number of requests."""
    return len(self.instances)

  @property
  def mask(self) -> np.ndarray:
    """Where there is a candidate, bool [B, C]."""
    return self.candidates != ABSENT

  @property
  def ranks(self) -> np.ndarray:
    """The rank of each positive, int64 [B] from 1, ties against us."""
    positive_B = np.argmax(self.candidates == self.targets[:, None], axis=1)
    return metrics.ranks_from_scores(self.scores, positive_B, self.mask)

  def counts(self) -> metrics.RankCounts:
    """Returns the histogram of ranks."""
    return metrics.RankCounts.of(self.ranks, self.mask.sum(axis=1))

  def fingerprint(self) -> str:
    """Returns a digest of what was asked: instances, targets, candidates.

    Two systems are comparable where it is the same. The order of the requests
    and of their candidates changes no rank, and does not change it either.
    """
    order_B = np.argsort(self.instances)
    sorted_BxC = np.sort(self.candidates[order_B], axis=1)
    # The number of absent columns depends on the longest list, so only what
    # is present goes in, after its length.
    digest = hashlib.sha256()
    for part in (
      self.instances[order_B],
      self.targets[order_B],
      self.mask[order_B].sum(axis=1),
      sorted_BxC[sorted_BxC != ABSENT],
    ):
      digest.update(np.ascontiguousarray(part, dtype="<i8").tobytes())
    return digest.hexdigest()[:16]

  def result(self, **description: Any) -> "Result":
    """Measures these predictions.

    Args:
      **description: the fields of `Result` that say what was measured:
        system, dataset, task, split, seed and, where they apply, step and
        skipped.

    Returns:
      The result.

    Raises:
      InputError: there is no request.
    """
    counts = self.counts()
    return Result(
      n=counts.n,
      requests=self.fingerprint(),
      metrics=counts.estimates(description["seed"]),
      chance=counts.chance(),
      **description,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
  """One system measured on one split.

  Attributes:
    system: its name in tables.
    dataset: the records' dataset.
    task: the SeqIO task that put the requests into words; None for a system
      that reads the records themselves.
    split: "validation" or "test".
    n: requests measured.
    seed: of the bootstrap, and of a system that draws.
    requests: `Predictions.fingerprint`, equal where results are comparable.
    metrics: name to mean with 95 % interval.
    chance: name to what guessing is expected to reach.
    step: of the checkpoint; None for a system that is not trained by steps.
    skipped: requests that were not measured, by reason.
  """

  system: str
  dataset: str
  task: str | None
  split: str
  n: int
  seed: int
  requests: str
  metrics: dict[str, metrics.Estimate]
  chance: dict[str, float]
  step: int | None = None
  skipped: Mapping[str, int] = dataclasses.field(default_factory=dict)


def write(folder: Path, result: Result, predictions: Predictions) -> None:
  """Writes predictions.jsonl, then metrics.json, each whole or not at all.

  Args:
    folder: where to; made if need be.
    result: goes to metrics.json.
    predictions: one line each: instance, user, candidates, target, scores and
      rank. A score that is not finite is a string ("nan", "-inf", "inf"), as
      JSON has no such numbers.
  """
  folder.mkdir(parents=True, exist_ok=True)
  columns = zip(
    predictions.instances.tolist(),
    predictions.users.tolist(),
    predictions.targets.tolist(),
    predictions.candidates.tolist(),
    predictions.scores.tolist(),
    predictions.ranks.tolist(),
    predictions.mask.sum(axis=1).tolist(),
    np.isfinite(predictions.scores).all(axis=1).tolist(),
    strict=True,
  )
  lines = [
    json.dumps(
      {
        "instance": instance,
        "user": user,
        "candidates": candidates[:size],
        "target": target,
        "scores": scores[:size] if finite else _words(scores[:size]),
        "rank": rank,
      },
      allow_nan=False,
    )
    for (
      instance,
      user,
      target,
      candidates,
      scores,
      rank,
      size,
      finite,
    ) in columns
  ]
  atomic_write_text(folder / PREDICTIONS_FILE, "\n".join(lines) + "\n")
  text = json.dumps(dataclasses.asdict(result), indent=2, allow_nan=False)
  atomic_write_text(folder / METRICS_FILE, text + "\n")


def read_result(folder: Path) -> Result:
  """Reads a folder's metrics.json.

  Raises:
    InputError: it is absent, no JSON, or has other fields than a result.
  """
  path = folder / METRICS_FILE
  row = _loads(_read(path), str(path))
  fields = {field.name for field in dataclasses.fields(Result)}
  if not isinstance(row, dict) or set(row) != fields:
    found = sorted(row) if isinstance(row, dict) else type(row).__name__
    raise InputError(f"{path}: expected {sorted(fields)}, got {found}")
  try:
    row["metrics"] = {
      name: metrics.Estimate(**estimate)
      for name, estimate in row["metrics"].items()
    }
  except (TypeError, AttributeError) as error:
    raise InputError(
      f"{path}: metrics: expected a value, low and high for each name: {error}"
    ) from error
  return Result(**row)


def read_predictions(folder: Path) -> Predictions:
  """Reads a folder's predictions.jsonl.

  Raises:
    InputError: it is absent, a line is not what `write` wrote, or its rank is
      not what its scores give.
  """
  path = folder / PREDICTIONS_FILE
  rows = [
    _loads(line, f"{path}, line {number}")
    for number, line in enumerate(_read(path).splitlines(), start=1)
  ]
  fields = ("instance", "user", "target", "candidates", "scores", "rank")
  for number, row in enumerate(rows, start=1):
    if not isinstance(row, dict) or not row.keys() >= set(fields):
      raise InputError(
        f"{path}, line {number}: expected {list(fields)}, got {row!r:.80}"
      )
    if len(row["scores"]) != len(row["candidates"]):
      raise InputError(
        f"{path}, line {number}: {len(row['candidates'])} candidates but "
        f"{len(row['scores'])} scores"
      )
  width = max((len(row["scores"]) for row in rows), default=0)
  scores_BxC = np.full((len(rows), width), -np.inf)
  for scores_C, row in zip(scores_BxC, rows, strict=True):
    # NumPy reads "nan" and "-inf" where a score is no JSON number.
    scores_C[: len(row["scores"])] = np.asarray(row["scores"], np.float64)
  instance, user, target, candidates, _, rank = (
    [row[field] for row in rows] for field in fields
  )
  predictions = Predictions.of(instance, user, target, candidates, scores_BxC)
  wrong_B = predictions.ranks != np.asarray(rank)
  if wrong_B.any():
    row = int(wrong_B.argmax())
    raise InputError(
      f"{path}, line {row + 1}: its scores give rank "
      f"{predictions.ranks[row]}, but it says {rank[row]}"
    )
  return predictions


def _fitting(
  scores: np.ndarray, sizes_B: np.ndarray, instance_B: np.ndarray
) -> np.ndarray:
  """Returns the scores if they have a row a request, a column a candidate."""
  n, widest = len(instance_B), int(sizes_B.max(initial=0))
  if scores.ndim != 2:
    raise InputError(
      "scores: expected the shape [requests, candidates] = "
      f"[{n}, {widest}], got {list(scores.shape)}"
    )
  if len(scores) < n:
    raise InputError(
      f"instance {instance_B[len(scores)]}: no scores; there are {n} "
      f"requests, but {len(scores)} rows of scores"
    )
  if len(scores) > n:
    raise InputError(
      f"scores: {len(scores)} rows, but only {n} requests; the last is "
      f"{f'instance {instance_B[-1]}' if n else 'missing'}"
    )
  if scores.shape[1] < widest:
    row = int((sizes_B > scores.shape[1]).argmax())
    raise InputError(
      f"instance {instance_B[row]}: it has {sizes_B[row]} candidates, but "
      f"{scores.shape[1]} scores"
    )
  return scores


def _check_unique(instance_B: np.ndarray) -> None:
  values, counts = np.unique(instance_B, return_counts=True)
  if (counts > 1).any():
    first = int((counts > 1).argmax())
    raise InputError(
      f"instance {values[first]}: it comes {counts[first]} times, expected once"
    )


def _words(scores: Sequence[float]) -> list[float | str]:
  return [s if np.isfinite(s) else str(s) for s in scores]


def _read(path: Path) -> str:
  try:
    return path.read_text(encoding="utf-8")
  except FileNotFoundError:
    raise InputError(
      f"{path}: no such file; a result folder holds {METRICS_FILE} and "
      f"{PREDICTIONS_FILE}"
    ) from None


def _loads(text: str, where: str) -> Any:
  try:
    return json.loads(text)
  except json.JSONDecodeError as error:
    raise InputError(f"{where}: not JSON: {error}") from error
