"""The command `report`: reads results, compares them, and writes reports."""

import os
from collections.abc import Sequence

import numpy as np
from etils import epath

from instructrec_jax import paths
from instructrec_jax.artifacts import atomic_write_text
from instructrec_jax.errors import InputError, unknown
from instructrec_jax.eval.recording import fields
from instructrec_jax.files import json_lines
from instructrec_jax.report import comparable as groups_lib
from instructrec_jax.report import tables, trec
from instructrec_jax.report import unranked as further_lib

# The writer for each suffix of a file. A page has a module of its own.
_WRITERS = {
  ".md": tables.markdown,
  ".csv": tables.comma_separated,
  ".tex": tables.latex,
}
_PAGE = ".html"
FORMS = ("systems", "itdr")
_LOSS = {"step": fields.count, "loss": fields.any_number}


def report(
  result_folders: Sequence[str | os.PathLike],
  out: Sequence[str | os.PathLike] = (),
  data_dir: str | os.PathLike | None = None,
  training_log: str | os.PathLike | None = None,
  metrics: Sequence[str] | None = None,
  baseline: str | None = None,
  trec_dir: str | os.PathLike | None = None,
  form: str = "systems",
) -> str:
  """Compares results.

  Args:
    result_folders: Folders with metrics.json and predictions.jsonl, or parents
      of such folders.
    out: Files to write: .html (a page without outside resources), .md, .csv
      or .tex.
    data_dir: The folder of the records. They give slices, exposure, and titles
      and histories for the page's examples, which are left out without it.
    training_log: A metrics.jsonl with a step and a loss on each line, for the
      page's loss curve.
    metrics: Metrics to measure, e.g. "ndcg@20". By default those of the
      results.
    baseline: The name of a system to test the others against.
    trec_dir: The folder for TREC's run and qrels files, if any.
    form: "systems" compares all systems that answered the same requests. "itdr"
      has a row for each of ITDR's pairs, and takes only `out`.

  Returns:
    The table in plain ASCII.

  Raises:
    InputError: A folder or file cannot be used; the message names it.
  """
  files = [paths.anywhere(path) for path in out]
  for path in files:
    if path.suffix not in (_PAGE, *_WRITERS):
      raise unknown(f"kind of file: {path}:", path.suffix, (_PAGE, *_WRITERS))
  if form not in FORMS:
    raise unknown("form of report", form, FORMS)
  if form == "itdr":
    others = {
      "data_dir": data_dir, "training_log": training_log, "metrics": metrics,
      "baseline": baseline, "trec_dir": trec_dir,
    }  # fmt: skip
    for name, value in others.items():
      if value is not None:
        raise InputError(f"{name} cannot be used with the form 'itdr'")
    return _itdr(result_folders, files)
  losses = None if training_log is None else read_losses(training_log)
  groups = groups_lib.load(result_folders, metrics, baseline, data_dir)
  further = further_lib.load(groups_lib.result_folders(result_folders))
  for path in files:
    if path.suffix == _PAGE:
      # Only the page needs drawing and templates.
      from instructrec_jax.report import page

      written = page.render(groups, losses, further)
    else:
      written = _WRITERS[path.suffix](groups, further)
    atomic_write_text(path, written)
  if trec_dir is not None:
    for group in groups:
      first = group.first
      name = f"{first.dataset}.{group.split}.{first.requests}"
      trec.write(
        trec_dir, name, {s.label: s.predictions for s in group.systems}
      )
  return tables.text(groups, further)


def _itdr(
  result_folders: Sequence[str | os.PathLike], out: Sequence[epath.Path]
) -> str:
  """Writes ITDR's table to files, and returns it."""
  from instructrec_jax.report import itdr_report

  made = itdr_report.load(groups_lib.result_folders(result_folders))
  for path in out:
    atomic_write_text(path, itdr_report.WRITERS[path.suffix](made))
  return itdr_report.text(made)


def read_losses(path: str | os.PathLike) -> tuple[np.ndarray, np.ndarray]:
  """Reads the training losses of a metrics.jsonl.

  A resumed run may have written a step twice. The later line counts.

  Args:
    path: A file of JSON lines. Lines without a loss are ignored.

  Returns:
    Steps int64 [S] ascending, and losses float64 [S].

  Raises:
    InputError: It is missing, a line is not a JSON object, or none has a loss.
  """
  path = paths.anywhere(path)
  with paths.reading(path):
    is_file = path.exists() and not path.is_dir()
  if not is_file:
    raise InputError(
      f"{path}: expected a file with a step and a loss on each line"
    )
  losses = {}
  for where, row in json_lines.objects(path):
    if "loss" in row:
      if "step" not in row:
        raise InputError(
          f'{where}: expected {{"step": ..., "loss": ...}}, got {row!r:.80}'
        )
      found = fields.checked(row, _LOSS, where)
      losses[found["step"]] = found["loss"]
  if not losses:
    raise InputError(f"{path}: expected lines with a loss, got none")
  steps = np.array(sorted(losses), dtype=np.int64)
  return steps, np.array([losses[step] for step in steps.tolist()])
