"""Limits of what a packed file may become, and of what fits into memory.

A file of a megabyte can unpack to a thousand of them, on purpose or by mistake.
Real logs shrink to a fiftieth, and logs of constant columns to a hundredth.
"""

import contextlib
import io
import shutil
from collections.abc import Callable, Generator
from pathlib import Path
from typing import IO

from instructrec_jax.errors import InputError

RATIO = 200
# What any file may unpack to, whatever its ratio.
_SMALL = 64 << 20
# Bytes of a file that are read before memory is looked at.
_FIRST = 256 << 20
_lifted = False


@contextlib.contextmanager
def lifted(allow_large: bool) -> Generator[None]:
  """Lifts the limits in this block, if `allow_large`."""
  global _lifted
  before, _lifted = _lifted, allow_large
  try:
    yield
  finally:
    _lifted = before


def check_ratio(path: Path, packed: int, unpacked: int) -> None:
  """Raises InputError if a file becomes too large by unpacking.

  Args:
    path: the file.
    packed: the bytes of it that were read, or those that a part of it has.
    unpacked: what became of them, or would become.
  """
  if not _lifted and unpacked > _SMALL + RATIO * packed:
    raise InputError(
      f"{path}: {packed:,} bytes of it unpack to {unpacked:,} bytes, more than "
      f"{RATIO} times as many. Files that are made to fill a disk or memory do "
      "so. If this file is right, give --allow_large"
    )


def check_disk(path: Path, size: int, folder: Path) -> None:
  """Raises InputError if a folder's disk has no room for a file's bytes."""
  free = shutil.disk_usage(folder).free
  if size > free:
    raise InputError(
      f"{path} holds {size:,} bytes to unpack, but the disk of {folder} has "
      f"{free:,} bytes free: make room, or choose another data_dir"
    )


class Memory:
  """Looks at how much memory is left while a file is read.

  What is kept of a file is copied when it is cleaned and sorted, so as much
  must be free as was used.
  """

  def __init__(self, path: Path):
    self._path, self._before = path, free_memory()

  def check(self, read: int, line: int) -> None:
    """Raises InputError if the rest of the file would not fit.

    Args:
      read: the bytes that were read so far.
      line: the number of the line that was reached.
    """
    if _lifted or read < _FIRST or self._before is None:
      return
    free = free_memory() or 0
    if free < self._before - free:
      raise InputError(
        f"{self._path}: memory ends at line {line:,}: {self._before:,} bytes "
        f"were free before the file was read, {free:,} are left. Use a machine "
        "with more, end other programs, or give --allow_large"
      )


class Measured(io.RawIOBase):
  """A stream of what is unpacked, which ends in an error if it is too much."""

  def __init__(self, stream: IO[bytes], path: Path, packed: Callable[[], int]):
    """Begins to count.

    Args:
      stream: the unpacked bytes.
      path: the file, for messages.
      packed: returns the packed bytes that were read so far.
    """
    self._stream, self._path, self._packed = stream, path, packed
    self._unpacked = 0

  def readable(self) -> bool:
    """Returns True."""
    return True

  def readinto(self, buffer) -> int:
    """Reads into a buffer, and returns the number of bytes.

    Raises:
      InputError: so many bytes were unpacked from so few.
    """
    data = self._stream.read(len(buffer))
    buffer[: len(data)] = data
    self._unpacked += len(data)
    check_ratio(self._path, self._packed(), self._unpacked)
    return len(data)

  def close(self) -> None:
    """Closes both streams."""
    self._stream.close()
    super().close()


def free_memory() -> int | None:
  """Returns the bytes of memory that are free, or None if nothing tells.

  In a container its limit counts too.
  """
  found = []
  with contextlib.suppress(OSError, ValueError, KeyError):
    found.append(_figures("/proc/meminfo", ":")["MemAvailable"] * 1024)
  with contextlib.suppress(OSError, ValueError, KeyError):
    group = Path("/sys/fs/cgroup")
    most = int((group / "memory.max").read_text())  # "max" is no number.
    used = int((group / "memory.current").read_text())
    cached = _figures(str(group / "memory.stat"), " ")["inactive_file"]
    found.append(max(0, most - used + cached))
  return min(found, default=None)


def _figures(path: str, separator: str) -> dict[str, int]:
  rows = (
    row.partition(separator) for row in Path(path).read_text().split("\n")
  )
  return {name: int(value.split()[0]) for name, _, value in rows if value}
