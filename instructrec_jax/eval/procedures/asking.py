"""How procedures ask about candidates of requests.

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
  """The requests of a task, about whose candidates a procedure can ask.

  Attributes:
    targets: B requests.
    counts: int64 [B], the number of candidates of each.
    relevant: bool [B, C], whether each candidate is relevant.
  """

  targets: Targets
  counts: np.ndarray
  relevant: np.ndarray

  def ask(self, rows_N: np.ndarray, columns_NxW: np.ndarray) -> np.ndarray:
    """Returns the log-likelihood of each candidate asked about, [N, W].

    Args:
      rows_N: Rows of requests.
      columns_NxW: Columns of their candidates, in the order shown.
    """

  def ranked(
    self,
    scores_BxC: np.ndarray,
    columns: Mapping[str, np.ndarray],
    figures: Callable = dict,
  ) -> Ranked:
    """Returns the ranking of the requests whose inputs all fitted.

    Args:
      scores_BxC: Scores of all requests, greater is better.
      columns: [B] each, as in `Ranked`.
      figures: As in `Ranked`.
    """


def named(
  pairs_Nx2: np.ndarray, counts_N: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Puts pairs into the order in which `questions.pairs` names them.

  Args:
    pairs_Nx2: Columns of two candidates each.
    counts_N: The number of candidates of each pair's request.

  Returns:
    The ordered pairs, int64 [N, 2], and whether each was swapped, bool [N].
  """
  one, other = pairs_Nx2.T
  ahead = 2 * ((other - one) % counts_N)
  turned_N = (ahead > counts_N) | ((ahead == counts_N) & (one > other))
  return np.where(turned_N[:, None], pairs_Nx2[:, ::-1], pairs_Nx2), turned_N


def compare(
  asker: Asker, rows_N: np.ndarray, named_Nx2: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Asks which of two candidates is preferred.

  Returns:
    The log-odds [N] of the first. And the right answer [N]: 1 for the first, -1
    for the second, 0 if neither or both are relevant.
  """
  # Scores set against the system are infinite. Clipped, ties remain ties.
  scores_Nx2 = np.clip(asker.ask(rows_N, named_Nx2), -_WORST, _WORST)
  right_Nx2 = asker.relevant[rows_N[:, None], named_Nx2].astype(np.int64)
  return scores_Nx2[:, 0] - scores_Nx2[:, 1], right_Nx2[:, 0] - right_Nx2[:, 1]
