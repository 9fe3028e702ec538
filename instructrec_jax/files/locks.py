"""Locks of folders and files, which end with the process that holds them."""

import contextlib
import errno
import fcntl
import os
import sys
from collections.abc import Generator
from pathlib import Path

from instructrec_jax.errors import InputError

# What flock answers where the file system has no locks, such as NFS without
# its lock service. NFS locks no file that is not open for writing, and so no
# folder: EBADF.
_LOCKLESS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF)
# Devices that were said to have no locks.
_said: set[int] = set()


def try_lock(handle: int, name: str | os.PathLike[str]) -> bool | None:
  """Locks an open file, unless another process holds its lock.

  The kernel drops the lock when the file is closed or the process ends.

  Args:
    handle: the descriptor of the file.
    name: the name of the file, for a message.

  Returns:
    Whether this process holds the lock. None if the file system has no locks;
    a line on standard error says so once.
  """
  try:
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
  except BlockingIOError:
    return False
  except OSError as error:
    if error.errno not in _LOCKLESS:
      raise
    device = os.fstat(handle).st_dev
    if device not in _said:
      _said.add(device)
      print(
        f"{name}: this file system has no locks ({error.strerror}). Take care "
        "that no second process writes to the same place",
        file=sys.stderr,
      )
    return None
  return True


@contextlib.contextmanager
def locked(
  folder: Path, busy: str, follow_links: bool = True
) -> Generator[int]:
  """Holds the lock of a folder, so that no second process works in it.

  Args:
    folder: the folder, which exists.
    busy: what to say if another process holds the lock.
    follow_links: whether the folder may be a link to another one.

  Yields:
    The descriptor of the folder.

  Raises:
    InputError: another process holds the lock, or `folder` is no folder.
  """
  flags = os.O_RDONLY | os.O_DIRECTORY
  try:
    handle = os.open(folder, flags | (0 if follow_links else os.O_NOFOLLOW))
  except OSError as error:
    if error.errno not in (errno.ENOTDIR, errno.ELOOP):
      raise
    kind = "link" if folder.is_symlink() else "file"
    raise InputError(
      f"{folder} is a {kind}: expected a folder. Look at what it is, and "
      "remove it or choose another place for the output"
    ) from None
  try:
    if try_lock(handle, folder) is False or not is_still(handle, folder):
      raise InputError(busy)
    yield handle
  finally:
    os.close(handle)


def is_still(handle: int, path: Path) -> bool:
  """Returns whether an open file is still the one of that name."""
  try:
    return os.path.samestat(os.fstat(handle), path.stat())
  except FileNotFoundError:
    return False
