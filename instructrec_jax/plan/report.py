"""Plans as text, as a table of meshes, and as JSON."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from instructrec_jax.plan import steps
from instructrec_jax.plan.compile import Figures
from instructrec_jax.plan.search import Largest

_GB = 1e9


@dataclasses.dataclass(frozen=True)
class Plan:
  """A step, compiled for a topology.

  Attributes:
    what: "training step" or "scoring step".
    topology: The topology's name.
    mesh: The number of chips along each axis.
    layout: How the step is spread over them.
    batch_size: Rows over all chips.
    tokens: Positions of a row, of inputs and targets, with padding.
    bytes_a_chip: Bytes of each part of the step's arguments.
    useful_flops: Flops of a chip, without recomputation.
    figures: The compiler's figures.
  """

  what: str
  topology: str
  mesh: dict[str, int]
  layout: steps.Layout
  batch_size: int
  tokens: int
  bytes_a_chip: dict[str, int]
  useful_flops: float
  figures: Figures

  @property
  def seconds(self) -> float | None:
    """The estimated time of a step, or None if it does not fit."""
    parts = self.figures.seconds
    return max(parts.values()) if parts else None

  @property
  def utilisation(self) -> float | None:
    """The estimated share of the chip's peak that useful flops reach."""
    if not self.seconds:
      return None
    return self.useful_flops / self.seconds / self.figures.chip.peak


def text(plan: Plan) -> str:
  """Returns the report of one plan."""
  parts = plan.layout.num_microbatches or 1
  chips = plan.mesh["data"] * plan.mesh["model"]
  rows = [*_memory(plan), *_work(plan)]
  return "\n".join(
    [
      f"{plan.what} on {plan.topology}: {chips} chips, data "
      f"{plan.mesh['data']}, model {plan.mesh['model']}, batch "
      f"{plan.batch_size}" + (f" in {parts} parts" if parts > 1 else ""),
      "",
      "per chip",
      *(
        f"  {name:<22}{value:>13}  {note}".rstrip()
        for name, value, note in rows
      ),
    ]
  )


# A name, a figure, and a note.
_Row = tuple[str, str, str]


def _memory(plan: Plan) -> Iterator[_Row]:
  """Yields the contents of a chip's memory, and whether they fit."""
  figures, dims = plan.figures, plan.layout.parameter_partitioning_dims
  over = "data and model" if dims == 2 else "model"
  for name, size in plan.bytes_a_chip.items():
    yield name, _gb(size), f"split over {over}" if name != "batch" else ""
  if figures.fits:
    given = "all of the above, in the chip's layout"
    yield "arguments", _gb(figures.arguments), given
    yield "temporaries", _gb(figures.temporaries), "activations, gradients, …"
    yield "program, results", _gb(figures.code + figures.results), ""
  memory = _gb(figures.chip.memory)
  yield "peak", _gb(figures.peak), f"of {memory}: {_verdict(figures)}"


def _work(plan: Plan) -> Iterator[_Row]:
  """Yields what a chip computes and moves, and the time that it takes."""
  figures = plan.figures
  again = 1 - plan.useful_flops / figures.flops
  yield (
    "matrix products",
    f"{figures.flops / 1e12:.3g} Tflop",
    f"{again:.0%} of them recomputed to save memory" if again else "",
  )
  if figures.fits:
    yield "moved to and from HBM", _gb(figures.hbm_bytes), ""
    yield "sent to other chips", _gb(figures.ici_bytes), ""
    busy = figures.seconds or {}
    parts = (f"{name} {time:.3g} s" for name, time in busy.items())
    longest = f"estimated: the longest of {', '.join(parts)}"
    yield "step", f"{plan.seconds:.3g} s", longest
    peak = f"{figures.chip.peak / 1e12:.0f} Tflop/s"
    share = f"of the peak of {peak}, by this estimate"
    yield "", f"{plan.utilisation:.0%}", share
    rate = plan.batch_size * plan.tokens / plan.seconds
    yield "", f"{rate:,.0f}", "positions a second on all chips"
  yield "compilation", f"{figures.compile_seconds:.0f} s", ""


def largest_text(largest: Largest) -> str:
  """Returns a line on the largest batch."""
  if not largest.fits:
    return f"no batch fits; the smallest tried has {largest.fails} rows"
  if largest.fails is None:
    return f"largest batch: {largest.fits} rows fit; larger ones were not tried"
  if largest.is_exact:
    return f"largest batch that fits: {largest.fits} rows"
  return (
    f"largest batch: {largest.fits} rows fit, {largest.fails} do not; none in "
    "between was tried"
  )


def table(plans: Sequence[Plan], skipped: Sequence[tuple[str, str]]) -> str:
  """Returns a table of meshes, fastest first.

  Args:
    plans: Plans of the same step.
    skipped: Other meshes, and why they cannot be used.
  """
  lines = [
    f"{plans[0].what} on {plans[0].topology}, batch {plans[0].batch_size}"
    if plans
    else "no mesh can be used",
    "",
    f"{'data, model':>12} {'dims':>4} {'peak GB':>8} {'of':>6} {'step s':>8} "
    f"{'of peak':>7} {'compiled':>8}",
  ]
  for plan in sorted(plans, key=lambda p: p.seconds or float("inf")):
    figures = plan.figures
    mesh = f"{plan.mesh['data']}, {plan.mesh['model']}"
    speed = (
      f"{plan.seconds:8.3g} {plan.utilisation:7.0%}"
      if figures.fits
      else f"{'-':>8} {'-':>7}"
    )
    lines.append(
      f"{mesh:>12} {plan.layout.parameter_partitioning_dims:>4} "
      f"{figures.peak / _GB:8.2f} {figures.chip.memory / _GB:6.1f} {speed} "
      f"{figures.compile_seconds:6.0f} s"
      + ("" if figures.fits else f"  {_verdict(figures)}")
    )
  lines += [f"{mesh:>12}  cannot be used: {why}" for mesh, why in skipped]
  return "\n".join(lines)


def as_json(plan: Plan, largest: Largest | None = None) -> dict[str, Any]:
  """Returns a plan's figures by name, in bytes, flops and seconds."""
  figures = dataclasses.asdict(plan.figures)
  chip = figures.pop("chip")
  return {
    "what": plan.what,
    "topology": plan.topology,
    "mesh": plan.mesh,
    **dataclasses.asdict(plan.layout),
    "batch_size": plan.batch_size,
    "fits": plan.figures.fits,
    "chip_memory": chip["memory"],
    "chip_peak_flops": chip["peak"],
    "bytes_a_chip": plan.bytes_a_chip,
    **figures,
    "useful_flops": plan.useful_flops,
    "seconds": plan.figures.seconds,
    "step_seconds": plan.seconds,
    "utilisation": plan.utilisation,
    "largest_batch": dataclasses.asdict(largest) if largest else None,
  }


def _verdict(figures: Figures) -> str:
  left = figures.chip.memory - figures.peak
  if figures.fits:
    return f"fits, {_gb(left)} left"
  return f"does not fit, short by {_gb(-left)}"


def _gb(size: float) -> str:
  return f"{size / _GB:.2f} GB" if size >= 1e8 else f"{size / 1e6:.2f} MB"
