"""The command `instructrec audit`, and what `build` says of leaks."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from instructrec_jax import paths
from instructrec_jax.artifacts import atomic_write_text, read_manifest
from instructrec_jax.audit import measure, tables
from instructrec_jax.audit.facts import Facts
from instructrec_jax.audit.measure import Audit
from instructrec_jax.data import variants
from instructrec_jax.data.names import tables_dir
from instructrec_jax.errors import InputError, unknown

# The splits whose records have candidates.
SPLITS = ("validation", "test")
# The number of requests that `build` audits.
_SAMPLE = 2_000


def audit(
  dataset: str,
  variant: str = variants.PLAIN,
  split: str = "test",
  data_dir: str | Path = "data",
  out: Sequence[str | os.PathLike[str]] = (),
  seed: int = 0,
) -> str:
  """Scores rules that look at no preference on a dataset's requests.

  Args:
    dataset: short name of built records.
    variant: of the records, a key of `variants.VARIANTS`.
    split: one of `SPLITS`.
    data_dir: the folder of all datasets.
    out: files to write: .md or .json.
    seed: seed of ties and of intervals.

  Returns:
    The tables as Markdown.

  Raises:
    InputError: there are no records, or an option is invalid.
  """
  files = [paths.anywhere(path) for path in out]
  for path in files:
    if path.suffix not in _WRITERS:
      raise unknown(f"kind of file: {path}:", path.suffix, _WRITERS)
  made = _audit(dataset, variant, split, data_dir, seed)
  for path in files:
    atomic_write_text(path, _WRITERS[path.suffix](made))
  return tables.markdown(made)


def warnings(
  dataset: str, variant: str = variants.PLAIN, data_dir: str | Path = "data"
) -> list[str]:
  """Audits a sample of the test requests.

  Args:
    dataset: short name of built records.
    variant: of the records.
    data_dir: the folder of all datasets.

  Returns:
    One line for each leak, and one with the command that shows all rules; none
    if there is no leak.
  """
  made = _audit(dataset, variant, "test", data_dir, 0, _SAMPLE)
  found = [f"warning: {line}" for line in tables.warnings(made)]
  if not found:
    return []
  command = f"instructrec audit {dataset}"
  command += f" --variant {variant}" if variant else ""
  if str(data_dir) != "data":
    command += f" --data_dir {data_dir}"
  return [*found, f"`{command}` shows all rules."]


def _audit(
  dataset: str,
  variant: str,
  split: str,
  data_dir: str | Path,
  seed: int,
  first: int | None = None,
) -> Audit:
  variants.named(variant)
  if split not in SPLITS:
    raise unknown("split with candidates", split, SPLITS)
  facts = Facts.load(data_dir, dataset, variant, split, first)
  order = _order(data_dir, dataset)
  return measure.audit(facts, dataset, variant, split, order, seed)


def _order(data_dir: str | Path, dataset: str) -> Mapping[str, object]:
  """Returns what the tables' manifest tells of the order of events.

  Records can be read without their tables, which then tell nothing.
  """
  try:
    manifest = read_manifest(
      tables_dir(data_dir, variants.dataset_of(dataset)), "normalize"
    )
  except InputError:
    return {}
  return manifest["counts"].get("order", {})


_WRITERS: Mapping[str, Callable[[Audit], str]] = {
  ".md": tables.markdown,
  ".json": tables.as_json,
}
