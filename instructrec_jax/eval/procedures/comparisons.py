"""From comparisons of two candidates each to a ranking of them all.

Dimension letters: B requests, C candidates.
"""

import numpy as np

from instructrec_jax.errors import InputError

# Of a draw that each pair is given, see `bradley_terry`.
DRAW = 0.01
# Strengths that differ by less are taken for equal: what is left is rounding.
_DECIMALS = 8
_ROUNDS = 10_000
_TOLERANCE = 1e-10


def copeland(odds_BxCxC: np.ndarray) -> np.ndarray:
  """Returns the pairs that each candidate wins less those it loses.

  Copeland, 1951. What decides is only who is the likelier one, not by how much,
  so candidates often end up level; metrics then decide against us.

  Args:
    odds_BxCxC: log-odds that the first of two is preferred to the second, the
      negative of the opposite entry; 0 on the diagonal and where two were not
      compared.

  Returns:
    float64 [B, C].
  """
  return np.sign(odds_BxCxC).sum(axis=2, dtype=np.float64)


def bradley_terry(
  odds_BxCxC: np.ndarray, compared_BxCxC: np.ndarray, draw: float = DRAW
) -> np.ndarray:
  """Returns the log-strengths that explain the comparisons best.

  In the model of Bradley and Terry (1952) i is preferred to j with probability
  s_i / (s_i + s_j). A comparison counts as a win of i by the probability that
  it gave, and as one of j by the rest. The likelihood is climbed by the MM
  algorithm of Hunter (2004, The Annals of Statistics 32, equation 3), for all
  requests at once: s_i becomes w_i / sum_j n_ij / (s_i + s_j), where w_i are
  the wins of i and n_ij the comparisons of i and j.

  Where every two were compared equally often, the order is that of the wins.

  Args:
    odds_BxCxC: as in `copeland`.
    compared_BxCxC: whether two were compared; False on the diagonal.
    draw: of a comparison, added to each pair that was compared, so that no
      strength is infinite where one candidate is sure to win. It changes no
      order where every two were compared.

  Returns:
    float64 [B, C], with mean 0 over those that were compared with any other;
    0 for the others.

  Raises:
    InputError: the shapes do not match, or it does not converge.
  """
  if odds_BxCxC.shape != compared_BxCxC.shape:
    raise InputError(
      f"log-odds of shape {list(odds_BxCxC.shape)}, but comparisons of shape "
      f"{list(compared_BxCxC.shape)}"
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
    "rounds: are there candidates of which none was compared with any other?"
  )
