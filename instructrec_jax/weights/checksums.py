"""Sizes and hashes of a checkpoint's files, so that damage is seen.

A checkpoint of ours has an item `checksums`, which is made when its other items
are written, before it gets its final name. A flipped bit would otherwise be
trained on. Checkpoints of earlier versions have none and are not checked.

In a bucket only sizes are kept and compared: the store keeps a checksum of each
object itself, and to hash an object would be to read it again.
"""

import concurrent.futures
import hashlib
import json
from collections.abc import Sequence

import jax
import orbax.checkpoint as ocp
from etils import epath

from instructrec_jax import paths

ITEM = "checksums"
_FILE = "files.json"
# Files that are hashed at the same time. A thread hashes 1.5 GB/s or so.
_THREADS = 4


def write(folder: epath.Path, into: epath.Path | None = None) -> None:
  """Writes the sizes and hashes of all files of a checkpoint's items.

  Args:
    folder: The checkpoint's folder.
    into: The folder of this item; by default that in `folder`.
  """
  into = into or folder / ITEM
  items = [c for c in sorted(folder.iterdir()) if c.is_dir() and c != into]
  files = {
    f"{item.name}/{path.relative_to(item).as_posix()}": path
    for item in items
    for path in _files(item)
  }
  with concurrent.futures.ThreadPoolExecutor(_THREADS) as threads:
    found = dict(
      zip(files, threads.map(_describe, files.values()), strict=True)
    )
  into.mkdir(parents=True, exist_ok=True)
  (into / _FILE).write_text(json.dumps(found, indent=1))


def lists(folder: epath.Path, item: str) -> bool:
  """Returns whether a checkpoint was saved with an item; False if unknown."""
  listed = folder / ITEM / _FILE
  # A damaged list lists nothing, and `damage` tells of it.
  return listed.exists() and f'"{item}/'.encode() in listed.read_bytes()


def damage(folder: epath.Path, items: Sequence[str]) -> str | None:
  """Returns what is wrong with a file of some items, or None.

  Args:
    folder: The checkpoint's folder.
    items: The names of the items.
  """
  listed = folder / ITEM / _FILE
  if not listed.exists():
    return None
  try:
    known = {
      name: (each["bytes"], each.get("sha256"))
      for name, each in json.loads(listed.read_text()).items()
      if name.partition("/")[0] in items
    }
  except (AttributeError, KeyError, TypeError, ValueError) as error:
    return f"{ITEM}/{_FILE}: {str(error).partition(chr(10))[0]}"
  there = {
    f"{item}/{path.relative_to(folder / item).as_posix()}": path
    for item in items
    for path in _files(folder / item)
  }
  for name in known.keys() - there.keys():
    return f"{name} is missing"
  # Of several processes, one hashes; each would have to read all of it.
  hashed = not paths.is_remote(folder) and jax.process_index() == 0
  for name, (size, _) in known.items():
    found = there[name].stat().length
    if found != size:
      return f"{name}: expected {size:,} bytes, got {found:,}"
  if not hashed:
    return None
  with concurrent.futures.ThreadPoolExecutor(_THREADS) as threads:
    digests = threads.map(_digest, (there[name] for name in known))
    for (name, (_, digest)), found in zip(known.items(), digests, strict=True):
      if digest not in (None, found):
        return f"{name}: its content has changed since it was saved"
  return None


class _Handler(ocp.CheckpointHandler):
  """Writes the checksums when the items that stand before it are finished."""

  def save(self, directory: epath.Path, args: "Args") -> None:
    """Writes nothing yet, as the other items are still being written."""

  def restore(self, directory: epath.Path, args: "Args | None" = None) -> None:
    """Does nothing: `damage` compares."""

  def finalize(self, directory: epath.Path) -> None:
    """Writes the item; Orbax calls it in the first process."""
    write(directory.parent, directory)


@ocp.args.register_with_handler(_Handler, for_save=True, for_restore=True)
class Args(ocp.args.CheckpointArgs):
  """The argument for a save, the last of its items."""


def handler() -> ocp.CheckpointHandler:
  """Returns Orbax's handler of this item."""
  return _Handler()


def _files(folder: epath.Path) -> list[epath.Path]:
  return [at / name for at, _, names in folder.walk() for name in sorted(names)]


def _describe(path: epath.Path) -> dict[str, int | str]:
  size: dict[str, int | str] = {"bytes": path.stat().length}
  return size if paths.is_remote(path) else size | {"sha256": _digest(path)}


def _digest(path: epath.Path) -> str:
  with open(path, "rb") as file:
    return hashlib.file_digest(file, "sha256").hexdigest()
