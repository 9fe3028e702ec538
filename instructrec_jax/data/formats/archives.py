"""A dataset's files as downloaded: plain, gzipped, or in an archive."""

import contextlib
import dataclasses
import functools
import gzip
import lzma
import os
import shutil
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from instructrec_jax import artifacts, paths
from instructrec_jax.data.formats import limits, parts
from instructrec_jax.errors import InputError, is_refusal

_ZIP = (".zip",)
_TAR = (".tar", ".tar.gz", ".tgz")
_READ = 1 << 20
_DAMAGE = (
  zipfile.BadZipFile,
  tarfile.TarError,
  zlib.error,
  lzma.LZMAError,
  EOFError,
  # A damaged directory has places before the file's begin, and odd names.
  OSError,  # See `_whole`.
  ValueError,
  OverflowError,
  IndexError,
  struct.error,
  # From zipfile: a password is needed, or the compression is unknown.
  RuntimeError,
  NotImplementedError,
)


@dataclasses.dataclass(frozen=True)
class File:
  """A file, a folder of the parts of a table, or a member of an archive.

  Attributes:
    path: the file, the folder, or the archive; local or in a bucket.
    member: its name in the archive; None if it is not in one.
  """

  path: Path
  member: str | None = None

  def __str__(self) -> str:
    return f"{self.path}" + (f" ({self.member})" if self.member else "")

  @property
  def name(self) -> str:
    """The file's name without folders."""
    return PurePosixPath(self.member or self.path).name


class Folder:
  """The place where files are searched: a folder or one archive.

  Attributes:
    path: the folder or the archive.
    archives: the archives there, sorted by name.
  """

  def __init__(self, where: str | os.PathLike[str]):
    """Lists the archives there.

    Args:
      where: a folder or archive; local or in a bucket.

    Raises:
      InputError: it is neither, or the bucket cannot be read.
    """
    with paths.reading(where):
      self._open(_place(where))

  def _open(self, path: Path) -> None:
    if path.is_dir():
      entries = sorted(p for p in path.iterdir() if p.is_file())
      self.archives = [p for p in entries if _is_archive(p.name)]
    elif path.is_file() and _is_archive(path.name):
      self.archives = [path]
    else:
      raise InputError(
        f"{path} is not a folder or an archive ({', '.join(_ZIP + _TAR)}). "
        "Give the folder or archive of the raw files"
      )
    self.path = path
    self._members: dict[Path, list[str]] = {}
    self._damaged: dict[Path, InputError] = {}

  @property
  def damaged(self) -> list[InputError]:
    """The errors of the archives that could not be read."""
    return list(self._damaged.values())

  def find(
    self,
    patterns: Sequence[str],
    archives: Sequence[str] = (),
    in_parts: bool = False,
    literal: bool = False,
  ) -> list[File]:
    """Returns the matching plain files, or else .gz files, or else members.

    Args:
      patterns: names or globs; the first one that matches any file counts. The
        end of a member's path is matched, as if each archive were unpacked
        into a folder of its own name.
      archives: names or globs of the archives to search first.
      in_parts: whether a folder of parts counts as a plain file.
      literal: whether a person gave the names, which are then no globs.
    """
    packed = [f"{pattern}.gz" for pattern in patterns]
    named = [p for p in self.archives if any(p.match(a) for a in archives)]
    other = [p for p in self.archives if p not in named]
    plain = functools.partial(self._plain, literal=literal)
    levels = [
      (functools.partial(plain, in_parts=in_parts), patterns),
      (plain, packed),
      *(
        (functools.partial(self._in, among, literal=literal), ends)
        for among in (named, other)
        for ends in (patterns, packed)
      ),
    ]
    for look, wanted in levels:
      for pattern in wanted:
        if found := look(pattern):
          return found
    return []

  def _plain(
    self, pattern: str, literal: bool, in_parts: bool = False
  ) -> list[File]:
    def fits(path: Path) -> bool:
      if path.is_dir():
        return in_parts and bool(parts.of(path))
      return path.is_file() and not _is_archive(path.name)

    # A glob cannot be an absolute path.
    if Path(pattern).is_absolute() or paths.is_remote(pattern):
      path = _place(pattern)
      return [File(path)] if path.is_file() or fits(path) else []
    if not self.path.is_dir():
      return []
    found = [self.path / pattern]
    if not literal:
      found = paths.matching(self.path, pattern)
    return [File(p) for p in found if fits(p)]

  def _in(
    self, archives: Sequence[Path], pattern: str, literal: bool
  ) -> list[File]:
    fits = _ends_in if literal else PurePosixPath.match
    return [
      File(path, member)
      for path in archives
      for member in self.members(path)
      if fits(_as_unpacked(path, member), pattern)
    ]

  def members(self, archive: Path) -> list[str]:
    """Returns the names of an archive's files; none if it is damaged."""
    if archive not in self._members:
      try:
        with _whole(archive):
          self._members[archive] = [each.name for each in _members(archive)]
      except InputError as error:
        self._members[archive] = []
        self._damaged[archive] = error
    return self._members[archive]


