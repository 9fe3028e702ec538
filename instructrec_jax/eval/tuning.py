"""Chooses the weights of a score's parts on requests whose targets are known.

The parts are measured once; each pair of weights then only ranks again.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

# The first grid, and the steps of the grids around the best pair so far.
_PRIOR = np.linspace(0, 1.5, 7)
_POPULARITY = np.linspace(0, 4, 17)
_STEPS = (0.1, 0.05)


class Weights(NamedTuple):
  """The weights of a score's parts; 0 and 0 is the plain likelihood.

  Attributes:
    prior_weight: Of the log mean likelihood after other users' requests.
    popularity_weight: Of log(1 + the item's training interactions).
  """

  prior_weight: float
  popularity_weight: float


PLAIN = Weights(0.0, 0.0)


def choose(figure: Callable[[Weights], float]) -> Weights:
  """Returns the weights with the highest figure, those nearest to 0 of several.

  Args:
    figure: What the ranking by a pair of weights is worth.
  """
  worth: dict[Weights, float] = {}

  def best_of(prior: np.ndarray, popularity: np.ndarray) -> Weights:
    for w in np.round(prior[prior >= 0], 4).tolist():
      for a in np.round(popularity[popularity >= 0], 4).tolist():
        if (weights := Weights(w, a)) not in worth:
          worth[weights] = figure(weights)
    return max(worth, key=lambda found: (worth[found], -sum(found)))

  best = best_of(_PRIOR, _POPULARITY)
  for step in _STEPS:
    around = step * np.arange(-2, 3)
    best = best_of(best.prior_weight + around, best.popularity_weight + around)
  return best
