"""The exchange of a title's prior for its item's.

A candidate's score is

  log p(title | request) - w · log p(title | other users' requests)
    + a · log(1 + the item's training interactions).

The second term is the log of the mean likelihood over K requests. This is the
domain-conditional PMI of Holtzman et al. (2021), with the item's own prior put
in the place of the title's.

Letters: B requests, C candidates, K other users.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

# Of NumPy on the host, and of JAX in compiled functions.
Array = Any


def log_mean(each_KxBxC: jax.Array) -> jax.Array:
  """Returns the log of the mean of likelihoods, [B, C].

  Args:
    each_KxBxC: Log-likelihoods, -inf for an absent candidate.
  """
  return jax.nn.logsumexp(each_KxBxC, axis=0) - jnp.log(len(each_KxBxC))


def exchanged(
  log_likelihood_BxC: Array,
  prior_BxC: Array,
  log_popularity_BxC: Array,
  prior_weight: float,
  popularity_weight: float,
) -> Array:
  """Returns the scores, [B, C]; -inf for an absent candidate.

  Args:
    log_likelihood_BxC: -inf for an absent candidate.
    prior_BxC: Not used if its weight is 0.
    log_popularity_BxC: Not used if its weight is 0.
    prior_weight: w.
    popularity_weight: a.
  """
  here_BxC = log_likelihood_BxC > -jnp.inf
  numpy = np if isinstance(log_likelihood_BxC, np.ndarray) else jnp
  scores_BxC = log_likelihood_BxC
  if prior_weight:
    # Minus infinity times a weight, taken from minus infinity, is no number.
    scores_BxC = scores_BxC - prior_weight * numpy.where(here_BxC, prior_BxC, 0)
  if popularity_weight:
    scores_BxC = scores_BxC + popularity_weight * log_popularity_BxC
  return numpy.where(here_BxC, scores_BxC, -numpy.inf)
