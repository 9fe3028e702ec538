"""A stage's folder: written aside, finished by its manifest, then renamed.

A stage is a command that reads what an earlier one wrote and fills one folder.
Nothing half-written ever stands under the folder's own name: the work goes on
in a hidden sibling, `manifest.json` is written last, and one rename puts the
folder in its place. So a folder with a manifest is whole, and a killed stage
leaves only a sibling that the next run clears away.

The manifest says what the folder was made of. Its fingerprint covers the
inputs, the options, the seed and the format version, and is what a later stage
names as its own input.
"""

import contextlib
import datetime
import fcntl
import hashlib
import importlib.metadata
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NotRequired, TypedDict, cast

from etils import epath

import instructrec_jax
from instructrec_jax import paths
from instructrec_jax.errors import InputError

MANIFEST = "manifest.json"
# Raised when a stage's output changes for the same inputs and options, so that
# folders written before are made again instead of being taken for current.
FORMAT_VERSION = 3


class Manifest(TypedDict):
  """What manifest.json holds.

  Attributes:
    stage: the command that wrote the folder.
    format: the `FORMAT_VERSION` it was written in.
    inputs: fingerprints of everything that was read, by name.
    options: everything else that decides the output.
    seed: of the stage's draws; None where it draws nothing.
    fingerprint: a digest of all of the above.
    counts: what was read, kept and dropped.
    versions: of this package and of the libraries that were used, by name.
    created: when, in UTC, as ISO 8601 writes it.
    reused: whether the folder was there already; not in the file.
  """

  stage: str
  format: int
  inputs: dict[str, Any]
  options: dict[str, Any]
  seed: int | None
  fingerprint: str
  counts: dict[str, Any]
  versions: dict[str, str]
  created: str
  reused: NotRequired[bool]


@contextlib.contextmanager
def atomic_open(path: str | os.PathLike) -> Generator[BinaryIO]:
  """Yields a file to write, which is `path` once all went well, else nothing.

  The folder is made where needed. A bucket needs no help: an object is there
  once it is whole.
  """
  path = paths.anywhere(path)
  if paths.is_remote(path):
    with tempfile.TemporaryFile() as f:
      yield f
      f.seek(0)
      with path.open("wb") as remote:
        shutil.copyfileobj(f, remote)
    return
  path.parent.mkdir(parents=True, exist_ok=True)
  handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
  try:
    with os.fdopen(handle, "wb") as f:
      yield f
      f.flush()
      os.fsync(f.fileno())
    # mkstemp makes files for the owner alone; a result is for everybody.
    os.chmod(temporary, 0o666 & ~_umask())
    os.replace(temporary, path)
  except BaseException:
    with contextlib.suppress(FileNotFoundError):
      os.unlink(temporary)
    raise


def atomic_write_bytes(path: str | os.PathLike, data: bytes) -> None:
  """Writes `path` whole or not at all; see `atomic_open`."""
  with atomic_open(path) as f:
    f.write(data)


def atomic_write_text(path: str | os.PathLike, text: str) -> None:
  """Writes `text` as UTF-8 to `path`, whole or not at all."""
  atomic_write_bytes(path, text.encode())


def file_fingerprint(path: str | os.PathLike) -> dict[str, Any]:
  """Returns name, size in bytes and SHA-256 of a raw file.

  The content is read rather than trusting size and time: a copy keeps its
  fingerprint, an edited file never does, and hashing costs about a second per
  gigabyte.
  """
  path = Path(path)
  with path.open("rb") as f:
    digest = hashlib.file_digest(f, "sha256").hexdigest()
  return {"name": path.name, "bytes": path.stat().st_size, "sha256": digest}


def read_manifest(
  folder: str | os.PathLike, stage: str | None = None
) -> Manifest:
  """Returns the manifest of a folder that `stage` finished; None for any.

  Raises:
    InputError: the folder is absent, unfinished, or another stage's.
  """
  folder = paths.anywhere(folder)
  manifest = _load_manifest(folder)
  if manifest is None:
    raise InputError(
      f"{folder} holds no finished output of `{stage}` (no {MANIFEST}): "
      f"run `instructrec {stage}` first"
    )
  if stage is not None and manifest["stage"] != stage:
    raise InputError(
      f"{folder} was written by `{manifest['stage']}`, not by `{stage}`"
    )
  return manifest


