"""The output folder of a stage, which is either complete or absent.

A stage is a command that reads the output of an earlier stage and fills one
folder. It works in a hidden sibling folder, writes `manifest.json` last, and
renames the sibling into place. A folder with a manifest is therefore complete.
A killed stage leaves only the sibling, which the next run clears.

The manifest says what the folder was made from. Its fingerprint covers the
inputs, the options, the seed and the format version. A later stage names this
fingerprint as its own input. The manifest also has the size and the SHA-256 of
each file. Whoever reads the folder compares the sizes. The stage itself, run
again, compares the files, which takes about three seconds per gigabyte.
"""

import contextlib
import datetime
import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Generator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, NotRequired, TypedDict, cast

from etils import epath

import instructrec_jax
from instructrec_jax import paths
from instructrec_jax.errors import InputError
from instructrec_jax.files import folders, locks

MANIFEST = "manifest.json"
# Increase it when a stage's output changes for the same inputs and options.
# Folders of earlier versions are then made again.
FORMAT_VERSION = 4
# The types of a manifest's fields.
_FIELDS: Mapping[str, type] = {
  "stage": str,
  "fingerprint": str,
  "inputs": dict,
  "options": dict,
  "counts": dict,
  "versions": dict,
  "outputs": dict,
}
_KINDS = {str: "a text", dict: "an object"}
_REQUIRED = {"stage", "fingerprint", "inputs", "options", "counts"}
# What the fingerprint is of.
_MADE_OF = ("stage", "format", "inputs", "options", "seed")
# The end of the name of a file that is being written.
_TEMPORARY = ".partial"


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
    outputs: the "bytes" and "sha256" of each file of the folder. Folders of
      earlier versions lack it and are not checked.
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
  outputs: NotRequired[folders.Outputs]
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
  path = Path(path)
  _clear_leftovers(path)
  handle, temporary = _locked_temporary(path)
  try:
    with os.fdopen(handle, "wb") as f:
      yield f
      f.flush()
      os.fsync(f.fileno())
      # mkstemp gives access to the owner only; a result follows the umask.
      os.chmod(temporary, 0o666 & ~_umask())
      os.replace(temporary, path)
    folders.sync_folder(path.parent)
  except BaseException:
    temporary.unlink(missing_ok=True)
    raise


def _locked_temporary(path: Path) -> tuple[int, Path]:
  """Makes a file beside `path`, locked to tell that its process lives."""
  while True:
    handle, name = tempfile.mkstemp(
      dir=path.parent, prefix=f".{path.name}.", suffix=_TEMPORARY
    )
    temporary = Path(name)
    # Another process may have taken it for a leftover before it was locked.
    if locks.try_lock(handle, temporary) is not False and locks.is_still(
      handle, temporary
    ):
      return handle, temporary
    os.close(handle)


