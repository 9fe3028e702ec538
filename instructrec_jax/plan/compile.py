"""Compiles a function for a TPU topology, and measures what it needs there."""

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

  Units are bytes, flops and seconds. If the program does not fit into the
  chip's memory, only its peak is known, and the optional fields are None.

  Attributes:
    chip: The chip.
    peak: The most bytes of HBM in use: arguments, results that do not reuse an
      argument's memory, temporaries and the program itself.
    flops: Flops of matrix products, counted from shapes and divided by chips.
    compile_seconds: The time to compile, without tracing.
    arguments: Bytes of the arguments.
    results: Bytes of results that do not reuse an argument's memory.
    temporaries: Bytes of temporaries, such as activations and gradients.
    code: Bytes of the program.
    hbm_bytes: Bytes moved between the chip and its HBM, see `program.traffic`.
    ici_bytes: Bytes sent to other chips.
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
    """The seconds that each part of the chip is busy at its peak rate.

    The longest is a lower bound of the run's time (Williams et al. 2009, the
    roofline model, https://doi.org/10.1145/1498765.1498785), and an estimate of
    it if the parts overlap.
    """
    if not self.fits:
      return None
    return {
      "products": self.flops / self.chip.peak,
      "memory": self.hbm_bytes / self.chip.bandwidth,
      "network": self.ici_bytes / self.chip.ring_bandwidth,
    }


# JAX's range is from -1 to 1, and the default 0.
_QUICK = {"exec_time_optimization_effort": -1.0}


def figures(
  function: Any,
  arguments: tuple[Any, ...],
  topology: chips.Topology,
  quick: bool = False,
) -> Figures:
  """Compiles a function for a topology.

  Args:
    function: A function from `jax.jit`. Its shardings, or its arguments', are
      over the topology's devices.
    arguments: Trees of `jax.ShapeDtypeStruct`. Nothing is computed.
    topology: The topology.
    quick: Whether to skip the search for the fastest tiling of products, which
      takes most of the time. The program then needs somewhat more memory and
      moves other amounts.

  Returns:
    What it needs, also if it does not fit.

  Raises:
    ValueError: The number of a loop's iterations is unknown.
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
  """Returns the memory that a program needs, from the compiler's error.

  Args:
    message: The compiler's error.

  Returns:
    Bytes, or None for any other error.
  """
  found = re.search(
    r"RESOURCE_EXHAUSTED.*?(?:Used |temporaries \()([\d.]+)([KMGT])",
    message,
    re.DOTALL,
  )
  return int(float(found[1]) * _UNITS[found[2]]) if found else None
