"""What an exception of a library, or of the system, means to a user.

It is the last line of defence: readers raise an InputError that names the file
and the line. A table has what each kind of exception means, and what to do. No
library is imported for it, so a kind is known by the names of its class and of
the classes above it.
"""

import errno
import os
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from types import TracebackType

import instructrec_jax

_ROOM = "make room, and run the same command again"
_RIGHTS = "change its rights, or choose another place"
_LOCAL = "choose a folder on a local disk"
_BUSY = "another program uses it: end that one, and run the same command again"
# What the number of an OSError means, and what to do.
_SYSTEM: Mapping[int, str] = {
  errno.ENOSPC: f"the disk is full: {_ROOM}",
  errno.EDQUOT: f"your quota of this disk is used up: {_ROOM}",
  errno.EFBIG: "the file is larger than the system allows: see `ulimit -f`",
  errno.EROFS: "the file system is read-only: choose another folder",
  errno.EACCES: f"permission denied: {_RIGHTS}",
  errno.EPERM: f"the system does not permit it: {_RIGHTS}",
  errno.EMFILE: "too many files are open: raise the limit, `ulimit -n 4096`",
  errno.ENFILE: "too many files are open on this machine: end other programs",
  errno.ENOMEM: "there is not enough memory: end other programs, or use a "
  "machine with more",
  errno.ENOLCK: f"the file system has no locks: {_LOCAL}",
  errno.EOPNOTSUPP: f"the file system cannot do that: {_LOCAL}",
  errno.ENOSYS: f"the file system cannot do that: {_LOCAL}",
  errno.EIO: "the disk fails, or the network to it: check it, and run the same "
  "command again",
  errno.ESTALE: "the folder on the network has moved: mount it again",
  errno.EBUSY: _BUSY,
  errno.ETXTBSY: _BUSY,
  errno.ENOENT: "no such file or folder",
  errno.ENOTDIR: "a part of this path is a file: expected a folder",
  errno.EISDIR: "it is a folder: expected a file",
  errno.EEXIST: "it exists already: move it away, or choose another name",
  errno.ENOTEMPTY: "the folder is not empty: move it away, or choose another",
  errno.EXDEV: "it lies on another file system: choose a folder on the same",
  errno.ENAMETOOLONG: "the name is too long for the file system",
  errno.ELOOP: "links lead in a circle",
  errno.EINVAL: "the system refuses it: the file or the file system may be "
  "damaged",
}
# Errors of any library that speak of what the system has refused.
_SPOKEN = {
  os.strerror(number): number
  for number in (
    errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EMFILE,
    errno.ENFILE, errno.ENOMEM, errno.ENOLCK, errno.EIO, errno.ESTALE,
    errno.ENAMETOOLONG,
  )
}  # fmt: skip
_NETWORK = "the network, or the server, does not answer: try it again"
_DAMAGED = "the file is damaged or cut off: fetch it again, or make it again"
_AGAIN = "cannot use the data: if a file is damaged, make it again"
_STEP = "the checkpoint cannot be used: if it is damaged, choose another step"
_DEVICES = "JAX cannot run the program on these devices"
# By the module or the full name of a class: what its exceptions mean. The first
# row that fits counts.
_LIBRARIES: Mapping[str, str] = {
  "builtins.MemoryError": _SYSTEM[errno.ENOMEM],
  "builtins.UnicodeDecodeError": "the text is not UTF-8: save it as UTF-8",
  "builtins.UnicodeEncodeError": "the text has characters that cannot be "
  "written",
  "builtins.ConnectionError": _NETWORK,
  "builtins.TimeoutError": _NETWORK,
  "builtins.ImportError": "the installation is not complete: install "
  "instructrec-jax again",
  "json.decoder.JSONDecodeError": "it is not JSON: correct the file",
  "zlib.error": _DAMAGED,
  "gzip.BadGzipFile": _DAMAGED,
  "_lzma.LZMAError": _DAMAGED,
  "zipfile.BadZipFile": _DAMAGED,
  "tarfile.TarError": _DAMAGED,
  "builtins.EOFError": _DAMAGED,
  "sqlite3.Error": "SQLite cannot use it: end other programs that use it, "
  "or move it away",
  "polars.exceptions": f"Polars {_AGAIN}",
  "pyo3_runtime.PanicException": f"Polars {_AGAIN}",
  "pyarrow": f"Arrow {_AGAIN}",
  "tensorflow": f"TensorFlow {_AGAIN}",
  "orbax": _STEP,
  "tensorstore": _STEP,
  "jax.errors": _DEVICES,
  "jaxlib": _DEVICES,
  "httpx": _NETWORK,
  "httpx2": _NETWORK,
  "httpcore": _NETWORK,
  "ssl": _NETWORK,
  "urllib.error": _NETWORK,
  "aiohttp": _NETWORK,
  "google.auth": "the credentials cannot be used: run gcloud auth "
  "application-default login",
}
_MEMORY_OF_DEVICE = "RESOURCE_EXHAUSTED: Out of memory"
_SMALLER = (
  "the model and its batch do not fit into the memory of the device: bind a "
  "smaller BATCH_SIZE, or use more devices; `instructrec plan` computes it"
)
# TensorStore, which Orbax reads checkpoints with, raises errors of Python's own
# classes, which end in this.
_OF_TENSORSTORE = "[tensorstore_spec="
# How Polars writes the number of an OSError.
_OF_RUST = re.compile(r"\(os error (\d{1,3})\)")
_SHOWN = 300
# The local names of files in our functions.
_FILES = ("path", "file", "folder", "where")