def _clear_leftovers(path: Path) -> None:
  """Removes what killed processes left of a file."""
  ours = re.compile(rf"\.{re.escape(path.name)}\.\w{{8}}{_TEMPORARY}")
  for name in filter(ours.fullmatch, os.listdir(path.parent)):
    stale = path.with_name(name)
    with contextlib.suppress(OSError):
      handle = os.open(stale, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
      try:
        if locks.try_lock(handle, stale):
          stale.unlink()
      finally:
        os.close(handle)


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
    InputError: the folder is absent, unfinished, or written by another stage,
      or a file of it is missing or has another size than it was written with.
  """
  folder = paths.anywhere(folder)
  manifest = find_manifest(folder)
  if manifest is None:
    raise InputError(
      f"{folder} holds no finished output of `{stage}` (no {MANIFEST}): "
      f"run `instructrec {stage}` first"
    )
  if stage is not None and manifest["stage"] != stage:
    raise InputError(
      f"{folder} was written by `{manifest['stage']}`, not by `{stage}`"
    )
  if not paths.is_remote(folder):
    _check_undamaged(Path(folder), manifest)
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
  folder = folders.real(paths.local(folder, "write to a local one and copy it"))
  folders.recover(folder, lambda path: (path / MANIFEST).is_file())
  made_of = _as_json(
    {
      "stage": stage,
      "format": FORMAT_VERSION,
      "inputs": inputs,
      "options": options,
      "seed": seed,
    }
  )
  fingerprint = _fingerprint(made_of)
  found = find_manifest(folder)
  if found is not None and found["fingerprint"] == fingerprint:
    wrong = folders.damage(folder, found.get("outputs", {}), whole=True)
    if wrong is None:
      return {**found, "reused": True}
    if not overwrite:
      raise _damaged(wrong, folder, stage)
  _check_replaceable(folder, found, made_of, overwrite)

  with folders.staging(folder) as staging:
    counts = write(staging)
    manifest: Manifest = {
      **made_of,
      "fingerprint": fingerprint,
      "counts": _as_json(counts),
      "versions": versions(libraries),
      "created": datetime.datetime.now(datetime.UTC).isoformat("T", "seconds"),
      "outputs": folders.sealed(staging),
    }
    atomic_write_text(staging / MANIFEST, _dumps(manifest) + "\n")
    folders.put_in_place(staging, folder)
  return {**manifest, "reused": False}


def find_manifest(folder: Path | epath.Path) -> Manifest | None:
  """Returns the manifest of a folder, or None if it has none.

  Raises:
    InputError: the manifest is damaged, or is of another program.
  """
  path = folder / MANIFEST
  try:
    manifest = json.loads(path.read_bytes())
  except (FileNotFoundError, NotADirectoryError):
    return None
  except (ValueError, RecursionError) as error:
    raise InputError(f"{path} is not JSON ({error}). Remove {folder}") from None
  if not isinstance(manifest, dict) or not manifest.keys() >= _REQUIRED:
    raise InputError(f"{path} is not a manifest of this program")
  for field, kind in _FIELDS.items():
    if not isinstance(manifest.get(field, kind()), kind):
      raise InputError(
        f"{path}: {field}: expected {_KINDS[kind]}, got "
        f"{manifest[field]!r:.80}. Remove {folder}"
      )
  for name, output in manifest.get("outputs", {}).items():
    if not _is_output(name, output):
      raise InputError(
        f"{path}: outputs: expected the bytes and the sha256 of a file in "
        f"{folder}, got {name!r:.80}: {output!r:.80}. Remove {folder}"
      )
  if "outputs" in manifest and manifest["fingerprint"] != _fingerprint(
    {field: manifest.get(field) for field in _MADE_OF}
  ):
    raise InputError(
      f"{path}: expected the fingerprint of its inputs and options, got "
      f"another one. It was changed or damaged: remove {folder}"
    )
  return cast(Manifest, manifest)


def _is_output(name: str, output: Any) -> bool:
  return (
    isinstance(output, dict)
    and type(output.get("bytes")) is int
    and re.fullmatch("[0-9a-f]{64}", str(output.get("sha256"))) is not None
    and not PurePosixPath(name).is_absolute()
    and ".." not in PurePosixPath(name).parts
    and "\0" not in name
  )


def _check_undamaged(folder: Path, manifest: Manifest) -> None:
  """Raises InputError if a file is missing or has not its size."""
  wrong = folders.damage(folder, manifest.get("outputs", {}))
  if wrong is not None:
    raise _damaged(wrong, folder, manifest["stage"])


def _damaged(wrong: str, folder: Path, stage: str) -> InputError:
  return InputError(
    f"{wrong}. Remove {folder}, and make it again by `instructrec {stage}` "
    "with the same options"
  )


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


def versions(libraries: tuple[str, ...]) -> dict[str, str]:
  """Returns the versions of this package and of other distributions."""
  return {"instructrec_jax": instructrec_jax.__version__} | {
    name: importlib.metadata.version(name) for name in libraries
  }


def _fingerprint(made_of: Mapping[str, Any]) -> str:
  """Returns the digest of what an output was made of."""
  # Half a surrogate pair, of a damaged manifest, is no UTF-8.
  text = _dumps(_as_json(made_of)).encode(errors="backslashreplace")
  return hashlib.sha256(text).hexdigest()


def _dumps(value: Any) -> str:
  return json.dumps(value, indent=2, ensure_ascii=False)


def _as_json(value: Any) -> Any:
  """Returns `value` as JSON gives it back, with sorted keys."""
  return json.loads(json.dumps(value, sort_keys=True))


def _umask() -> int:
  mask = os.umask(0)
  os.umask(mask)
  return mask
