"""`instructrec export`: what flags and gin files say, as a file."""

from collections.abc import Sequence
from typing import Any

from instructrec_jax import gin_files, paths, tasks
from instructrec_jax.errors import InputError
from instructrec_jax.export.write import write


def export(
  mixture_or_task_name: str,
  out: str,
  gin_file: Sequence[str] = (),
  gin_bindings: Sequence[str] = (),
  gin_search_paths: Sequence[str] = (),
  tfds_data_dir: str = "data/records",
  vocabulary: str | None = None,
  inputs_length: int | None = None,
  targets_length: int | None = None,
  overwrite: bool = False,
  **options: Any,
) -> dict[str, Any]:
  """Exports from records in a folder, as flags and gin files say.

  Args:
    mixture_or_task_name: what to export.
    out: the file.
    gin_file: gin files, such as one that sets rates.
    gin_bindings: single bindings, which win over the files.
    gin_search_paths: where else to look for gin files.
    tfds_data_dir: the folder of the records.
    vocabulary: what lengths are counted in, see vocabulary.py; None for what
      gin says.
    inputs_length: tokens; None for any.
    targets_length: tokens; None for any.
    overwrite: whether to replace a file that is there.
    **options: of `write`.

  Returns:
    What `write` counts.

  Raises:
    InputError: if something of this cannot be used.
  """
  if paths.anywhere(out).exists() and not overwrite:
    raise InputError(
      f"{out} exists: give --overwrite to replace it, or another file"
    )
  bound = [] if vocabulary is None else [f"vocabulary.location={vocabulary!r}"]
  files = ["runs/native_mixing.gin", *gin_file]
  gin_files.parse(files, [*bound, *gin_bindings], gin_search_paths)
  tasks.use_records(tfds_data_dir)
  lengths = {"inputs": inputs_length, "targets": targets_length}
  given = {name: n for name, n in lengths.items() if n is not None}
  return write(
    mixture_or_task_name, out, task_feature_lengths=given or None, **options
  )
