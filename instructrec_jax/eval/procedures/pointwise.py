"""Yes or no, candidate by candidate: is the answer right, is it too sure?

Dimension letters: B requests, C candidates, N candidates of all requests.
"""

from collections.abc import Mapping

import numpy as np

from instructrec_jax.errors import InputError


def columns(
  log_odds_BxC: np.ndarray,
  labels_BxC: np.ndarray,
  mask_BxC: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
  """Returns what `figures` are made of, for each request.

  Args:
    log_odds_BxC: log p(yes) - log p(no) of each candidate; finite.
    labels_BxC: whether yes is right.
    mask_BxC: True where there is a candidate; None where every column is one.

  Returns:
    float64 [B] by name; their means, also those of resampled requests, are what
    `figures` takes.

  Raises:
    InputError: the shapes do not match, some log-odds are not finite, or there
      is no right one, or none that is not.
  """
  odds_BxC, labels_BxC = np.asarray(log_odds_BxC), np.asarray(labels_BxC, bool)
  mask_BxC = np.ones(odds_BxC.shape, bool) if mask_BxC is None else mask_BxC
  if not odds_BxC.shape == labels_BxC.shape == mask_BxC.shape:
    raise InputError(
      "log-odds, labels and mask: expected one shape, got "
      f"{[list(a.shape) for a in (odds_BxC, labels_BxC, mask_BxC)]}"
    )
  wrong_BxC = mask_BxC & ~np.isfinite(odds_BxC)
  if wrong_BxC.any():
    row, column = np.argwhere(wrong_BxC)[0]
    raise InputError(
      f"log-odds of row {row}, column {column}: expected a finite number, got "
      f"{odds_BxC[row, column]}"
    )
  # How far the odds are for what is right.
  right_BxC = np.where(labels_BxC, odds_BxC, -odds_BxC).astype(np.float64)
  right_BxC = np.where(mask_BxC, right_BxC, 0.0)
  yes_BxC, no_BxC = mask_BxC & labels_BxC, mask_BxC & ~labels_BxC
  if not yes_BxC.any() or not no_BxC.any():
    raise InputError(
      f"AUC takes right and wrong ones, got {int(yes_BxC.sum())} right of "
      f"{int(mask_BxC.sum())}"
    )
  above_BxC = _beaten(odds_BxC, yes_BxC, no_BxC)
  below_BxC = _beaten(-odds_BxC, no_BxC, yes_BxC)
  cells = {
    "loss": np.where(mask_BxC, np.logaddexp(0.0, -right_BxC), 0.0),
    "right": mask_BxC & (right_BxC > 0),
    "candidates": mask_BxC,
    "above": above_BxC / no_BxC.sum(),
    "yes": yes_BxC,
    "below": below_BxC / yes_BxC.sum(),
    "no": no_BxC,
  }
  # Added up candidate by candidate: padding changes nothing, to the last bit.
  sums = {name: np.cumsum(c, axis=1)[:, -1] for name, c in cells.items()}
  auc = above_BxC.sum() / (yes_BxC.sum() * no_BxC.sum())
  return sums | {"auc": np.full(len(odds_BxC), auc)}


def figures(means: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
  """Returns the figures of all candidates of all requests.

  Args:
    means: of the `columns`.

  Returns:
    log_loss, in nats a candidate; accuracy, where even odds are wrong; and
    pooled_auc, the share of pairs, one right and one not, that are in order: of
    all candidates, unlike `metrics.auc`, which compares within a request. A
    pair of one score is not in order. Of resampled requests it is the linear
    part of what they give (Hájek's projection, as DeLong et al., 1988, use it):
    each candidate is held against all those of the sample.
  """
  above, below = means["above"] / means["yes"], means["below"] / means["no"]
  return {
    "log_loss": means["loss"] / means["candidates"],
    "accuracy": means["right"] / means["candidates"],
    "pooled_auc": above + below - means["auc"],
  }


def _beaten(
  scores_BxC: np.ndarray, these_BxC: np.ndarray, those_BxC: np.ndarray
) -> np.ndarray:
  """Counts for each of `these` how many of `those` have lower scores."""
  those_N = np.sort(scores_BxC[those_BxC])
  counts_BxC = np.zeros(scores_BxC.shape, np.int64)
  counts_BxC[these_BxC] = np.searchsorted(
    those_N, scores_BxC[these_BxC], side="left"
  )
  return counts_BxC
