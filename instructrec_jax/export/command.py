"""`instructrec export`: writes instructions to a file."""

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
  """Exports a mixture's instructions with the settings of flags and gin files.

  Args:
    mixture_or_task_name: what to export.
    out: the file to write.
    gin_file: gin files, such as one that sets rates.
    gin_bindings: single bindings, which override the files.
    gin_search_paths: further folders in which gin files are looked for.
    tfds_data_dir: the folder of the records.
    vocabulary: counts the lengths, see vocabulary/run_vocabulary.py; None
      uses the gin setting.
    inputs_length: the most tokens of inputs; None for no limit.
    targets_length: the most tokens of targets; None for no limit.
    overwrite: whether to replace an existing file.
    **options: passed to `write`.

  Returns:
    The counts that `write` returns.

  Raises:
    InputError: if an argument is invalid.
  """
  if paths.anywhere(out).exists() and not overwrite:
    raise InputError(
      f"{out} exists. Give --overwrite to replace it, or name another file"
    )
  bound = [] if vocabulary is None else [f"vocabulary.location={vocabulary!r}"]
  files = ["runs/native_mixing.gin", *gin_file]
  gin_files.parse(
    files, [*bound, *gin_bindings], gin_search_paths, run="mixing"
  )
  tasks.use_records(tfds_data_dir)
  lengths = {"inputs": inputs_length, "targets": targets_length}
  given = {name: n for name, n in lengths.items() if n is not None}
  return write(
    mixture_or_task_name, out, task_feature_lengths=given or None, **options
  )
