"""Counts flops from shapes."""

import math
from collections.abc import Iterator
from typing import Any

from jax.extend import core


def product_flops(jaxpr: core.ClosedJaxpr | core.Jaxpr) -> int:
  """Returns the flops of all matrix products that a program computes.

  A product of [b, m, k] and [b, k, n] takes 2·b·m·k·n flops: b·m·k·n
  multiplications and additions. The body of a scan counts for each iteration,
  unlike in the compiler's count. Products that `jax.checkpoint` recomputes
  count again. Other operations do not count: they are about 1 % of a
  transformer's step, and do not run on the units that a chip's peak is of.

  Args:
    jaxpr: The program of a function, such as `jitted.trace(*args).jaxpr`.
      Shapes are those of all devices together.

  Raises:
    ValueError: A loop with products has an unknown number of iterations.
  """
  return sum(map(_equation_flops, getattr(jaxpr, "jaxpr", jaxpr).eqns))


def _equation_flops(equation: core.JaxprEqn) -> int:
  name = equation.primitive.name
  if name == "dot_general":
    return _dot_flops(equation)
  inner = [product_flops(jaxpr) for jaxpr in _inner(equation)]
  if name == "cond":
    return max(inner)
  total = sum(inner)
  if name == "while" and total:
    raise ValueError(
      "flops cannot be counted: a while loop with matrix products has an "
      "unknown number of iterations; use jax.lax.scan"
    )
  return total * (equation.params["length"] if name == "scan" else 1)


def _dot_flops(equation: core.JaxprEqn) -> int:
  (contracted, _), _ = equation.params["dimension_numbers"]
  left: Any = equation.invars[0].aval
  out: Any = equation.outvars[0].aval
  depth = math.prod(left.shape[axis] for axis in contracted)
  return 2 * math.prod(out.shape) * depth


def _inner(equation: core.JaxprEqn) -> Iterator[Any]:
  """Yields the programs inside an equation: bodies, branches and calls."""
  for value in equation.params.values():
    for item in value if isinstance(value, (tuple, list)) else (value,):
      if isinstance(item, (core.ClosedJaxpr, core.Jaxpr)):
        yield item
