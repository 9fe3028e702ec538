"""The order in which an evaluation shows the candidates of a request."""

import gin


@gin.configurable(module="instructrec_jax")
def order_seed(seed: int = 0) -> int:
  """Returns the seed that, with user and target, orders the candidates.

  Args:
    seed: a different seed shows each request's candidates in another order.
  """
  return seed