def known(error: BaseException) -> str | None:
  """Returns a line that says what an exception means, or None.

  None stands for an exception that nobody foresaw, which is a bug of ours.
  """
  said = f"{error}"
  if _MEMORY_OF_DEVICE in said:
    return _SMALLER
  number = _refusal(error)
  if number is not None:
    return _line(error, _SYSTEM[number], "")
  if _OF_TENSORSTORE in said:
    return _line(error, _STEP, said.partition(_OF_TENSORSTORE)[0])
  names = [f"{c.__module__}.{c.__qualname__}" for c in type(error).__mro__]
  for kind, means in _LIBRARIES.items():
    if any(f"{name}.".startswith(f"{kind}.") for name in names):
      return _line(error, means, said or type(error).__name__)
  if isinstance(error, OSError):
    return _line(error, "", error.strerror or said)
  return None


def _refusal(error: BaseException) -> int | None:
  """Returns the number of what the system has refused, if it is that."""
  number = getattr(error, "errno", None)
  if isinstance(error, OSError) and number in _SYSTEM:
    return number
  said = str(error)
  told = _OF_RUST.search(said)
  if told and int(told[1]) in _SYSTEM:
    return int(told[1])
  return next((n for text, n in _SPOKEN.items() if text in said), None)


def _line(error: BaseException, means: str, said: str) -> str:
  said = " ".join(said.split())
  if len(said) > _SHOWN:
    said = f"{said[:_SHOWN]}…"
  if said and means:
    said = f"{means} ({said})"
  file = _file(error)
  return f"{file}: {said or means}" if file else said or means


def _file(error: BaseException) -> str | None:
  """Returns the file that an exception is about, if anything tells it."""
  named = getattr(error, "filename", None)
  if isinstance(named, str | bytes | os.PathLike):
    return os.fsdecode(named)
  for frame in reversed([*_ours(error.__traceback__)]):
    for name in _FILES:
      value = frame.f_locals.get(name)
      if isinstance(value, str | os.PathLike) and os.fspath(value):
        return os.fspath(value)
  return None


def _ours(trace: TracebackType | None) -> Iterator:
  """Yields the frames of our functions, the outermost first."""
  package = f"{instructrec_jax.__name__}."
  for frame, _ in traceback.walk_tb(trace):
    if frame.f_globals.get("__name__", "").startswith(package):
      yield frame


def bug(error: BaseException, command: str) -> str:
  """Keeps the traceback of a bug in a file, and returns a line about it.

  Without a folder for temporary files, the traceback goes to standard error.

  Args:
    error: the exception.
    command: the program and the command.
  """
  import platform
  import tempfile

  trace = "".join(traceback.format_exception(error))
  about = (
    f"{command}, InstructRec-JAX {instructrec_jax.__version__}, "
    f"Python {platform.python_version()}, {platform.platform()}\n\n{trace}"
  )
  try:
    with tempfile.NamedTemporaryFile(
      "w", prefix="instructrec-", suffix=".txt", delete=False,
      encoding="utf-8", errors="backslashreplace",
    ) as file:  # fmt: skip
      file.write(about)
    where = f"its traceback is in {file.name}"
  except OSError:
    print(about, file=sys.stderr)
    where = "its traceback stands above"
  said = " ".join(str(error).split())
  said = f": {said[:_SHOWN]}" if said else ""
  return (
    f"this is a bug in InstructRec-JAX, {type(error).__name__}{said}; {where}. "
    "Please report it with that, or see it with --debug"
  )
