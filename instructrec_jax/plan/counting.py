"""Flops, counted from shapes."""

import math
from collections.abc import Iterator
from typing import Any

from jax.extend import core


def product_flops(jaxpr: core.ClosedJaxpr | core.Jaxpr) -> int:
  """Returns the flops of all matrix products that a program computes.

  A product of [b, m, k] and [b, k, n] takes 2·b·m·k·n flops: a multiplication
  and an addition for each. What a scan's body needs counts as often as it
  runs, which the compiler's own count leaves out, and what is computed again
  under `jax.checkpoint` counts again. Nothing but products counts: of a
  transformer's step the rest is about a hundredth, and does not run on the
  units whose peak chips are compared by.

  Args:
    jaxpr: of any function, such as `jitted.trace(*args).jaxpr`. Shapes are
      those of all devices together.

  Raises:
    ValueError: if products are in a loop that runs nobody knows how often.
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
      "flops cannot be counted: a while loop with matrix products in it does "
      "not say how often it runs; use jax.lax.scan"
    )
  return total * (equation.params["length"] if name == "scan" else 1)


def _dot_flops(equation: core.JaxprEqn) -> int:
  (contracted, _), _ = equation.params["dimension_numbers"]
  left: Any = equation.invars[0].aval
  out: Any = equation.outvars[0].aval
  depth = math.prod(left.shape[axis] for axis in contracted)
  return 2 * math.prod(out.shape) * depth


def _inner(equation: core.JaxprEqn) -> Iterator[Any]:
  """Yields the programs inside an equation: bodies, branches, called ones."""
  for value in equation.params.values():
    for item in value if isinstance(value, (tuple, list)) else (value,):
      if isinstance(item, (core.ClosedJaxpr, core.Jaxpr)):
        yield item
