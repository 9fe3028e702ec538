"""`instructrec plan`: plans a run's step from its gin files."""

import functools
import json
import sys
from collections.abc import Sequence

from instructrec_jax import gin_files
from instructrec_jax.errors import InputError
from instructrec_jax.gin_files import macro
from instructrec_jax.plan import chips, compile, report, search, steps

# A request's candidates, as `instructrec build` makes them.
_CANDIDATES = 10


def plan(
  topology: str,
  gin_file: Sequence[str],
  gin_bindings: Sequence[str] = (),
  gin_search_paths: Sequence[str] = (),
  scoring: bool = False,
  batch_size: int | None = None,
  num_candidates: int = _CANDIDATES,
  largest_batch: bool = True,
  sweep: bool = False,
  quick: bool = False,
  as_json: bool = False,
) -> None:
  """Compiles a run's step for a TPU topology, and prints what it needs there.

  It reads only the run's gin files: no records, vocabulary or checkpoint. A
  step that does not fit is a result, not an error.

  Args:
    topology: The topology, e.g. "v5e:4x4".
    gin_file: Gin files of the run, as for `instructrec train`.
    gin_bindings: Single bindings, which override the files.
    gin_search_paths: More folders with gin files.
    scoring: Whether to plan the scoring of candidates instead of training.
    batch_size: Rows over all chips. BATCH_SIZE by default.
    num_candidates: The candidates of a request, for scoring.
    largest_batch: Whether to find the largest batch that fits, which takes up
      to three more compilations.
    sweep: Whether to compile for every mesh of the chips instead.
    quick: See `compile.figures`.
    as_json: Whether to print JSON.

  Raises:
    InputError: A setting or a file cannot be used.
  """
  chips.prepare()
  gin_files.parse(gin_file, gin_bindings, gin_search_paths, run="train")
  where = chips.topology(topology)
  layout = steps.Layout(
    macro("NUM_PARTITIONS"),
    macro("PARAMETER_PARTITIONING_DIMS"),
    None if scoring else macro("NUM_MICROBATCHES"),
  )
  make = functools.partial(
    _plan, where, quick, scoring, num_candidates, macro("MODEL")
  )
  rows = batch_size or macro("BATCH_SIZE")
  if sweep:
    _sweep(make, where, layout, rows, as_json)
    return
  first = make(layout, rows)
  if not as_json:
    print(report.text(first), flush=True)
  largest = _largest(make, first) if largest_batch else None
  if as_json:
    print(json.dumps(report.as_json(first, largest), indent=2))
  elif largest:
    print(f"\n{report.largest_text(largest)}")


def _plan(
  where, quick, scoring, num_candidates, model, layout, rows
) -> report.Plan:
  """Compiles one step."""
  lengths = macro("TASK_FEATURE_LENGTHS")
  if scoring:
    step = steps.scoring_step(
      model, where, layout, lengths, rows, num_candidates
    )
  else:
    step = steps.training_step(
      model, macro("OPTIMIZER"), where, layout, lengths, rows
    )
  count = len(where.devices)
  mesh = {
    "data": count // layout.num_partitions,
    "model": layout.num_partitions,
  }
  print(
    f"compiling for {where.name}: data {mesh['data']}, model {mesh['model']}, "
    f"batch {rows}",
    file=sys.stderr,
  )
  candidates = num_candidates if scoring else 1
  return report.Plan(
    "scoring step" if scoring else "training step",
    where.name,
    mesh,
    layout,
    rows,
    lengths["inputs"] + candidates * lengths["targets"],
    dict(step.bytes_a_chip),
    step.useful_flops / count,
    compile.figures(step.function, step.arguments, where, quick),
  )


def _largest(make, first: report.Plan) -> search.Largest:
  return search.largest_batch(
    lambda rows: make(first.layout, rows).figures.peak,
    first.figures.chip.memory,
    first.mesh["data"] * (first.layout.num_microbatches or 1),
    {first.batch_size: first.figures.peak},
  )


def _sweep(make, where, layout: steps.Layout, rows: int, as_json: bool) -> None:
  """Prints a table of all meshes."""
  plans, skipped = [], []
  for each in steps.layouts(len(where.devices), layout.num_microbatches):
    data = len(where.devices) // each.num_partitions
    try:
      plans.append(make(each, rows))
    except InputError as error:
      skipped.append((f"{data}, {each.num_partitions}", str(error)))
  if as_json:
    print(json.dumps([report.as_json(plan) for plan in plans], indent=2))
  else:
    print(report.table(plans, skipped))
