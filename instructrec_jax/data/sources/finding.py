"""Finds a source's files, by name or glob, in a folder or an archive."""

import contextlib
import os
import zlib
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from instructrec_jax import errors, parquet, paths
from instructrec_jax.data import sources
from instructrec_jax.data.formats import archives
from instructrec_jax.data.formats.archives import File
from instructrec_jax.data.formats.raw import Raw
from instructrec_jax.errors import InputError

_UNFORESEEN = (pa.ArrowException, UnicodeError, EOFError, zlib.error)


def locate(
  name: str, raw_dir: str | os.PathLike[str], options: Mapping[str, Any]
) -> tuple[dict[str, File], Callable[..., Raw]]:
  """Finds a source's files and binds its reader to them.

  Args:
    name: a key of SOURCES.
    raw_dir: one archive, or the folder of the files as distributed, packed or
      not; a folder may be in a bucket.
    options: `<role>_file` for files with other names, and the reader's options.

  Returns:
    The files by role, and a function that reads them. It takes `scratch`, an
    empty folder, which it needs if a file is in an archive or the source
    spools.

  Raises:
    InputError: files are missing or ambiguous, or an option is unknown.
  """
  source = sources.find(name)
  folder = archives.Folder(raw_dir)
  roles = {role.removesuffix("?"): role for role in source.files}
  overrides = {f"{role}_file": role for role in roles}
  known = {*overrides, *source.options}
  given = {key: value for key, value in options.items() if value is not None}
  for key in given:
    if key not in known:
      raise errors.unknown(f"option of source {name!r}:", key, known)
  found = {}
  for role, spec in roles.items():
    named = given.get(f"{role}_file")
    patterns = source.patterns(spec) if named is None else [named]
    matches = folder.find(
      patterns, source.archives, source.in_parts, named is not None
    )
    if len(matches) > 1:
      raise InputError(
        f"{raw_dir}: {len(matches)} files could be the {role} "
        f"({' or '.join(patterns)}): {', '.join(map(_short, matches))}. Choose "
        f"one with {role}_file"
      )
    if matches:
      found[role] = matches[0]
    elif not spec.endswith("?") or named is not None:
      raise _missing(source, name, folder, role, patterns)
  own = {key: value for key, value in given.items() if key in source.options}

  def read(scratch: Path | None = None) -> Raw:
    spool = {"scratch": scratch} if source.spools else {}
    with archives.unpacked(found, scratch) as at, _read(at.values()):
      return source.reader(at, **own, **spool)

  return found, read


@contextlib.contextmanager
def _read(files: Iterable[Path]) -> Generator[None]:
  """Turns what libraries raise while files are read into InputErrors.

  A reader names the file and the line of what it foresees. This is for the
  rest.

  Raises:
    InputError: it names the files.
  """
  every = ", ".join(dict.fromkeys(map(str, files)))
  try:
    with parquet.reading(every):
      yield
  except _UNFORESEEN as error:
    raise parquet.unreadable(every, error) from None


def _short(file: File) -> str:
  return file.path.name + (f" ({file.member})" if file.member else "")


def _missing(
  source: sources.Source,
  name: str,
  folder: archives.Folder,
  role: str,
  patterns: Sequence[str],
) -> InputError:
  # The file may be in the damaged archive.
  if folder.damaged:
    return folder.damaged[0]
  packed = [
    f"{p.name} ({len(folder.members(p))} files)" for p in folder.archives
  ]
  plain, below = [], []
  if folder.path.is_dir():
    plain = sorted(
      p.name + "/" * p.is_dir()
      for p in folder.path.iterdir()
      if p not in folder.archives
    )
    below = [
      path.parents[one.count("/")]
      for one in patterns
      if not Path(one).is_absolute()
      for path in paths.matching(folder.path, f"*/{one}")
    ]
  shown = ", ".join((plain + packed)[:12])
  shown += " …" if len(plain + packed) > 12 else ""
  return InputError(
    f"{folder.path} has no {' or '.join(patterns)} (the {role} of {name}). "
    f"Expected: {', '.join(source.files.values())}, plain, as .gz or in "
    f"{' or '.join(source.archives) or 'an archive'}. Found: "
    f"{shown or 'nothing'}."
    + (f" Did you mean {below[0]}?" if below else "")
    + f" Get the files from {source.homepage}. For a file with another name, "
    f"give {role}_file"
  )