def fingerprints(files: Mapping[str, File]) -> dict[str, dict[str, Any]]:
  """Returns each file's fingerprint by role; a member has its archive's."""
  whole = {
    path: _fingerprint(path) for path in {f.path for f in files.values()}
  }
  return {
    role: whole[file.path] | ({"member": file.member} if file.member else {})
    for role, file in files.items()
  }


def _fingerprint(path: Path) -> dict[str, Any]:
  """Returns the fingerprint of a file, or those of the parts of a table.

  A file in a bucket is known by its size and time, because its content is read
  only once.
  """
  if path.is_dir():
    each = {str(p.relative_to(path)): _fingerprint(p) for p in parts.of(path)}
    return {"name": path.name, "parts": each}
  if not paths.is_remote(path):
    return artifacts.file_fingerprint(path)
  about = cast(Any, path.stat())
  told = {"bytes": about.length, "modified": about.mtime}
  return {"name": path.name, **told}


def _place(path: str | os.PathLike[str]) -> Path:
  """Returns a local path, or one in a bucket, which has the same methods."""
  if paths.is_remote(path):
    return cast(Path, paths.anywhere(path))
  return Path(paths.expanded(path))


@contextlib.contextmanager
def unpacked(
  files: Mapping[str, File], scratch: Path | None
) -> Generator[dict[str, Path]]:
  """Yields the path of each file by role; members are unpacked meanwhile.

  Files in a bucket are copied. An InputError about such a file names the
  archive, or the file in the bucket, instead.

  Args:
    files: the files, by role.
    scratch: the folder to unpack into; may be None if no file is packed.

  Raises:
    InputError: an archive is cut off or damaged.
  """
  packed = dict.fromkeys(
    file for file in files.values() if file.member or paths.is_remote(file.path)
  )
  if not packed:
    yield {role: file.path for role, file in files.items()}
    return
  folder = scratch / "unpacked"
  at = {
    file: folder / str(i) / file.name if file in packed else file.path
    for i, file in enumerate(files.values())
  }
  try:
    for file in packed:
      at[file].parent.mkdir(parents=True, exist_ok=True)
      if not file.member:
        _copy(file.path, at[file])
    for archive in {file.path for file in packed if file.member}:
      with _whole(archive):
        wanted = {f.member: at[f] for f in packed if f.path == archive}
        _extract(archive, wanted)
    yield {role: at[file] for role, file in files.items()}
  except InputError as error:
    said = str(error)
    for file in packed:
      said = said.replace(str(at[file]), str(file))
    raise InputError(said) from None
  finally:
    shutil.rmtree(folder, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
  """Copies a file, or the parts of a table, out of a bucket."""
  if source.is_dir():
    for part in parts.of(source):
      _copy(part, target / part.relative_to(source))
    return
  target.parent.mkdir(parents=True, exist_ok=True)
  with (
    paths.reading(source),
    source.open("rb") as there,
    target.open("wb") as here,
  ):
    shutil.copyfileobj(there, here, _READ)


def _extract(archive: Path, targets: Mapping[str, Path]) -> None:
  for member in _members(archive):
    if member.name in targets:
      path = targets[member.name]
      limits.check_disk(archive, member.size, path.parent)
      with member.open() as source, path.open("wb") as target:
        shutil.copyfileobj(source, target, _READ)


@contextlib.contextmanager
def _whole(archive: Path) -> Generator[None]:
  """Raises an InputError if the archive is damaged."""
  try:
    yield
  except InputError:
    raise
  except _DAMAGE as error:
    # A full disk, say, is no fault of the archive.
    if is_refusal(error):
      raise
    said = " ".join(str(error).split())
    raise InputError(
      f"{archive} is cut off or damaged (size: {archive.stat().st_size:,} "
      f"bytes): {said:.200}. Fetch it again"
    ) from None


def _is_archive(name: str) -> bool:
  return name.lower().endswith(_ZIP + _TAR)


def _as_unpacked(archive: Path, member: str) -> PurePosixPath:
  ending = next(e for e in _TAR + _ZIP if archive.name.lower().endswith(e))
  return PurePosixPath(archive.name[: -len(ending)], member)


def _ends_in(path: PurePosixPath, name: str) -> bool:
  """Returns whether the end of a path is a name, which may have folders."""
  parts = PurePosixPath(name).parts
  return path.parts[-len(parts) :] == parts


@dataclasses.dataclass(frozen=True)
class _Member:
  """A file in an archive.

  Attributes:
    name: its name, with folders.
    size: its size in bytes, as the archive says it.
    open: opens it.
  """

  name: str
  size: int
  open: Callable[[], IO[bytes]]


def _members(path: Path) -> Iterator[_Member]:
  """Yields the files of an archive.

  The archive is read once, front to back, so open a file before asking for the
  next. A .tar inside an archive, as in Yelp's, is read too.
  """
  if path.name.lower().endswith(_TAR):
    with path.open("rb") as f:
      yield from _tar(path, f)
    return
  with zipfile.ZipFile(path) as archive:
    for info in archive.infolist():
      name = PurePosixPath(info.filename)
      if info.is_dir() or _is_hidden(name):
        continue
      if info.filename.lower().endswith(_TAR):
        with _unzipped(path, archive, info) as f:
          for inner in _tar(path, f):
            where = f"{name.parent / name.stem}/{inner.name}"
            yield dataclasses.replace(inner, name=where)
      else:
        opened = functools.partial(_unzipped, path, archive, info)
        yield _Member(str(name), info.file_size, opened)


def _unzipped(
  path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo
) -> IO[bytes]:
  """Opens a member of a .zip file, unless it would become too large."""
  packed = min(info.compress_size, archive.start_dir)
  limits.check_ratio(path, packed, info.file_size)
  # No more is read than the archive says.
  return archive.open(info)


def _tar(path: Path, f: IO[bytes]) -> Iterator[_Member]:
  # The content decides: a .tar may be gzipped, and a .tar.gz may not be.
  start = f.read(2)
  f.seek(0)
  stream = f
  if start == b"\x1f\x8b":
    stream = limits.Measured(gzip.GzipFile(fileobj=f), path, f.tell)
  with tarfile.open(fileobj=stream, mode="r|", bufsize=_READ) as archive:
    for info in archive:
      name = PurePosixPath(info.name)
      if info.isfile() and not _is_hidden(name):
        opened = functools.partial(_untarred, path, f, archive, info)
        yield _Member(str(name), info.size, opened)


def _untarred(
  path: Path, f: IO[bytes], archive: tarfile.TarFile, info: tarfile.TarInfo
) -> IO[bytes]:
  """Opens a member that is a file; a sparse one may be all holes."""
  found = cast(IO[bytes], archive.extractfile(info))
  return cast(IO[bytes], limits.Measured(found, path, f.tell))


def _is_hidden(name: PurePosixPath) -> bool:
  # macOS puts a `._x` beside every x.
  return name.name.startswith(".") or "__MACOSX" in name.parts
