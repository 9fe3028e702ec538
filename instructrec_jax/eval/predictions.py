"""Requests with their candidates, and the score that each candidate got.

Dimension letters: B requests, C candidates of the longest list, E targets of
all requests together.
"""

import dataclasses
import functools
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from instructrec_jax.errors import InputError
from instructrec_jax.eval.metrics import Outcomes

# The items among which a request ranks.
RANKED = ("candidates", "catalogue")
# Pads a request that has fewer candidates than others. Item codes are never
# negative.
ABSENT = -1
# The padding of each matrix.
_FILL = {"candidates": ABSENT, "gains": 0.0, "scores": -np.inf}

# One number or one list for each request.
Column = Sequence[Any] | np.ndarray


@dataclasses.dataclass(frozen=True)
class Predictions:
  """Requests and the scores of their candidates.

  Attributes:
    instances: int64 [B], running numbers of the records, each once.
    users: int64 [B], user codes.
    candidates: int64 [B, C] item codes, `ABSENT` after a request's last.
    gains: float64 [B, C], the gain of each. 0 means that it is not relevant.
    scores: float [B, C], greater is better, -inf where `ABSENT`.
    sizes: int64 [B], the number of items ranked. It exceeds the candidates if
      these are only the best of a catalogue and its relevant items.
    attributes: int64 or strings [B] by name, properties that requests can be
      grouped by, such as the wording of their instruction.
  """

  instances: np.ndarray
  users: np.ndarray
  candidates: np.ndarray
  gains: np.ndarray
  scores: np.ndarray
  sizes: np.ndarray
  attributes: Mapping[str, np.ndarray]

  @classmethod
  def of(
    cls,
    instance: Column,
    user: Column,
    target: Column,
    candidates: Column,
    scores: np.ndarray,
    gains: Column | None = None,
    sizes: Column | None = None,
    attributes: Mapping[str, Column] | None = None,
  ) -> "Predictions":
    """Makes predictions, and checks that requests and scores match.

    Args:
      instance: B running numbers.
      user: B user codes.
      target: B item codes, or lists of one or more.
      candidates: B lists of one or more item codes.
      scores: [B, C], in the order of the candidates. The columns past the end
        of a shorter list are -inf.
      gains: Gains of the targets, in the order of `target`, above 0. 1 by
        default.
      sizes: The number of items ranked, if the candidates are only the best of
        them. A target that is not among the candidates then ranks last. None
        means that the candidates are all items.
      attributes: B numbers or strings by name.

    Raises:
      InputError: The shapes do not match; an instance comes twice or has no
        scores, candidates or target; a target is not exactly once among its
        candidates; or there is a score where there is no candidate.
    """
    instance_B = np.asarray(instance, dtype=np.int64)
    user_B = np.asarray(user, dtype=np.int64)
    present_B = np.array([len(row) for row in candidates], dtype=np.int64)
    sizes_B = present_B if sizes is None else np.asarray(sizes, np.int64)
    scores_BxC = _fitting(np.asarray(scores), present_B, instance_B)
    mask_BxC = np.arange(scores_BxC.shape[1]) < present_B[:, None]
    _check_unique(instance_B)
    if not present_B.all():
      raise InputError(
        f"instance {instance_B[present_B.argmin()]}: expected candidates, got "
        "none"
      )
    candidates_BxC = np.full(mask_BxC.shape, ABSENT, dtype=np.int64)
    if len(present_B):
      candidates_BxC[mask_BxC] = np.concatenate(candidates)
    _check_cells(candidates_BxC, scores_BxC, mask_BxC, instance_B)
    asked = cls(
      instance_B,
      user_B,
      candidates_BxC,
      np.zeros(mask_BxC.shape),
      scores_BxC,
      sizes_B,
      {name: np.asarray(c) for name, c in (attributes or {}).items()},
    )
    return _with_targets(asked, target, gains)

  def take(self, rows: np.ndarray) -> "Predictions":
    """Returns some of the requests. `rows` are their indices, or a mask."""
    attributes = {name: c[rows] for name, c in self.attributes.items()}
    return Predictions(
      **{name: column[rows] for name, column in _columns(self)},
      attributes=attributes,
    )

  @property
  def n(self) -> int:
    """The number of requests."""
    return len(self.instances)

  @property
  def mask(self) -> np.ndarray:
    """Where there is a candidate, bool [B, C]."""
    return self.candidates != ABSENT

  @property
  def of_catalogue(self) -> bool:
    """Whether the candidates are only the best of the items ranked."""
    return bool((self.sizes > self.mask.sum(axis=1)).any())

  @functools.cached_property
  def outcomes(self) -> Outcomes:
    """The ranks of the targets. Ties count against the system."""
    return Outcomes.of(self.scores, self.gains, self.mask, self.sizes)

  def fingerprint(self) -> str:
    """Returns a digest of the requests: instances, targets, items to rank.

    Two systems with the same digest are comparable. The order of requests and
    of candidates changes no rank, so it does not change the digest. If a whole
    catalogue was ranked, the candidates are the system's answer and are not
    part of the request.
    """
    asked = self.take(np.argsort(self.instances))
    order_BxC = np.argsort(asked.candidates, axis=1)
    codes_BxC = np.take_along_axis(asked.candidates, order_BxC, axis=1)
    gains_BxC = np.take_along_axis(asked.gains, order_BxC, axis=1)
    given_BxC = codes_BxC[asked.mask.sum(axis=1) == asked.sizes]
    parts = [
      asked.instances,
      codes_BxC[gains_BxC > 0],
      asked.sizes,
      given_BxC[given_BxC != ABSENT],
    ]
    relevant_B = (gains_BxC > 0).sum(axis=1)
    gains_E = gains_BxC[gains_BxC > 0]
    if (relevant_B != 1).any() or (gains_E != 1).any():
      parts += [relevant_B, gains_E.view(np.int64)]
    digest = hashlib.sha256()
    for part in parts:
      digest.update(np.ascontiguousarray(part, dtype="<i8").tobytes())
    return digest.hexdigest()[:16]


