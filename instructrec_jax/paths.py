"""Folders that a person names: local ones, and those of a bucket, gs://….

`pathlib` takes gs://bucket/run for the local folder gs:/bucket/run, and
`epath.Path.resolve` puts the working directory before it. What may be in a
bucket goes through here once, and is an `epath.Path` from there on.
"""

import contextlib
import os
from collections.abc import Generator
from pathlib import Path

from etils import epath

from instructrec_jax.errors import InputError


def is_remote(path: str | os.PathLike[str]) -> bool:
  """Returns whether a path is one of a bucket."""
  return "://" in os.fspath(path)


def anywhere(path: str | os.PathLike[str]) -> epath.Path:
  """Returns a path, local or of a bucket.

  Raises:
    InputError: it is of a scheme that nothing here can read.
  """
  try:
    return epath.Path(path)
  except KeyError as error:
    raise InputError(
      f"{path}: expected a local path, or one of a bucket, gs://BUCKET/…, got "
      f"the scheme {error}"
    ) from None


def absolute(path: str | os.PathLike[str]) -> epath.Path:
  """Returns the whole name of a path; that of a bucket is whole.

  Raises:
    InputError: as `anywhere`.
  """
  return anywhere(path if is_remote(path) else Path(path).resolve())


def local(path: str | os.PathLike[str], remedy: str) -> Path:
  """Returns the path of what must be on this machine.

  Args:
    path: as it was given.
    remedy: what to do where it is not.

  Raises:
    InputError: it is of a bucket.
  """
  if is_remote(path):
    raise InputError(f"{path} is not a local folder: {remedy}")
  return Path(path)


@contextlib.contextmanager
def reading(path: str | os.PathLike[str]) -> Generator[None]:
  """Says of what goes wrong with a bucket within that it is the bucket.

  Raises:
    InputError: instead of any error, as each library for remote files has
      errors of its own.
  """
  try:
    yield
  except InputError:
    raise
  except Exception as error:
    if not is_remote(path):
      raise
    raise InputError(
      f"cannot read {path}: {error}; a bucket needs a network, the extra "
      f"[gcs], and credentials unless it is public (gcloud auth "
      f"application-default login)"
    ) from error
