"""Compiling a function for a TPU topology, and what it would need there."""

import dataclasses
import re
import time
from typing import Any

import jax

from instructrec_jax.plan import chips, counting, program

_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


@dataclasses.dataclass(frozen=True)
class Figures:
  """What one run of a compiled program needs of each chip.

  Bytes, flops and seconds; None where the compiler found no way to fit the
  program into the chip's memory, and says no more than what it would take.

  Attributes:
    chip: what it is compiled for.
    peak: bytes of HBM at the same time: arguments, results that do not take an
      argument's place, temporaries and the program itself.
    flops: of matrix products, counted from shapes and shared evenly by chips.
    compile_seconds: without tracing.
    arguments: bytes of what the program is given.
    results: bytes of results that do not take an argument's place.
    temporaries: bytes of everything in between: activations, gradients.
    code: bytes of the program.
    hbm_bytes: moved between the chip and its HBM, see `program.traffic`.
    ici_bytes: sent to other chips.
  """

  chip: chips.Chip
  peak: int
  flops: float
  compile_seconds: float
  arguments: int | None = None
  results: int | None = None
  temporaries: int | None = None
  code: int | None = None
  hbm_bytes: float | None = None
  ici_bytes: float | None = None

  @property
  def fits(self) -> bool:
    """Whether the program runs on the chip."""
    return self.temporaries is not None

  @property
  def seconds(self) -> dict[str, float] | None:
    """Seconds that each part of the chip is busy at its peak, at least.

    The longest is a bound from below for the run (Williams et al. 2009, the
    roofline model, https://doi.org/10.1145/1498765.1498785), and an estimate
    if the parts work at the same time.
    """
    if not self.fits:
      return None
    return {
      "products": self.flops / self.chip.peak,
      "memory": self.hbm_bytes / self.chip.bandwidth,
      "network": self.ici_bytes / self.chip.ring_bandwidth,
    }


# Of JAX's range from -1 to 1, where 0 is the default.
_QUICK = {"exec_time_optimization_effort": -1.0}


def figures(
  function: Any,
  arguments: tuple[Any, ...],
  topology: chips.Topology,
  quick: bool = False,
) -> Figures:
  """Compiles a function for a topology.

  Args:
    function: from `jax.jit`; its shardings, or its arguments', are over the
      topology's devices.
    arguments: trees of `jax.ShapeDtypeStruct`; nothing is computed.
    topology: where it would run.
    quick: whether to spare the compiler the search for the quickest tiling of
      every product, most of the time that it takes. The program is another
      then: needs somewhat more memory, and moves other amounts of it.

  Returns:
    What it would need, also if it does not fit.

  Raises:
    ValueError: if a loop does not say how often it runs.
  """
  traced = function.trace(*arguments)
  flops = counting.product_flops(traced.jaxpr) / len(topology.devices)
  lowered = traced.lower()
  start = time.monotonic()
  try:
    compiled = lowered.compile(_QUICK if quick else None)
  except jax.errors.JaxRuntimeError as error:
    peak = needed_bytes(str(error))
    if peak is None:
      raise
    return Figures(topology.chip, peak, flops, time.monotonic() - start)
  seconds = time.monotonic() - start
  memory = compiled.memory_analysis()
  parts = {
    "arguments": memory.argument_size_in_bytes,
    "results": memory.output_size_in_bytes - memory.alias_size_in_bytes,
    "temporaries": memory.temp_size_in_bytes,
    "code": memory.generated_code_size_in_bytes,
  }
  moved = program.traffic(compiled.as_text())
  return Figures(
    topology.chip,
    sum(parts.values()),
    flops,
    seconds,
    **parts,
    hbm_bytes=moved.hbm,
    ici_bytes=moved.ici,
  )


def needed_bytes(message: str) -> int | None:
  """Returns how much memory a program needs that the compiler refused.

  Args:
    message: the compiler's error.

  Returns:
    Bytes, or None if the error is another one.
  """
  found = re.search(
    r"RESOURCE_EXHAUSTED.*?(?:Used |temporaries \()([\d.]+)([KMGT])",
    message,
    re.DOTALL,
  )
  return int(float(found[1]) * _UNITS[found[2]]) if found else None
