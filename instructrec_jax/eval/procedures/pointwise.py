"""Figures of yes-or-no questions about single candidates.

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
  """Returns the columns whose means `figures` takes, for each request.

  Args:
    log_odds_BxC: log p(yes) - log p(no) of each candidate. All are finite.
    labels_BxC: Whether yes is right.
    mask_BxC: True where there is a candidate. None means everywhere.

  Returns:
    float64 [B] by name. `figures` takes their means, also of resamples. Without
    both right and wrong candidates there are no pairs, and no columns for them.

  Raises:
    InputError: The shapes do not match, or a log-odds is not finite.
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
  # The log-odds of the right answer.
  right_BxC = np.where(labels_BxC, odds_BxC, -odds_BxC).astype(np.float64)
  right_BxC = np.where(mask_BxC, right_BxC, 0.0)
  yes_BxC, no_BxC = mask_BxC & labels_BxC, mask_BxC & ~labels_BxC
  cells = {
    "loss": np.where(mask_BxC, np.logaddexp(0.0, -right_BxC), 0.0),
    "right": mask_BxC & (right_BxC > 0),
    "candidates": mask_BxC,
  }
  auc = {}
  if yes_BxC.any() and no_BxC.any():
    above_BxC = _beaten(odds_BxC, yes_BxC, no_BxC)
    below_BxC = _beaten(-odds_BxC, no_BxC, yes_BxC)
    cells |= {
      "above": above_BxC / no_BxC.sum(),
      "yes": yes_BxC,
      "below": below_BxC / yes_BxC.sum(),
      "no": no_BxC,
    }
    mean = above_BxC.sum() / (yes_BxC.sum() * no_BxC.sum())
    auc = {"auc": np.full(len(odds_BxC), mean)}
  # A cumulative sum, so that padding does not change a single bit.
  return {name: np.cumsum(c, axis=1)[:, -1] for name, c in cells.items()} | auc


def figures(means: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
  """Returns the figures over all candidates of all requests.

  Args:
    means: Means of the `columns`.

  Returns:
    log_loss, in nats a candidate; accuracy, which counts even odds as wrong;
    and, if there are both right and wrong candidates, pooled_auc, the share of
    pairs of the two in which the right one scores higher. Equal scores count as
    wrong. Pairs are of all requests, unlike those of `metrics.auc`. For
    resamples pooled_auc is a linear approximation (Hájek's projection, as in
    DeLong et al., 1988), which compares each candidate with all those of the
    sample.
  """
  found = {
    "log_loss": means["loss"] / means["candidates"],
    "accuracy": means["right"] / means["candidates"],
  }
  if "auc" in means:
    above, below = means["above"] / means["yes"], means["below"] / means["no"]
    found["pooled_auc"] = above + below - means["auc"]
  return found


def _beaten(
  scores_BxC: np.ndarray, these_BxC: np.ndarray, those_BxC: np.ndarray
) -> np.ndarray:
  """Counts, for each of `these`, those of `those` with lower scores."""
  those_N = np.sort(scores_BxC[those_BxC])
  counts_BxC = np.zeros(scores_BxC.shape, np.int64)
  counts_BxC[these_BxC] = np.searchsorted(
    those_N, scores_BxC[these_BxC], side="left"
  )
  return counts_BxC
