"""A folder that is filled beside its place, and then put there whole.

The folder `shop` is filled as `.shop.partial`. It gets its name in one step,
which also takes the name from an older `shop`. Where the file system cannot do
this in one step, the older folder is `.shop.replaced` for a moment. Whatever a
killed process leaves of these is put right by the next one (`recover`).
"""

import concurrent.futures
import contextlib
import ctypes
import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any

from instructrec_jax.errors import InputError
from instructrec_jax.files import locks

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
# What the kernel answers if it, or the file system, cannot exchange names.
_CANNOT_EXCHANGE = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)
# Hashing releases the interpreter's lock.
_THREADS = 4

# The size and SHA-256 of each file, by its path in the folder.
Outputs = Mapping[str, Mapping[str, Any]]


def real(folder: Path) -> Path:
  """Returns a folder, or what it is a link to, such as one on a larger disk.

  Raises:
    InputError: the link leads to itself.
  """
  if not folder.is_symlink():
    return folder
  try:
    return folder.resolve()
  except (OSError, RuntimeError) as error:
    raise InputError(f"{folder}: cannot follow this link: {error}") from None


@contextlib.contextmanager
def staging(folder: Path) -> Generator[Path]:
  """Yields an empty hidden sibling of `folder`, locked by this process.

  The kernel drops the lock when the process ends, however it ends. A folder
  that a killed process left behind is therefore known to be stale.

  Raises:
    InputError: another process is writing `folder`, or a file, a link or
      somebody else's folder is in the way.
  """
  path = _partial(folder)
  made = _make(path, folder)
  busy = f"another process is writing {folder}. Wait for it"
  with locks.locked(path, busy, follow_links=False) as handle:
    # Links and folders of others may have been put there to have theirs erased.
    if not made and os.fstat(handle).st_uid != os.geteuid():
      raise InputError(
        f"{path} belongs to another user: expected a folder of yours. Choose "
        "another place for the output"
      )
    _empty(path)
    try:
      yield path
    except BaseException:
      shutil.rmtree(path, ignore_errors=True)
      raise


def _make(path: Path, folder: Path) -> bool:
  """Makes a folder, and returns whether it was absent."""
  try:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir()
  except (FileExistsError, NotADirectoryError):
    taken = [p for p in (path, *path.parents) if p.is_file()]
    if taken and not path.is_symlink():
      raise InputError(
        f"{taken[0]} is a file: expected a folder, to write {folder} in it"
      ) from None
    return False
  return True


def put_in_place(partial: Path, folder: Path) -> None:
  """Gives a whole folder of `staging` its name, and removes the older folder.

  At each moment, either the older or the new folder has the name, if the file
  system can exchange names.
  """
  replaced = _replaced(folder)
  _remove(replaced)
  if not folder.exists():
    partial.rename(folder)
    sync_folder(folder.parent)
    return
  older = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
  try:
    # It gets the name of the staging folder: nobody may take it for one.
    locks.try_lock(older, folder)
    if exchange(partial, folder):
      sync_folder(folder.parent)
      shutil.rmtree(partial, ignore_errors=True)
      return
  finally:
    os.close(older)
  folder.rename(replaced)
  partial.rename(folder)
  sync_folder(folder.parent)
  _remove(replaced)


def recover(folder: Path, is_whole: Callable[[Path], bool]) -> None:
  """Puts right what a killed process left beside `folder`.

  An older folder that has lost its name gets it back. Beside a finished folder,
  everything else is removed, unless another process is at work there.

  Args:
    folder: the folder, which need not exist.
    is_whole: whether a folder is finished.
  """
  partial, replaced = _partial(folder), _replaced(folder)
  there = [p for p in (partial, replaced) if p.is_dir() and not p.is_symlink()]
  if not there:
    return
  with (
    contextlib.suppress(InputError),
    locks.locked(there[0], "busy", follow_links=False),
  ):
    if replaced in there and not folder.exists() and is_whole(replaced):
      replaced.rename(folder)
      sync_folder(folder.parent)
    if is_whole(folder):
      for path in there:
        _remove(path)


def exchange(one: Path, other: Path) -> bool:
  """Exchanges the names of two folders in one step.

  Returns:
    Whether the kernel and the file system can do so.
  """
  rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
  if rename is None:
    return False
  names = (_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other))
  if rename(*names, _RENAME_EXCHANGE) == 0:
    return True
  code = ctypes.get_errno()
  if code in _CANNOT_EXCHANGE:
    return False
  raise OSError(code, os.strerror(code), str(one), None, str(other))


def sealed(folder: Path) -> Outputs:
  """Writes all files through to the disk, and returns what they hold.

  A power cut may otherwise leave a folder with its name but without the
  content of its files.
  """
  files = sorted(_files(folder))
  names = [path.relative_to(folder).as_posix() for path in files]
  with concurrent.futures.ThreadPoolExecutor(_THREADS) as pool:
    outputs = dict(zip(names, pool.map(_sealed, files), strict=True))
  for path, _, _ in os.walk(folder, topdown=False):
    sync_folder(Path(path))
  return outputs


def _sealed(path: Path) -> dict[str, Any]:
  with path.open("rb") as f:
    digest = hashlib.file_digest(f, "sha256").hexdigest()
    os.fsync(f.fileno())
    return {"bytes": os.fstat(f.fileno()).st_size, "sha256": digest}


def damage(folder: Path, outputs: Outputs, whole: bool = False) -> str | None:
  """Says which file of a folder is no longer as it was written.

  Args:
    folder: the folder.
    outputs: what `sealed` returned.
    whole: whether to read the files. Otherwise only their sizes are compared.

  Returns:
    The first such file, and in what it differs; None if there is none.
  """
  for name, was in outputs.items():
    path = folder / name
    try:
      size = path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
      return f"{path} is missing"
    if size != was["bytes"]:
      return (
        f"{path} is damaged or was changed: its size was {was['bytes']:,} "
        f"bytes and is {size:,}"
      )
  if not whole:
    return None
  with concurrent.futures.ThreadPoolExecutor(_THREADS) as pool:
    digests = pool.map(_digest, [folder / name for name in outputs])
    for (name, was), digest in zip(outputs.items(), digests, strict=True):
      if digest != was["sha256"]:
        return (
          f"{folder / name} is damaged or was changed: its SHA-256 was "
          f"{was['sha256']} and is {digest}"
        )
  return None


def _digest(path: Path) -> str:
  with path.open("rb") as f:
    return hashlib.file_digest(f, "sha256").hexdigest()


def sync_folder(folder: Path) -> None:
  """Writes the names in a folder through to the disk, where that is possible.

  Some network file systems cannot.
  """
  with contextlib.suppress(OSError):
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
      os.fsync(handle)
    finally:
      os.close(handle)


def _files(folder: Path) -> Generator[Path]:
  for path, _, names in os.walk(folder):
    yield from (Path(path) / name for name in names)


def _partial(folder: Path) -> Path:
  return folder.with_name(f".{folder.name}.partial")


def _replaced(folder: Path) -> Path:
  return folder.with_name(f".{folder.name}.replaced")


def _empty(folder: Path) -> None:
  for child in folder.iterdir():
    _remove(child)


def _remove(path: Path) -> None:
  """Removes a folder with all in it, a file or a link, if it is there."""
  if path.is_dir() and not path.is_symlink():
    shutil.rmtree(path, ignore_errors=True)
  else:
    path.unlink(missing_ok=True)