def run_stage(
  stage: str,
  folder: str | os.PathLike,
  write: Callable[[Path], Mapping[str, Any]],
  *,
  inputs: Mapping[str, Any],
  options: Mapping[str, Any],
  seed: int | None = None,
  libraries: tuple[str, ...] = (),
  overwrite: bool = False,
) -> Manifest:
  """Fills `folder` with what `write` makes, or finds it already done.

  Args:
    stage: the command's name.
    folder: where the output goes.
    write: is called with an empty folder to fill, returns the counts for the
      manifest.
    inputs: fingerprints of everything read, by name.
    options: everything else that decides the output; must be JSON.
    seed: the seed of the stage's draws, if it draws.
    libraries: distributions whose versions the manifest records.
    overwrite: replace a finished folder made of other inputs or options.

  Returns:
    The manifest, with `reused` true where the folder was already there.

  Raises:
    InputError: the folder holds something else, or is being written.
  """
  folder = paths.local(folder, "write to a local one and copy it")
  made_of = _as_json(
    {
      "stage": stage,
      "format": FORMAT_VERSION,
      "inputs": inputs,
      "options": options,
      "seed": seed,
    }
  )
  fingerprint = hashlib.sha256(_dumps(made_of).encode()).hexdigest()
  found = _load_manifest(folder)
  if found is not None and found["fingerprint"] == fingerprint:
    return {**found, "reused": True}
  _check_replaceable(folder, found, made_of, overwrite)

  with _staging(folder) as staging:
    counts = write(staging)
    manifest: Manifest = {
      **made_of,
      "fingerprint": fingerprint,
      "counts": _as_json(counts),
      "versions": versions(libraries),
      "created": datetime.datetime.now(datetime.UTC).isoformat("T", "seconds"),
    }
    atomic_write_text(staging / MANIFEST, _dumps(manifest) + "\n")
    _put_in_place(staging, folder)
  return {**manifest, "reused": False}


def _load_manifest(folder: Path | epath.Path) -> Manifest | None:
  path = folder / MANIFEST
  try:
    manifest = json.loads(path.read_text())
  except (FileNotFoundError, NotADirectoryError):
    return None
  except ValueError as error:
    raise InputError(f"{path} is not JSON ({error}): remove {folder}") from None
  if not isinstance(manifest, dict) or not {"stage", "fingerprint"} <= set(
    manifest
  ):
    raise InputError(f"{path} is not a manifest of this program")
  return cast(Manifest, manifest)


def _check_replaceable(
  folder: Path,
  found: Manifest | None,
  made_of: Mapping[str, Any],
  overwrite: bool,
) -> None:
  """Raises unless writing to `folder` destroys nothing unasked."""
  if found is None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
      raise InputError(
        f"{folder} exists and was not written by this program (it has no "
        f"{MANIFEST}): move it away or choose another folder"
      )
    return
  if overwrite:
    return
  old = _flatten({key: found.get(key) for key in made_of})
  new = _flatten(made_of)
  changed = [
    f"  {key}: {_show(old, key)} there, {_show(new, key)} now"
    for key in sorted(old.keys() | new.keys())
    if _show(old, key) != _show(new, key)
  ]
  raise InputError(
    f"{folder} is finished, but was made otherwise:\n"
    + "\n".join(changed)
    + "\ngive --overwrite to replace it, or another folder"
  )


def _flatten(value: Any, prefix: str = "") -> dict[str, Any]:
  if not isinstance(value, dict):
    return {prefix: value}
  flat = {}
  for key, inner in value.items():
    flat |= _flatten(inner, f"{prefix}.{key}" if prefix else key)
  return flat


def _show(flat: Mapping[str, Any], key: str) -> str:
  return json.dumps(flat[key]) if key in flat else "absent"


@contextlib.contextmanager
def _staging(folder: Path) -> Generator[Path]:
  """Yields an empty hidden sibling of `folder` that this process alone holds.

  The lock is the kernel's, on the folder itself: it goes with the process
  however that ends, so what a killed one left is known to be stale.
  """
  staging = folder.with_name(f".{folder.name}.partial")
  staging.mkdir(parents=True, exist_ok=True)
  lock = os.open(staging, os.O_RDONLY)
  try:
    try:
      fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
      ours = os.path.samestat(os.fstat(lock), os.stat(staging))
    except (BlockingIOError, FileNotFoundError):
      ours = False
    if not ours:
      raise InputError(f"another process is writing {folder}: wait for it")
    _empty(staging)
    try:
      yield staging
    except BaseException:
      shutil.rmtree(staging, ignore_errors=True)
      raise
  finally:
    os.close(lock)


def _put_in_place(staging: Path, folder: Path) -> None:
  replaced = folder.with_name(f".{folder.name}.replaced")
  shutil.rmtree(replaced, ignore_errors=True)
  with contextlib.suppress(FileNotFoundError):
    folder.rename(replaced)
  staging.rename(folder)
  shutil.rmtree(replaced, ignore_errors=True)


def _empty(folder: Path) -> None:
  for child in folder.iterdir():
    if child.is_dir() and not child.is_symlink():
      shutil.rmtree(child)
    else:
      child.unlink()


def versions(libraries: tuple[str, ...]) -> dict[str, str]:
  """Returns the versions of this package and of other distributions."""
  return {"instructrec_jax": instructrec_jax.__version__} | {
    name: importlib.metadata.version(name) for name in libraries
  }


def _dumps(value: Any) -> str:
  return json.dumps(value, indent=2, ensure_ascii=False)


def _as_json(value: Any) -> Any:
  """Returns `value` as it will be read back, with keys in a fixed order."""
  return json.loads(json.dumps(value, sort_keys=True))


def _umask() -> int:
  mask = os.umask(0)
  os.umask(mask)
  return mask
