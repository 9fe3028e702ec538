"""Asking about some candidates of some requests, as procedures do it.

Dimension letters: B requests, C candidates of the longest list, N inputs that
are scored together, W candidates that each asks about.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np

from instructrec_jax.eval.procedures.rankings import Ranked
from instructrec_jax.eval.target import Targets

# Stands in for infinity where two scores are subtracted.
_WORST = 1e30


class Asker(Protocol):
  """The requests of a task, of which anything may be asked.

  Attributes:
    targets: B requests.
    counts: int64 [B], their candidates.
    relevant: bool [B, C].
  """

  targets: Targets
  counts: np.ndarray
  relevant: np.ndarray

  def ask(self, rows_N: np.ndarray, columns_NxW: np.ndarray) -> np.ndarray:
    """Returns the log-likelihood of each candidate asked about, [N, W].

    Args:
      rows_N: of requests.
      columns_NxW: of their candidates, in the order in which they are shown.
    """

  def ranked(
    self,
    scores_BxC: np.ndarray,
    columns: Mapping[str, np.ndarray],
    figures: Callable = dict,
  ) -> Ranked:
    """Returns the ranking of those requests of which everything has fitted.

    Args:
      scores_BxC: of all requests, greater is better.
      columns: [B] each, as in `Ranked`.
      figures: as in `Ranked`.
    """


def named(
  pairs_Nx2: np.ndarray, counts_N: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Returns pairs by who is named first, as in `questions.pairs`.

  Args:
    pairs_Nx2: columns of two candidates each.
    counts_N: candidates of the request.

  Returns:
    int64 [N, 2], and whether that turned them round, bool [N].
  """
  one, other = pairs_Nx2.T
  ahead = 2 * ((other - one) % counts_N)
  turned_N = (ahead > counts_N) | ((ahead == counts_N) & (one > other))
  return np.where(turned_N[:, None], pairs_Nx2[:, ::-1], pairs_Nx2), turned_N


def compare(
  asker: Asker, rows_N: np.ndarray, named_Nx2: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Asks which of two is the one.

  Returns:
    The log-odds [N] that it is the first; and 1 where it should be, -1 where
    it should be the second, else 0.
  """
  # What is decided against us is infinite, and level is still level.
  scores_Nx2 = np.clip(asker.ask(rows_N, named_Nx2), -_WORST, _WORST)
  right_Nx2 = asker.relevant[rows_N[:, None], named_Nx2].astype(np.int64)
  return scores_Nx2[:, 0] - scores_Nx2[:, 1], right_Nx2[:, 0] - right_Nx2[:, 1]
