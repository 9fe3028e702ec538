"""Reads Parquet files, each by its path, which is a name and no pattern.

Polars takes brackets and question marks in a path for a pattern. For damaged
files it raises errors of many kinds. One of them, a panic, is none of Python's
exceptions, and is written to standard error as well.
"""

import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import Generator, Sequence
from pathlib import Path

import polars as pl

from instructrec_jax import paths
from instructrec_jax.errors import InputError

AnyPath = str | os.PathLike[str]
_SHOWN = 200
# A panic is none of Polars' errors.
_FAULTS = (pl.exceptions.PolarsError, pl.exceptions.PanicException)
# Standard error belongs to all threads.
_ONE_AT_A_TIME = threading.RLock()


def read(path: AnyPath, columns: Sequence[str] | None = None) -> pl.DataFrame:
  """Returns the rows of a file, which may be in a bucket.

  Args:
    path: the file.
    columns: the columns to read; None for all.

  Raises:
    InputError: it is missing or damaged, or lacks a column.
  """
  named = None if columns is None else list(columns)
  with paths.reading(path), reading(path):
    if paths.is_remote(path):
      with paths.anywhere(path).open("rb") as file:
        return pl.read_parquet(file, columns=named)
    return pl.read_parquet(Path(path), columns=named, glob=False)


def scan(path: AnyPath) -> pl.LazyFrame:
  """Returns the rows of a local file, unread.

  Whoever collects them does so in `reading`.
  """
  return pl.scan_parquet(Path(path), glob=False)


def schema(path: AnyPath) -> dict[str, pl.DataType]:
  """Returns the types of a local file's columns.

  Raises:
    InputError: it is missing or damaged.
  """
  with reading(path):
    return dict(scan(path).collect_schema())


@contextlib.contextmanager
def reading(path: AnyPath) -> Generator[None]:
  """Turns what Polars raises while it reads a file into InputErrors.

  Raises:
    InputError: the file cannot be read. It names the file.
  """
  try:
    with _without_panics():
      yield
  except _FAULTS as error:
    raise unreadable(path, error) from None
  except OSError as error:
    if paths.is_remote(path):
      raise
    raise unreadable(path, error) from None


def unreadable(path: AnyPath, error: BaseException) -> InputError:
  """Returns the error for a file that a library cannot read."""
  if isinstance(error, FileNotFoundError):
    return InputError(f"{path}: no such file")
  said = " ".join(str(error).split())
  size = ""
  if not paths.is_remote(path) and Path(path).is_file():
    size = f" (size: {Path(path).stat().st_size:,} bytes)"
  return InputError(f"{path}{size} cannot be read: {said:.{_SHOWN}}")


@contextlib.contextmanager
def _without_panics() -> Generator[None]:
  """Keeps what Rust writes of a panic from standard error."""
  sys.stderr.flush()
  with _ONE_AT_A_TIME, tempfile.TemporaryFile() as kept:
    stderr = os.dup(2)
    os.dup2(kept.fileno(), 2)
    panicked = False
    try:
      yield
    except pl.exceptions.PanicException:
      panicked = True
      raise
    finally:
      os.dup2(stderr, 2)
      os.close(stderr)
      kept.seek(0)
      written = kept.read()
      # Whatever else was written meanwhile, for instance by another thread.
      if written and not panicked:
        os.write(2, written)
