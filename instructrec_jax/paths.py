"""Paths that a user gives: local ones and ones in a bucket (gs://…).

`pathlib` reads gs://bucket/run as the local folder gs:/bucket/run, and
`epath.Path.resolve` puts the working directory before it. A path that may be in
a bucket passes through this module once and is an `epath.Path` from then on.
"""

import contextlib
import os
from collections.abc import Generator
from pathlib import Path

from etils import epath

from instructrec_jax.errors import InputError


def is_remote(path: str | os.PathLike[str]) -> bool:
  """Returns whether a path is in a bucket."""
  return "://" in os.fspath(path)


def anywhere(path: str | os.PathLike[str]) -> epath.Path:
  """Returns a path, local or in a bucket.

  Raises:
    InputError: the scheme of the path is unknown.
  """
  try:
    return epath.Path(path)
  except KeyError as error:
    raise InputError(
      f"{path}: expected a local path or a path in a bucket (gs://BUCKET/…), "
      f"got the scheme {error}"
    ) from None


def absolute(path: str | os.PathLike[str]) -> epath.Path:
  """Returns the absolute path; a path in a bucket is absolute already.

  Raises:
    InputError: as `anywhere`.
  """
  return anywhere(path if is_remote(path) else Path(path).resolve())


def local(path: str | os.PathLike[str], remedy: str) -> Path:
  """Returns a path that must be on this machine.

  Args:
    path: the path as given.
    remedy: what to do if the path is in a bucket, for the message.

  Raises:
    InputError: the path is in a bucket.
  """
  if is_remote(path):
    raise InputError(f"{path} is not a local folder: {remedy}")
  return Path(path)


@contextlib.contextmanager
def reading(path: str | os.PathLike[str]) -> Generator[None]:
  """Turns errors while reading from a bucket into InputErrors that name it.

  Raises:
    InputError: a read from a bucket failed. It replaces every type of error,
      because each library for remote files has its own types.
  """
  try:
    yield
  except InputError:
    raise
  except Exception as error:
    if not is_remote(path):
      raise
    raise InputError(
      f"cannot read {path}: {error}. Reading a bucket needs a network, the "
      f"extra [gcs] and, unless the bucket is public, credentials (gcloud auth "
      f"application-default login)"
    ) from error
