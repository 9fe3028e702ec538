"""Ranks a task's requests from the scores of its inputs.

An input asks about all candidates of a request, about one, or about two.
`RANKINGS` has the function that ranks by the answers, for each task form.

Dimension letters: N inputs, B requests, C candidates of the longest list, W
candidates that an input asks about.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from instructrec_jax.errors import InputError
from instructrec_jax.eval import resampling
from instructrec_jax.eval.procedures import comparisons, pointwise
from instructrec_jax.eval.target import Target


@dataclasses.dataclass(frozen=True)
class Ranked:
  """The requests of a task, with a score for each candidate.

  Attributes:
    targets: One for each request, see `evaluator.TARGET_FIELDS`.
    scores: float [B, C], greater is better, -inf past a request's last.
    columns: float64 [B] by name, whose means `figures` takes.
    figures: Computes figures besides the ranking metrics; see
      `resampling.Figures`.
  """

  targets: Sequence[Target]
  scores: np.ndarray
  columns: resampling.Values = dataclasses.field(default_factory=dict)
  figures: resampling.Figures = dict


def likelihood(
  targets: Sequence[Target], scores: np.ndarray
) -> dict[str, Ranked]:
  """Ranks by the log-likelihood of each candidate. An input is a request."""
  return {"likelihood": Ranked(targets, scores)}


def of_yes(targets: Sequence[Target], scores: np.ndarray) -> dict[str, Ranked]:
  """Ranks by the log-odds of yes against no. An input is a candidate.

  Log-odds, unlike probabilities, do not round to 1 and so tie. See
  `pointwise.figures` for the figures.
  """
  requests, rows_N, asked_Nx1, odds_N = _grouped(targets, scores, 1)
  present_BxC = _present(requests)
  scores_BxC = np.full(present_BxC.shape, -np.inf)
  scores_BxC[rows_N, asked_Nx1[:, 0]] = odds_N
  asked_BxC = np.zeros(present_BxC.shape, np.int64)
  np.add.at(asked_BxC, (rows_N, asked_Nx1[:, 0]), 1)
  _check_asked(asked_BxC, present_BxC.astype(np.int64), requests, "candidates")
  columns = pointwise.columns(
    scores_BxC, relevant(requests, present_BxC.shape[1]), present_BxC
  )
  return {"pointwise": Ranked(requests, scores_BxC, columns, pointwise.figures)}


def of_pairs(
  targets: Sequence[Target], scores: np.ndarray
) -> dict[str, Ranked]:
  """Ranks by comparisons of all pairs of candidates. An input is a comparison.

  Figures: comparisons, the number for each request; pair_accuracy, the share of
  pairs of a relevant and an irrelevant candidate that the relevant one wins;
  first_wins, the share that the first-named candidate wins, 1/2 without bias.
  """
  requests, rows_N, asked_Nx2, odds_N = _grouped(targets, scores, 2)
  present_BxC = _present(requests)
  shape = (*present_BxC.shape, present_BxC.shape[1])
  odds_BxCxC, asked_BxCxC = np.zeros(shape), np.zeros(shape, np.int64)
  first_N, second_N = asked_Nx2.T
  odds_BxCxC[rows_N, first_N, second_N] = odds_N
  odds_BxCxC[rows_N, second_N, first_N] = -odds_N
  np.add.at(asked_BxCxC, (rows_N, first_N, second_N), 1)
  np.add.at(asked_BxCxC, (rows_N, second_N, first_N), 1)
  compared_BxCxC = present_BxC[:, :, None] & present_BxC[:, None, :]
  compared_BxCxC &= ~np.eye(shape[1], dtype=bool)
  _check_asked(asked_BxCxC, compared_BxCxC.astype(np.int64), requests, "pairs")
  rankings = {
    "bradley_terry": comparisons.bradley_terry(odds_BxCxC, compared_BxCxC),
    "copeland": comparisons.copeland(odds_BxCxC),
  }
  relevant_BxC = relevant(requests, shape[1])
  columns = comparison_columns(
    rows_N,
    odds_N,
    relevant_BxC[rows_N, first_N].astype(np.int64)
    - relevant_BxC[rows_N, second_N],
    len(requests),
  )
  return {
    name: Ranked(
      requests,
      np.where(present_BxC, scores_BxC, -np.inf),
      columns,
      comparison_figures,
    )
    for name, scores_BxC in rankings.items()
  }


# How a task of each form is ranked. The first of several rankings is the main
# one.
RANKINGS = {
  "t0": of_yes,
  "t1": of_pairs,
  "t2": likelihood,
  "t3": likelihood,
}


def ranked(targets: Sequence[Target], scores: Any) -> dict[str, Ranked]:
  """Ranks the requests of one task in all ways of its form.

  Args:
    targets: One for each input, see `evaluator.ranking_metric_fn`. Without a
      "form" an input is a request.
    scores: The model's scores.

  Returns:
    The rankings by name.

  Raises:
    InputError: An input of a request is missing or comes twice, or the scores
      have the wrong shape.
  """
  form = targets[0].get("form", "t2") if targets else "t2"
  return RANKINGS[form](targets, scores)


def comparison_columns(
  rows_N: np.ndarray, odds_N: np.ndarray, right_N: np.ndarray, count: int
) -> dict[str, np.ndarray]:
  """Returns the columns of `comparison_figures`, for each request.

  Args:
    rows_N: The request of each comparison.
    odds_N: Log-odds that the first-named candidate is preferred.
    right_N: 1 if it should be, -1 if the second should be, else 0.
    count: B.
  """
  sums = {
    "comparisons": np.ones(len(rows_N)),
    "first": (np.sign(odds_N) + 1.0) / 2.0,
    "decisive": np.abs(right_N),
    "decided": right_N * odds_N > 0,
  }
  return {
    name: np.bincount(rows_N, column_N, minlength=count)
    for name, column_N in sums.items()
  }


def comparison_figures(
  means: Mapping[str, np.ndarray],
) -> dict[str, np.ndarray]:
  """Returns the figures of comparisons; see `of_pairs`."""
  return {
    "comparisons": means["comparisons"],
    "pair_accuracy": means["decided"] / means["decisive"],
    "first_wins": means["first"] / means["comparisons"],
  }


def relevant(requests: Sequence[Target], width: int) -> np.ndarray:
  """Returns which of the first `width` candidates are targets, bool [B, C]."""
  found_BxC = np.zeros((len(requests), width), bool)
  for row, request in enumerate(requests):
    candidates = np.asarray(request["candidates"])
    found_BxC[row, : len(candidates)] = np.isin(candidates, request["target"])
  return found_BxC


def _grouped(
  targets: Sequence[Target], scores: Any, width: int
) -> tuple[list[Target], np.ndarray, np.ndarray, np.ndarray]:
  """Groups inputs with two answers each by their requests.

  Returns:
    A target of each request, in the order of first occurrence; the request [N]
    of each input, the columns [N, W] that it asks about, and the log-odds [N]
    of its first answer against its second.

  Raises:
    InputError: An input lacks two scores, or asks about invalid columns.
  """
  scores_NxA = np.asarray(scores, np.float64)
  if (
    scores_NxA.ndim != 2
    or len(scores_NxA) != len(targets)
    or (scores_NxA.shape[1] < 2)
  ):
    raise InputError(
      f"scores: expected at least two for each of {len(targets)} inputs, got "
      f"the shape {list(scores_NxA.shape)}"
    )
  instances, first, rows_N = np.unique(
    [target["instance"] for target in targets],
    return_index=True,
    return_inverse=True,
  )
  order = np.argsort(first)
  place = np.empty_like(order)
  place[order] = np.arange(len(instances))
  requests = [targets[at] for at in first[order].tolist()]
  asked_NxW = np.array([target["asked"] for target in targets])
  rows_N = place[rows_N]
  counts_N = np.array([len(r["candidates"]) for r in requests])[rows_N]
  if (
    asked_NxW.shape != (len(targets), width)
    or not ((asked_NxW >= 0) & (asked_NxW < counts_N[:, None])).all()
  ):
    raise InputError(
      f"asked: expected {width} columns of its candidates for each input, got "
      f"the shape {list(asked_NxW.shape)}"
    )
  return requests, rows_N, asked_NxW, scores_NxA[:, 0] - scores_NxA[:, 1]


def _present(requests: Sequence[Target]) -> np.ndarray:
  """Returns where there are candidates, bool [B, C]."""
  counts_B = np.array([len(r["candidates"]) for r in requests])
  return np.arange(counts_B.max()) < counts_B[:, None]


def _check_asked(
  asked: np.ndarray, expected: np.ndarray, requests: list[Target], what: str
) -> None:
  """Raises InputError unless everything was asked once.

  Args:
    asked: How often each was asked about, [B, ...].
    expected: How often it should have been.
    requests: B targets.
    what: What was asked about, for the message.
  """
  wrong_B = (asked != expected).reshape(len(requests), -1).any(axis=1)
  if wrong_B.any():
    row = int(wrong_B.argmax())
    once = int(((asked == 1) & (expected == 1))[row].sum())
    raise InputError(
      f"instance {requests[row]['instance']}: expected each of its "
      f"{int(expected[row].sum())} {what} to be asked about once, got {once} "
      f"asked once, and {int(asked[row].sum())} questions in all"
    )