def _columns(predictions: Predictions) -> Iterator[tuple[str, np.ndarray]]:
  for field in dataclasses.fields(predictions):
    if field.name != "attributes":
      yield field.name, getattr(predictions, field.name)


def _widened(predictions: Predictions, width: int) -> Predictions:
  """Returns the predictions, padded to more columns."""
  more = ((0, 0), (0, width - predictions.candidates.shape[1]))
  return dataclasses.replace(
    predictions,
    **{
      name: np.pad(getattr(predictions, name), more, constant_values=fill)
      for name, fill in _FILL.items()
    },
  )


def _with_targets(
  asked: Predictions, target: Column, gains: Column | None
) -> Predictions:
  """Adds the targets' gains, and targets that are not among the candidates."""
  rows_E, codes_E = _flat(target, asked, "target")
  gains_E = np.ones(len(codes_E))
  stride = int(codes_E.max(initial=0)) + 1
  keys, counts = np.unique(rows_E * stride + codes_E, return_counts=True)
  if (counts > 1).any():
    row, code = divmod(int(keys[counts.argmax()]), stride)
    raise InputError(
      f"instance {asked.instances[row]}: expected target {code} once, got it "
      "twice"
    )
  if gains is not None:
    gain_rows_E, gains_E = _flat(gains, asked, "gain")
    gains_E = gains_E.astype(np.float64)
    if not np.array_equal(gain_rows_E, rows_E) or not (gains_E > 0).all():
      raise InputError(
        "gains: expected a number above 0 for each target of each request, "
        f"got {len(gains_E)} gains for {len(codes_E)} targets, the smallest "
        f"{gains_E.min()}"
      )
  here_ExC = asked.candidates[rows_E] == codes_E[:, None]
  found_E = here_ExC.sum(axis=1)
  present_B = asked.mask.sum(axis=1)
  all_E = (present_B == asked.sizes)[rows_E]
  wrong_E = (found_E > 1) | ((found_E == 0) & all_E)
  if wrong_E.any():
    at = int(wrong_E.argmax())
    row = rows_E[at]
    listed = asked.candidates[row][asked.mask[row]].tolist()
    raise InputError(
      f"instance {asked.instances[row]}: expected the target {codes_E[at]} "
      f"once among the candidates {listed}, got it {found_E[at]} times"
    )
  columns_E = here_ExC.argmax(axis=1)
  missing_E = found_E == 0
  if missing_E.any():
    # A request's missing targets follow its last candidate.
    rows = rows_E[missing_E]
    place = np.arange(len(rows)) - np.searchsorted(rows, rows)
    columns_E[missing_E] = present_B[rows] + place
    width = max(asked.candidates.shape[1], int(columns_E.max()) + 1)
    asked = _widened(asked, width)
    asked.candidates[rows, columns_E[missing_E]] = codes_E[missing_E]
  asked.gains[rows_E, columns_E] = gains_E
  present_B = asked.mask.sum(axis=1)
  if (asked.sizes < present_B).any():
    row = int((asked.sizes < present_B).argmax())
    raise InputError(
      f"instance {asked.instances[row]}: expected a size of at least "
      f"{present_B[row]}, the number of its candidates and targets, got "
      f"{asked.sizes[row]}"
    )
  return asked


