"""Ranks candidates from pairwise comparisons.

Dimension letters: B requests, C candidates.
"""

import numpy as np

from instructrec_jax.errors import InputError

# The part of a draw that each pair is given, see `bradley_terry`.
DRAW = 0.01
# Strengths are rounded to this many decimals, which removes numerical error.
_DECIMALS = 8
_ROUNDS = 10_000
_TOLERANCE = 1e-10


def copeland(odds_BxCxC: np.ndarray) -> np.ndarray:
  """Returns the wins of each candidate, less its losses (Copeland, 1951).

  Only the preferred candidate of a pair matters, not by how much it wins, so
  candidates often tie. Metrics count ties against the system.

  Args:
    odds_BxCxC: Log-odds that the first candidate is preferred to the second,
      the negative of the opposite entry. 0 on the diagonal and for pairs that
      were not compared.

  Returns:
    float64 [B, C].
  """
  return np.sign(odds_BxCxC).sum(axis=2, dtype=np.float64)


def bradley_terry(
  odds_BxCxC: np.ndarray, compared_BxCxC: np.ndarray, draw: float = DRAW
) -> np.ndarray:
  """Returns the log-strengths of maximum likelihood.

  In the model of Bradley and Terry (1952) i is preferred to j with probability
  s_i / (s_i + s_j). A comparison counts as a part of a win for i, equal to the
  probability that it gave, and the rest as a win for j. The MM algorithm of
  Hunter (2004, The Annals of Statistics 32, equation 3) maximizes the
  likelihood, for all requests at once: s_i becomes w_i / sum_j n_ij / (s_i +
  s_j), where w_i are the wins of i and n_ij the comparisons of i and j.

  If every pair was compared equally often, the order is that of the wins.

  Args:
    odds_BxCxC: As in `copeland`.
    compared_BxCxC: Whether a pair was compared. False on the diagonal.
    draw: The part of a draw that is added to each compared pair. It keeps
      strengths finite if a candidate is certain to win. It does not change the
      order if every pair was compared.

  Returns:
    float64 [B, C], with mean 0 over the candidates that were compared, and 0
    for the others.

  Raises:
    InputError: The shapes do not match, or the algorithm does not converge.
  """
  if odds_BxCxC.shape != compared_BxCxC.shape:
    raise InputError(
      f"log-odds: expected the shape of the comparisons "
      f"{list(compared_BxCxC.shape)}, got {list(odds_BxCxC.shape)}"
    )
  count_BxCxC = compared_BxCxC * (1.0 + draw)
  # The logistic function of x is (1 + tanh(x / 2)) / 2, and never overflows.
  won_BxCxC = 0.5 + 0.5 * np.tanh(0.5 * odds_BxCxC.astype(np.float64))
  wins_BxC = (compared_BxCxC * (won_BxCxC + 0.5 * draw)).sum(axis=2)
  some_BxC = np.any(compared_BxCxC, axis=2)
  log_BxC = np.zeros(wins_BxC.shape)
  going = np.flatnonzero(some_BxC.any(axis=1))
  for _ in range(_ROUNDS):
    if not len(going):
      return np.round(log_BxC, _DECIMALS)
    some, before = some_BxC[going], log_BxC[going]
    strength = np.exp(before)
    both = strength[:, :, None] + strength[:, None, :]
    expected = (count_BxCxC[going] / both).sum(axis=2)
    after = np.log(
      np.divide(wins_BxC[going], expected, out=np.ones_like(both[:, 0]),
                where=some)
    )  # fmt: skip
    mean = after.sum(axis=1, keepdims=True) / some.sum(axis=1, keepdims=True)
    log_BxC[going] = np.where(some, after - mean, 0.0)
    moved = np.abs(log_BxC[going] - before).max(axis=1)
    going = going[moved > _TOLERANCE]
  raise InputError(
    f"{len(going)} rankings by comparisons did not converge in {_ROUNDS} "
    "rounds: check that comparisons connect all candidates of each request"
  )
