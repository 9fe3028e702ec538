"""Calibration: whether candidates given 30 % are relevant in 30 % of cases.

Dimension letters: B requests, C candidates, P bins of probability.
"""

import dataclasses

import numpy as np

from instructrec_jax.eval.predictions import Predictions

BINS = 10


@dataclasses.dataclass(frozen=True)
class Reliability:
  """Candidates in bins of their predicted probability.

  Attributes:
    given: float64 [P], the mean probability of a bin's candidates.
    found: float64 [P], the share of them that were relevant.
    counts: int64 [P], their number. Empty bins are left out.
    error: The mean of |given - found|, weighted by the counts (expected
      calibration error, Naeini et al., 2015), from 0 (best) to 1.
  """

  given: np.ndarray
  found: np.ndarray
  counts: np.ndarray
  error: float


def reliability(predictions: Predictions) -> Reliability | None:
  """Measures the calibration of the softmax of log-likelihoods over a request.

  Args:
    predictions: Predictions of a system.

  Returns:
    The reliability in `BINS` bins of equal width. None if a score is above 0
    and so not a log-likelihood, if a request has several relevant candidates,
    or if the candidates are only the best of a catalogue.
  """
  mask_BxC = predictions.mask
  scores_BxC = predictions.scores.astype(np.float64)
  usable = (
    predictions.n
    and (scores_BxC[mask_BxC] <= 0).all()
    and (predictions.outcomes.relevant == 1).all()
    and (predictions.sizes == mask_BxC.sum(axis=1)).all()
    and np.isfinite(scores_BxC.max(axis=1)).all()
  )
  if not usable:
    return None
  p_BxC = np.exp(scores_BxC - scores_BxC.max(axis=1, keepdims=True))
  p_BxC /= p_BxC.sum(axis=1, keepdims=True)
  p_N, right_N = p_BxC[mask_BxC], predictions.gains[mask_BxC] > 0
  bin_N = np.minimum((p_N * BINS).astype(np.int64), BINS - 1)
  counts_P = np.bincount(bin_N, minlength=BINS)
  some_P = counts_P > 0
  counts_P = counts_P[some_P]
  given_P, found_P = (
    np.bincount(bin_N, values_N, minlength=BINS)[some_P] / counts_P
    for values_N in (p_N, right_N)
  )
  error = np.abs(given_P - found_P) @ counts_P / counts_P.sum()
  return Reliability(given_P, found_P, counts_P, float(error))