def _flat(
  column: Column, asked: Predictions, what: str
) -> tuple[np.ndarray, np.ndarray]:
  """Flattens numbers, or lists of numbers, into rows [E] and values [E]."""
  counts_B = np.array([np.size(row) for row in column], dtype=np.int64)
  if len(counts_B) != asked.n or not counts_B.all():
    which = (
      f"instance {asked.instances[counts_B.argmin()]} has none"
      if len(counts_B) == asked.n
      else f"got {len(counts_B)} rows for {asked.n}"
    )
    raise InputError(f"expected a {what} for each request: {which}")
  values_E = np.hstack(list(column)) if asked.n else np.zeros(0, np.int64)
  return np.repeat(np.arange(asked.n), counts_B), values_E


def _fitting(
  scores: np.ndarray, present_B: np.ndarray, instance_B: np.ndarray
) -> np.ndarray:
  """Checks the shape of scores, [requests, candidates]; returns floats."""
  n, widest = len(instance_B), int(present_B.max(initial=0))
  if scores.ndim != 2:
    raise InputError(
      "scores: expected the shape [requests, candidates] = "
      f"[{n}, {widest}], got {list(scores.shape)}"
    )
  if len(scores) < n:
    raise InputError(
      f"instance {instance_B[len(scores)]} has no scores: expected {n} rows, "
      f"one for each request, got {len(scores)}"
    )
  if len(scores) > n:
    raise InputError(
      f"scores: expected {n} rows, one for each request, got {len(scores)}"
    )
  if scores.shape[1] < widest:
    row = int((present_B > scores.shape[1]).argmax())
    raise InputError(
      f"instance {instance_B[row]}: expected {present_B[row]} scores, one for "
      f"each candidate, got {scores.shape[1]}"
    )
  return scores if scores.dtype.kind == "f" else scores.astype(np.float64)


def _check_cells(
  candidates_BxC: np.ndarray,
  scores_BxC: np.ndarray,
  mask_BxC: np.ndarray,
  instance_B: np.ndarray,
) -> None:
  bad_BxC = mask_BxC & (candidates_BxC < 0)
  if bad_BxC.any():
    row, column = np.argwhere(bad_BxC)[0]
    raise InputError(
      f"instance {instance_B[row]}, candidate {column}: expected an item "
      f"code, 0 or more, got {candidates_BxC[row, column]}"
    )
  extra_BxC = ~mask_BxC & (scores_BxC != -np.inf)
  if extra_BxC.any():
    row, column = np.argwhere(extra_BxC)[0]
    raise InputError(
      f"instance {instance_B[row]}: expected -inf in column {column} of its "
      f"scores, after its {mask_BxC[row].sum()} candidates, got "
      f"{scores_BxC[row, column]}"
    )


def _check_unique(instance_B: np.ndarray) -> None:
  values, counts = np.unique(instance_B, return_counts=True)
  if (counts > 1).any():
    first = int((counts > 1).argmax())
    raise InputError(
      f"instance {values[first]}: expected once, got {counts[first]} times"
    )
