"""A sample of the requests of a split, drawn by seed."""

import gin
import numpy as np

from instructrec_jax.data.names import generator
from instructrec_jax.errors import InputError


@gin.configurable(module="instructrec_jax")
def request_sample(
  num_requests: int | None = None, seed: int = 0
) -> dict[str, int] | None:
  """Returns which requests of an evaluation split are asked.

  Args:
    num_requests: the number of requests of each task; None for all.
    seed: draws them.

  Returns:
    num_requests and seed, or None for all requests.

  Raises:
    InputError: the number is below 1.
  """
  if num_requests is None:
    return None
  if num_requests < 1:
    raise InputError(f"num_requests is {num_requests}: expected at least 1")
  return {"num_requests": num_requests, "seed": seed}


def bindings(num_requests: int | None, seed: int) -> list[str]:
  """Returns the gin bindings of a sample; none for all requests."""
  if num_requests is None:
    return []
  return [
    f"request_sample.num_requests = {num_requests}",
    f"request_sample.seed = {seed}",
  ]


def drawn(instances: np.ndarray, num_requests: int, seed: int) -> np.ndarray:
  """Draws requests uniformly without replacement.

  A request gets the same key in all tasks of the same records, and those of the
  lowest keys are drawn. So tasks that can ask the same requests ask the same.

  Args:
    instances: int64 [n], the running numbers of the requests, each once.
    num_requests: the most to draw.
    seed: of the keys.

  Returns:
    int64 [at most num_requests], ascending.
  """
  if not instances.size:
    return instances
  keys = generator(seed, "requests").random(int(instances.max()) + 1)
  order = np.argsort(keys[instances], kind="stable")
  return np.sort(instances[order[:num_requests]])
