"""What an evaluation's examples have, so that a score can weigh its parts."""

import dataclasses

import gin

from instructrec_jax.settings import macros


@dataclasses.dataclass(frozen=True)
class Wanted:
  """What an evaluation's examples have beside the request.

  Attributes:
    requests: K, the number of other users' requests; 0 for none.
    popularity: Whether there is the popularity of the candidates.
  """

  requests: int
  popularity: bool


@gin.configurable(module="instructrec_jax")
def score_features(
  prior_weight: float = 0.0,
  popularity_weight: float = 0.0,
  prior_requests: int = 4,
  measured: bool = False,
) -> Wanted:
  """Returns what examples need, so that the model can score with the weights.

  Args:
    prior_weight: The weight of the prior. Without it there are no requests of
      other users.
    popularity_weight: The weight of popularity. Without it there is none.
    prior_requests: The number of other users.
    measured: Whether both parts are needed whatever the weights.

  Raises:
    InputError: A value is none of its kind.
  """
  macros.check_parameters(
    "score_features",
    {
      "prior_weight": prior_weight,
      "popularity_weight": popularity_weight,
      "prior_requests": prior_requests,
    },
  )
  return Wanted(
    prior_requests if prior_weight or measured else 0,
    bool(popularity_weight) or measured,
  )
