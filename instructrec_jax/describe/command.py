"""`instructrec describe`: counts a dataset's instructions and shows them."""

import dataclasses
import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import cast

import seqio

from instructrec_jax import gin_files, paths, tasks
from instructrec_jax.artifacts import (
  MANIFEST,
  atomic_write_text,
  read_manifest,
)
from instructrec_jax.data import variants
from instructrec_jax.data.names import records_dir, records_name
from instructrec_jax.describe import gather, tables
from instructrec_jax.describe.numbers import Numbers
from instructrec_jax.errors import InputError, unknown
from instructrec_jax.tasks.lookup import task_or_mixture

_SEARCH = "search"


def describe(
  dataset: str,
  data_dir: str = "data",
  out: Sequence[str | os.PathLike[str]] = (),
  sample: int = 500,
  inputs_length: int = 512,
  targets_length: int = 128,
  vocabulary: str = "t5",
  seed: int = 0,
) -> str:
  """Describes the instructions that are rendered from a dataset's records.

  Args:
    dataset: short name of built records.
    data_dir: the folder of all datasets.
    out: files to write: .md, .json, or .html (a page without outside
      resources).
    sample: how many training records of each family are rendered; may be 0.
    inputs_length: the most tokens of inputs.
    targets_length: the most tokens of targets.
    vocabulary: counts the tokens, see vocabulary/run_vocabulary.py.
    seed: draws the wordings and the negatives of rendered records.

  Returns:
    The tables as Markdown.

  Raises:
    InputError: there are no records, or an option is invalid.
  """
  lengths = {"inputs": inputs_length, "targets": targets_length}
  for name, number, least in (
    ("sample", sample, 0),
    *((f"{name}_length", length, 1) for name, length in lengths.items()),
  ):
    if number < least:
      raise InputError(f"{name} is {number}: expected {least} or more")
  files = [paths.anywhere(path) for path in out]
  for path in files:
    if path.suffix not in _WRITERS:
      raise unknown(f"kind of file: {path}:", path.suffix, _WRITERS)
  read_manifest(records_dir(data_dir, dataset), "build")
  gin_files.parse([], [f"vocabulary.location = {vocabulary!r}"])
  tasks.use_records(paths.anywhere(data_dir) / "records")
  numbers = gather.gather(
    dataset, _tasks(dataset, data_dir), data_dir, lengths, sample, seed
  )
  for path in files:
    atomic_write_text(path, _WRITERS[path.suffix](numbers))
  return tables.markdown(numbers)


def _tasks(dataset: str, data_dir: str) -> dict[str, seqio.Task]:
  """Returns the tasks of all families, by name without the dataset's prefix.

  Product search has records of its own; its tasks are included if they exist.
  """
  mixture, found = records_name(dataset), {}
  for kind, variant in (("all_forms", variants.PLAIN), (_SEARCH, _SEARCH)):
    if not (records_dir(data_dir, dataset, variant) / MANIFEST).exists():
      continue
    every = cast(seqio.Mixture, task_or_mixture(f"{mixture}_{kind}"))
    # The order of registration, not the alphabet's.
    order = list(every.rate_per_task_name)
    for task in sorted(every.tasks, key=lambda task: order.index(task.name)):
      found[task.name.removeprefix(f"{mixture}_")] = task
  return found


def _json(numbers: Numbers) -> str:
  return json.dumps(dataclasses.asdict(numbers), indent=2) + "\n"


def _page(numbers: Numbers) -> str:
  # Only the page needs the drawing library and the templates.
  from instructrec_jax.describe import page

  return page.render(numbers)


_WRITERS: Mapping[str, Callable[[Numbers], str]] = {
  ".md": tables.markdown,
  ".json": _json,
  ".html": _page,
}
