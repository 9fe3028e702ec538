"""Tables in parts: a folder as Spark, BigQuery and Snowflake export one.

Such a folder has many files of one form, such as `part-00000-….snappy.parquet`
or `data_0_0_0.csv.gz`. They may lie in folders such as `month=2024-01`, whose
names are a column and its value.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePath
from urllib.parse import unquote

from instructrec_jax.errors import InputError

# Endings of files with rows, without .gz.
ENDINGS = (".parquet", ".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".json")
_PACKED = (".gz", ".zst")
# Hive's word for a value that is null.
_NULL = "__HIVE_DEFAULT_PARTITION__"


def ending(path: PurePath | os.PathLike[str]) -> str:
  """Returns the ending of a file that tells its form, such as `.csv`."""
  name = PurePath(os.fspath(path)).name.lower()
  for packed in _PACKED:
    name = name.removesuffix(packed)
  return PurePath(name).suffix


def of(folder: Path) -> list[Path]:
  """Returns the parts of a table in the order of their names.

  Files such as `_SUCCESS` and `.part-00000.crc`, and the logs of table formats
  in `_delta_log`, are no parts.

  Args:
    folder: local or in a bucket.

  Returns:
    The parts; none if the folder has no files with rows.

  Raises:
    InputError: the parts are of several forms.
  """
  if not folder.is_dir():
    return []
  found: dict[str, list[Path]] = {}
  for path in _below(folder):
    if ending(path) in ENDINGS:
      found.setdefault(ending(path), []).append(path)
  if len(found) > 1:
    examples = ", ".join(str(paths[0]) for paths in found.values())
    raise InputError(
      f"{folder}: expected parts of one form, found {' and '.join(found)} "
      f"(such as {examples})"
    )
  return sorted((p for paths in found.values() for p in paths), key=_in_order)


def _below(folder: Path) -> Iterator[Path]:
  """Yields the files below a folder that are not hidden."""
  for path in folder.iterdir():
    if path.name.startswith((".", "_")):
      continue
    if path.is_dir():
      yield from _below(path)
    else:
      yield path


def _in_order(path: Path) -> list[tuple[int, str]]:
  """Sorts numbers by value: part-10 comes after part-9."""
  return [
    (int(piece), "") if piece.isdigit() else (-1, piece)
    for piece in re.split(r"(\d+)", str(path))
  ]


def keys(folder: PurePath, part: PurePath) -> dict[str, str | None]:
  """Returns the columns that the folders between name, with their values."""
  named = {}
  for name in part.relative_to(folder).parts[:-1]:
    column, equals, value = name.partition("=")
    if equals:
      named[unquote(column)] = None if value == _NULL else unquote(value)
  return named
