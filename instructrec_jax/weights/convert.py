"""`instructrec convert`: converts a checkpoint, one tensor at a time."""

import functools
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tqdm
from etils import epath

from instructrec_jax import artifacts, paths
from instructrec_jax.errors import InputError, unknown
from instructrec_jax.model import network
from instructrec_jax.weights import (
  formats,
  hf,
  native,
  shapes,
  t5x,
  tensor,
)

_OPTIMIZER = ("reset", "carry")
_DTYPES = ("float32", "bfloat16")


def convert(
  src: str | os.PathLike[str],
  out: str | os.PathLike[str],
  to: str,
  *,
  optimizer: str = "reset",
  step: int | None = None,
  dtype: str | None = None,
  vocabulary: str | os.PathLike[str] | None = None,
  max_shard_gb: float = hf.MAX_SHARD_BYTES / 1e9,
  overwrite: bool = False,
) -> artifacts.Manifest:
  """Converts a checkpoint to another format.

  Values do not change, except by `dtype`. The output folder appears when it is
  complete. If it already holds the same conversion, nothing is done.

  Args:
    src: A checkpoint or a run, in any of `formats.FORMATS`.
    out: The folder to make: a model_dir with one checkpoint, or Hugging Face's
      folder.
    to: The format: "native", "t5x" or "hf".
    optimizer: "reset" drops the optimizer state, and the step is 0. (T5X's
      format must have a state, so it gets a new one of Adafactor.) "carry"
      keeps state and step, so that a run continues.
    step: The step of the run's checkpoint. The newest by default.
    dtype: The dtype to write: "float32" or "bfloat16". By default as read.
    vocabulary: A SentencePiece file to put beside Hugging Face's weights.
    max_shard_gb: The largest file of Hugging Face's weights, in GB of tensors.
    overwrite: Whether to replace another conversion in `out`.

  Returns:
    The manifest. "counts" describes the checkpoint, its size and its model.

  Raises:
    InputError: An argument or the checkpoint cannot be used.
  """
  _check_choices(to, optimizer, dtype, vocabulary)
  if to == "native":
    paths.check_plain(out, "Orbax")
  found = formats.find(src, step)
  params = found.params()
  config = shapes.config_of(shapes.table(params), found.folder)
  _check_dtypes(params, found.folder)
  if dtype is not None:
    params = {n: x.astype(tensor.DTYPES[dtype]) for n, x in params.items()}
  hf_options = {
    "config": config,
    "vocabulary": _vocabulary(found, vocabulary),
    "max_shard_bytes": int(max_shard_gb * 1e9),
  }
  write = _writer(found, to, params, optimizer == "carry", hf_options)
  return artifacts.run_stage(
    "convert",
    out,
    functools.partial(
      _fill, found=found, params=params, config=config, write=write
    ),
    inputs={"checkpoint": _fingerprint(found)},
    options={
      "to": to,
      "optimizer": optimizer,
      "dtype": dtype,
      "vocabulary": vocabulary
      and artifacts.file_fingerprint(paths.expanded(vocabulary)),
      "max_shard_gb": max_shard_gb if to == "hf" else None,
    },
    libraries=("jax", "orbax-checkpoint", "tensorstore"),
    overwrite=overwrite,
  )


def _check_choices(
  to: str,
  optimizer: str,
  dtype: str | None,
  vocabulary: str | os.PathLike[str] | None,
) -> None:
  for kind, name, choices in (
    ("format", to, formats.FORMATS),
    ("optimizer", optimizer, _OPTIMIZER),
    ("dtype", dtype or _DTYPES[0], _DTYPES),
  ):
    if name not in choices:
      raise unknown(kind, name, choices)
  if vocabulary is not None and to != "hf":
    raise InputError(f"vocabulary: only the format 'hf' takes one, not {to!r}")


def _fill(
  folder: Path,
  *,
  found: formats.Checkpoint,
  params: Mapping[str, tensor.Tensor],
  config: network.T5Config,
  write: Callable[..., str],
) -> dict[str, Any]:
  """Writes the checkpoint with a progress bar, and returns the counts."""
  nbytes = sum(value.nbytes for value in params.values())
  with tqdm.tqdm(total=nbytes, unit="B", unit_scale=True, disable=None) as bar:
    written = write(folder, written=bar.update)
  return {
    "from": found.format,
    "read": str(found.folder),
    "written": written,
    "tensors": len(params),
    "parameters": sum(value.size for value in params.values()),
    "bytes": nbytes,
    "dtypes": sorted({value.dtype.name for value in params.values()}),
    "model": shapes.gin_model(config),
  }


def _writer(
  found: formats.Checkpoint,
  to: str,
  params: dict[str, tensor.Tensor],
  carry: bool,
  hf_options: Mapping[str, Any],
) -> Callable[..., str]:
  """Returns a function of a folder and `written` that writes the checkpoint.

  Raises:
    InputError: The optimizer state cannot be carried.
  """
  read_state = formats.FORMATS[found.format].optimizer
  if carry and (read_state is None or to == "hf"):
    raise InputError(
      "Hugging Face's format holds no optimizer state, so none can be "
      "carried: use --optimizer reset"
    )
  if to == "hf":
    return functools.partial(hf.write, params=params, **hf_options)
  if carry and found.format == to == "native":
    # The state is copied unchanged, so any optimizer's will do.
    return functools.partial(native.write, params=params, rest=found.folder)
  state = None
  if carry and read_state is not None:
    state = read_state(found.folder, params)
  write = {"native": native.write, "t5x": t5x.write}[to]
  return functools.partial(write, params=params, state=state)


def _check_dtypes(params: dict[str, tensor.Tensor], where: epath.Path) -> None:
  for name, value in params.items():
    if value.dtype not in tensor.DTYPES.values():
      raise InputError(
        f"{where}: expected {name!s:.80} to be one of "
        f"{', '.join(tensor.DTYPES)}, got {value.dtype}"
      )


def _vocabulary(
  found: formats.Checkpoint, given: str | os.PathLike[str] | None
) -> Path | None:
  """Returns the vocabulary's file: the one given, or the source's own."""
  if given is not None:
    file = Path(paths.expanded(given))
    if not file.is_file():
      raise InputError(f"no vocabulary at {given}: expected a file")
    return file
  own = found.folder / hf.VOCABULARY_FILE
  return Path(own) if found.format == "hf" and own.exists() else None


def _fingerprint(found: formats.Checkpoint) -> dict[str, Any]:
  """Returns values that identify a checkpoint.

  Weights are large, so the sizes and modification times of local files stand
  for their contents. In a bucket, the folder's name does.
  """
  where = str(found.folder)
  if "://" in where:
    return {"folder": where}
  files = [
    (str(path.relative_to(where)), path.stat().st_size, path.stat().st_mtime_ns)
    for path in sorted(Path(where).rglob("*"))
    if path.is_file()
  ]
  listing = json.dumps(files).encode()
  return {"folder": where, "files": hashlib.sha256(listing).hexdigest()}
