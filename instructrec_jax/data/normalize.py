"""Turns raw files into a dataset's tables: `instructrec normalize`."""

import dataclasses
import functools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from instructrec_jax import artifacts, parquet, schema
from instructrec_jax.data import cleaning, sources, variants
from instructrec_jax.data.formats import archives, limits
from instructrec_jax.data.formats.raw import Raw
from instructrec_jax.data.names import check_dataset, check_seed, tables_dir
from instructrec_jax.data.sources import finding
from instructrec_jax.errors import InputError


def normalize(
  source: str,
  raw_dir: str | Path,
  data_dir: str | Path = "data",
  dataset: str | None = None,
  k_core: int | None = None,
  overwrite: bool = False,
  seed: int = 0,
  allow_large: bool = False,
  **options: Any,
) -> artifacts.Manifest:
  """Writes the tables of one dataset to data_dir/tables/<dataset>.

  Args:
    source: a key of sources.SOURCES.
    raw_dir: the folder of the raw files.
    data_dir: the folder of all datasets.
    dataset: short name; None for the source's own name, if it has one.
    k_core: keep only users and items that have at least this number of kept
      interactions; None for the source's default, 1 to keep all.
    overwrite: replace tables that were made with other options.
    seed: draws the order of a user's rows of one time, and of all their rows
      if the data have no order.
    allow_large: read files that unpack to more than 200 times their size, or
      that may not fit into memory.
    **options: options of the source: `<role>_file` and its reader's.

  Returns:
    The manifest. For each table, read = kept + the sum of dropped.

  Raises:
    InputError: the files or options cannot be used, or nothing is left.
  """
  row = sources.find(source)
  if dataset is None and row.dataset is None:
    raise InputError(
      f"source {source!r} is a format: name the dataset, e.g. --dataset my_shop"
    )
  dataset = check_dataset(row.dataset if dataset is None else dataset)
  variants.check_free(dataset)
  k_core = row.k_core if k_core is None else k_core
  if k_core < 1:
    raise InputError(f"k_core is {k_core}: expected at least 1 (keep all)")
  check_seed(seed)
  with limits.lifted(allow_large):
    found, read = finding.locate(source, raw_dir, options)
    return artifacts.run_stage(
      "normalize",
      tables_dir(data_dir, dataset),
      functools.partial(_write, read=read, k_core=k_core, seed=seed),
      inputs=archives.fingerprints(found),
      options={"source": source, "dataset": dataset, "k_core": k_core}
      | {
        key: value
        for key, value in options.items()
        if value is not None and not key.endswith("_file")
      },
      seed=seed,
      libraries=("polars", "numpy"),
      overwrite=overwrite,
    )


def _write(
  folder: Path, *, read: Callable[..., Raw], k_core: int, seed: int
) -> dict[str, Any]:
  """Fills the folder of the tables; returns the counts."""
  scratch = folder / "scratch"
  raw = read(scratch=scratch)
  spooled = raw.spooled
  # Otherwise every step would join the pieces of the file again.
  raw = dataclasses.replace(raw, interactions=raw.interactions.rechunk())
  tables, counts = cleaning.clean(raw, k_core, seed)
  # Otherwise the dropped rows would stay in memory.
  del raw
  for name, df in tables.items():
    path = folder / f"{name}.parquet"
    if name in spooled:
      spooled[name].write(df, name, path)
    else:
      df.write_parquet(path)
  shutil.rmtree(scratch, ignore_errors=True)
  counts["absent"] = {
    name: schema.absent(parquet.schema(folder / f"{name}.parquet"), name)
    for name in tables
  }
  return counts
