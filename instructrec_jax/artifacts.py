"""The output folder of a stage, which is either complete or absent.

A stage is a command that reads the output of an earlier stage and fills one
folder. It works in a hidden sibling folder, writes `manifest.json` last, and
renames the sibling into place. A folder with a manifest is therefore complete.
A killed stage leaves only the sibling, which the next run clears.

The manifest says what the folder was made from. Its fingerprint covers the
inputs, the options, the seed and the format version. A later stage names this
fingerprint as its own input.
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
# Increase it when a stage's output changes for the same inputs and options.
# Folders of earlier versions are then made again.
FORMAT_VERSION = 4


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
  """Yields a file to write, which becomes `path` only if nothing fails.

  The parent folder is created if needed. In a bucket, an object appears only
  when it is complete.
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
    # mkstemp gives access to the owner only; a result follows the umask.
    os.chmod(temporary, 0o666 & ~_umask())
    os.replace(temporary, path)
  except BaseException:
    with contextlib.suppress(FileNotFoundError):
      os.unlink(temporary)
    raise


def atomic_write_bytes(path: str | os.PathLike, data: bytes) -> None:
  """Writes all of `path` or nothing; see `atomic_open`."""
  with atomic_open(path) as f:
    f.write(data)


def atomic_write_text(path: str | os.PathLike, text: str) -> None:
  """Writes `text` as UTF-8 to `path`, all of it or nothing."""
  atomic_write_bytes(path, text.encode())


def file_fingerprint(path: str | os.PathLike) -> dict[str, Any]:
  """Returns the name, size in bytes and SHA-256 of a raw file.

  The content decides, not the file's time: a copy keeps its fingerprint and an
  edited file does not. Hashing takes about a second per gigabyte.
  """
  path = Path(path)
  with path.open("rb") as f:
    digest = hashlib.file_digest(f, "sha256").hexdigest()
  return {"name": path.name, "bytes": path.stat().st_size, "sha256": digest}


def read_manifest(
  folder: str | os.PathLike, stage: str | None = None
) -> Manifest:
  """Returns the manifest of a folder that `stage` (None: any) has finished.

  Raises:
    InputError: the folder is absent, unfinished, or written by another stage.
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
  """Fills `folder` by calling `write`, unless it is already finished.

  Args:
    stage: the command's name.
    folder: where the output goes.
    write: fills the empty folder it is given, and returns the counts for the
      manifest.
    inputs: the fingerprint of every input, by name.
    options: everything else that decides the output; must be JSON.
    seed: the seed of the stage's random draws, if there are any.
    libraries: distributions whose versions the manifest records.
    overwrite: replace a finished folder made from other inputs or options.

  Returns:
    The manifest, with `reused` true if the folder was already finished.

  Raises:
    InputError: the folder holds something else, or a process is writing it.
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
    raise InputError(f"{path} is not JSON ({error}). Remove {folder}") from None
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
  """Raises InputError if writing would destroy what may not be replaced."""
  if found is None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
      raise InputError(
        f"{folder} exists and was not written by this program (it has no "
        f"{MANIFEST}). Move it away or choose another folder"
      )
    return
  if overwrite:
    return
  old = _flatten({key: found.get(key) for key in made_of})
  new = _flatten(made_of)
  changed = [
    f"  {key}: was {_show(old, key)}, is now {_show(new, key)}"
    for key in sorted(old.keys() | new.keys())
    if _show(old, key) != _show(new, key)
  ]
  raise InputError(
    f"{folder} is finished, but was made from other inputs or options:\n"
    + "\n".join(changed)
    + "\nGive --overwrite to replace it, or choose another folder"
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
  """Yields an empty hidden sibling of `folder`, locked by this process.

  The kernel drops the lock when the process ends, however it ends. A folder
  that a killed process left behind is therefore known to be stale.
  """
  staging = folder.with_name(f".{folder.name}.partial")
  try:
    staging.mkdir(parents=True, exist_ok=True)
  except (FileExistsError, NotADirectoryError):
    taken = next(p for p in (staging, *staging.parents) if p.is_file())
    raise InputError(
      f"{taken} is a file: expected a folder, to write {folder} in it"
    ) from None
  lock = os.open(staging, os.O_RDONLY)
  try:
    try:
      fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
      ours = os.path.samestat(os.fstat(lock), os.stat(staging))
    except (BlockingIOError, FileNotFoundError):
      ours = False
    if not ours:
      raise InputError(f"another process is writing {folder}. Wait for it")
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
  """Returns `value` as JSON gives it back, with sorted keys."""
  return json.loads(json.dumps(value, sort_keys=True))


def _umask() -> int:
  mask = os.umask(0)
  os.umask(mask)
  return mask
