"""In which order an evaluation shows the candidates of a request."""

import gin


@gin.configurable(module="instructrec_jax")
def order_seed(seed: int = 0) -> int:
  """Returns what decides, with user and target, on the candidates' order.

  Args:
    seed: another one shows the candidates of an evaluation in other orders.
  """
  return seed
