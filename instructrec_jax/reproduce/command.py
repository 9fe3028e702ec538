"""The command `reproduce`: makes the rows of InstructRec's tables."""

import sys
from collections.abc import Sequence
from pathlib import Path

import jax

from instructrec_jax import paths
from instructrec_jax.errors import InputError
from instructrec_jax.reproduce import page, plan, work
from instructrec_jax.reproduce.rows import EVERY_TABLE
from instructrec_jax.reproduce.systems import FLAGSHIP, SYSTEMS, TEXTS, TINY


def reproduce(
  dataset: str,
  data_dir: str | Path = "data",
  table: Sequence[str] = (EVERY_TABLE,),
  systems: Sequence[str] | None = None,
  transfer_to: str | None = None,
  experiment: str | None = None,
  gin_bindings: Sequence[str] = (),
  train_steps: int | None = None,
  max_seconds: float | None = None,
  wording_requests: int = 500,
  num_requests: int | None = None,
  seed: int = 0,
  out: str | Path | None = None,
  dry_run: bool = False,
) -> str:
  """Makes every row of some tables that the data allows, and one report.

  What is finished in `out` is not made again.

  Args:
    dataset: A dataset with plain records.
    data_dir: The folder of all datasets.
    table: Some of `rows.TABLES`.
    systems: Some of `SYSTEMS`. All by default.
    transfer_to: A second dataset, for the row "transfer".
    experiment: The gin file of the model of texts. `TINY` by default on CPUs,
      `FLAGSHIP` on accelerators.
    gin_bindings: Bindings for its training.
    train_steps: Steps of every training. By default each gin file's own.
    max_seconds: Seconds of every training at most.
    wording_requests: Validation requests to ask in each wording.
    num_requests: Test requests to draw. All by default.
    seed: Seed of trainings, draws and intervals.
    out: The folder. By default <data_dir>/reproduce/<dataset>.
    dry_run: Whether only to list what would be made and what is skipped.

  Returns:
    The tables, or the plan of a dry run.

  Raises:
    InputError: A name is unknown, the records are missing, nothing can be made,
      or `out` was made with other settings.
  """
  data_dir = paths.local(data_dir, "copy the data to a local one")
  data = plan.Data(data_dir, dataset, transfer_to)
  parts = plan.parts(data, table, systems)
  if dry_run:
    return plan.text(parts)
  folder = data_dir / "reproduce" / dataset
  if out is not None:
    folder = paths.local(out, "write to a local one and copy it")
  own = _model_of_texts(data, parts, experiment)
  settings = work.Settings(
    own[0],
    (*own[1:], *gin_bindings),
    train_steps,
    max_seconds,
    wording_requests,
    num_requests,
    seed,
  )
  print(plan.text(parts), file=sys.stderr)
  working = work.Work(data, settings, folder)
  made = working.make(parts)
  found, more = page.sections(made), page.left_out(parts, made)
  files = page.write(folder, found, more)
  print(
    f"{working.clock}; {working.reused} parts were there already",
    file=sys.stderr,
  )
  told = page.text(found, more)
  return f"{told}\nWritten: {', '.join(map(str, files))}"


def _model_of_texts(
  data: plan.Data, parts: Sequence[plan.Part], experiment: str | None
) -> tuple[str, ...]:
  """Returns the gin file of the model of texts, and bindings of its data."""
  if experiment is not None:
    return (experiment,)
  if jax.default_backend() != "cpu":
    return (FLAGSHIP,)
  pieces = work.vocabulary_pieces(data)
  is_trained = any(
    SYSTEMS[part.system].kind == TEXTS and part.reason is None for part in parts
  )
  if pieces is None:
    if not is_trained:
      return (TINY,)
    raise InputError(
      f"the records of {data.dataset!r} have no vocabulary, which {TINY} "
      f"needs: `instructrec build {data.dataset} --vocabulary_size 4096 "
      "--overwrite`, or name another gin file with --experiment, or leave t5 "
      "out of --systems"
    )
  return (
    TINY, f"VOCABULARY = {data.dataset!r}", f"VOCAB_SIZE = {pieces}",
  )  # fmt: skip
