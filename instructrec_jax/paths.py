"""Paths that a user gives: local ones and ones in a bucket (gs://…).

`pathlib` reads gs://bucket/run as the local folder gs:/bucket/run, and
`epath.Path.resolve` puts the working directory before it. A path that may be in
a bucket passes through this module once and is an `epath.Path` from then on.

A path is a name and no pattern: `shop[1]` is the folder of that name. Only a
`~` at its start has a meaning, the home folder. A shell leaves it alone behind
a `=`.
"""

import contextlib
import fnmatch
import os
import re
from collections.abc import Generator
from pathlib import Path

from etils import epath

from instructrec_jax.errors import InputError


def is_remote(path: str | os.PathLike[str]) -> bool:
  """Returns whether a path is in a bucket."""
  return "://" in os.fspath(path)


def expanded(path: str | os.PathLike[str]) -> str:
  """Returns a path as text, with the home folder in place of a `~`.

  Raises:
    InputError: it is that of a user who does not exist.
  """
  text = os.fspath(path)
  found = os.path.expanduser(text) if text.startswith("~") else text
  if found.startswith("~"):
    raise InputError(
      f"{text}: there is no user {text.partition('/')[0][1:]!r}, whose home "
      f"folder it would be. Write ./{text} for a file of this name"
    )
  return found


def anywhere(path: str | os.PathLike[str]) -> epath.Path:
  """Returns a path, local or in a bucket.

  Raises:
    InputError: the scheme of the path is unknown, or see `expanded`.
  """
  try:
    return epath.Path(expanded(path))
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
  return anywhere(path if is_remote(path) else Path(expanded(path)).resolve())


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
  return Path(expanded(path))


def check_writable(path: str | os.PathLike[str], is_file: bool = False) -> None:
  """Checks, before any work, that a folder or a file can be written.

  What is missing of the folders above it would be made. Paths in a bucket are
  not checked.

  Args:
    path: the folder, or the file.
    is_file: whether a file is to be written, which may exist.

  Raises:
    InputError: something that is no folder stands in its place or above it, or
      the folder that it would be made in cannot be written.
  """
  if is_remote(path):
    return
  place = Path(expanded(path)).absolute()
  if is_file and place.is_dir():
    raise InputError(f"{place} is a folder: expected a file to write")
  folder = place.parent if is_file else place
  while not os.path.lexists(folder) and folder != folder.parent:
    folder = folder.parent
  if not folder.is_dir():
    what = "is a file" if folder.exists() else "is a link that leads nowhere"
    raise InputError(f"{folder} {what}: expected a folder, to write {place}")
  if not os.access(folder, os.W_OK | os.X_OK):
    what = "" if folder == place else f", so {place} cannot be made"
    raise InputError(
      f"{folder} cannot be written{what}: change its rights, or choose another "
      "folder"
    )


def check_plain(path: str | os.PathLike[str], reader: str) -> None:
  """Checks that a library which takes paths for patterns finds a folder.

  Args:
    path: the folder.
    reader: the library, for the message.

  Raises:
    InputError: the path has characters of patterns.
  """
  place = str(absolute(path))
  found = re.search(r"[*?[\]]", place)
  if found:
    raise InputError(
      f"{place}: {reader} takes {found[0]!r} for a pattern, and loses what it "
      "writes there: choose a folder without *, ?, [ and ] in its path"
    )


def matching(folder: Path, pattern: str) -> list[Path]:
  """Returns the files and folders below a folder that match a pattern.

  Only the pattern is one. The folder is a name, whatever it holds.

  Args:
    folder: local or in a bucket.
    pattern: names with `*`, `?` and `[…]`, and `/` between them.

  Returns:
    The paths, sorted.
  """
  found = [folder]
  for name in pattern.split("/"):
    if re.search(r"[*?[]", name):
      found = [
        child
        for each in found
        if each.is_dir()
        for child in each.iterdir()
        if fnmatch.fnmatchcase(child.name, name)
      ]
    else:
      found = [each / name for each in found if (each / name).exists()]
  return sorted(found)


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
