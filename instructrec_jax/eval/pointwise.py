"""Yes or no, candidate by candidate: is the answer right, is it too sure?

Dimension letters: B requests, C candidates, N candidates of all requests.
"""

from collections.abc import Mapping

import numpy as np

from instructrec_jax.errors import InputError
from instructrec_jax.eval import resampling
from instructrec_jax.eval.metrics import Outcomes


def log_probability(log_yes: np.ndarray, log_no: np.ndarray) -> np.ndarray:
  """Returns log(p(yes) / (p(yes) + p(no))), of whatever shape."""
  return -np.logaddexp(0.0, log_no.astype(np.float64) - log_yes)


def measure(
  log_odds_BxC: np.ndarray,
  labels_BxC: np.ndarray,
  seed: int,
  mask_BxC: np.ndarray | None = None,
) -> dict[str, resampling.Estimate]:
  """Measures answers.

  Args:
    log_odds_BxC: log p(yes) - log p(no) of each candidate; finite.
    labels_BxC: whether yes is right.
    seed: of the bootstrap, which draws whole requests.
    mask_BxC: True where there is a candidate; None where every column is one.

  Returns:
    log_loss, in nats a candidate, and accuracy, where even odds are wrong.

  Raises:
    InputError: there is no request, or the shapes do not match.
  """
  odds_BxC, labels_BxC = np.asarray(log_odds_BxC), np.asarray(labels_BxC, bool)
  mask_BxC = np.ones(odds_BxC.shape, bool) if mask_BxC is None else mask_BxC
  if not odds_BxC.shape == labels_BxC.shape == mask_BxC.shape:
    raise InputError(
      "log-odds, labels and mask: expected one shape, got "
      f"{[list(a.shape) for a in (odds_BxC, labels_BxC, mask_BxC)]}"
    )
  # How far the odds are for what is right.
  right_BxC = np.where(labels_BxC, odds_BxC, -odds_BxC).astype(np.float64)
  right_BxC = np.where(mask_BxC, right_BxC, 0.0)
  columns = {
    "loss": np.where(mask_BxC, np.logaddexp(0.0, -right_BxC), 0.0),
    "right": mask_BxC & (right_BxC > 0),
    "candidates": mask_BxC,
  }
  # Added up candidate by candidate: padding changes nothing, to the last bit.
  sums = {name: np.cumsum(c, axis=1)[:, -1] for name, c in columns.items()}

  def figures(means: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {
      "log_loss": means["loss"] / means["candidates"],
      "accuracy": means["right"] / means["candidates"],
    }

  return resampling.estimates(sums, seed, figures)


def auc(scores_N: np.ndarray, labels_N: np.ndarray) -> float:
  """Returns the share of pairs, one right and one not, that are in order.

  Over all candidates of all requests, unlike `metrics.auc`, which compares
  within a request. A pair of one score is not in order.

  Args:
    scores_N: greater is surer of yes.
    labels_N: whether yes is right.

  Raises:
    InputError: there is no right one, or none that is not.
  """
  right_N = np.asarray(labels_N, bool)
  if right_N.all() or not right_N.any():
    raise InputError(
      f"AUC takes right and wrong ones, got {int(right_N.sum())} right of "
      f"{len(right_N)}"
    )
  everything = Outcomes.of(
    np.asarray(scores_N)[None], right_N[None].astype(np.float64)
  )
  pairs = int(right_N.sum()) * int((~right_N).sum())
  return 1.0 - int((everything.ranks - everything.places).sum()) / pairs
