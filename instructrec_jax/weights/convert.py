"""From one format to another, one tensor at a time: `instructrec convert`."""

import functools
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tqdm
from etils import epath

from instructrec_jax import artifacts
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
  """Writes a checkpoint again, in another format.

  Values are not changed, unless `dtype` asks for it. The output gets its name
  when it is whole; done already from the same input, it is left alone.

  Args:
    src: a checkpoint, or a run with some, in any of `formats.FORMATS`.
    out: folder to make: a model_dir with one checkpoint, or a folder of Hugging
      Face's.
    to: the format: "native", "t5x" or "hf".
    optimizer: "reset" leaves its state out, and the step is 0 (in T5X's format,
      which must have one, it is a fresh one of Adafactor); "carry" takes state
      and step along, so that a run continues.
    step: which of the run's checkpoints; the newest by default.
    dtype: of the written parameters: "float32" or "bfloat16"; as they are read
      by default.
    vocabulary: a SentencePiece file to put beside Hugging Face's weights.
    max_shard_gb: largest file of Hugging Face's weights, in GB of tensors.
    overwrite: replace what was converted here from something else.

  Returns:
    The manifest. "counts" has what was read, its size, and which model it is.

  Raises:
    InputError: if something of this cannot be used.
  """
  _check_choices(to, optimizer, dtype, vocabulary)
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
      "vocabulary": vocabulary and artifacts.file_fingerprint(vocabulary),
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
    raise InputError(f"a vocabulary goes with Hugging Face's weights, not {to}")


def _fill(
  folder: Path,
  *,
  found: formats.Checkpoint,
  params: Mapping[str, tensor.Tensor],
  config: network.T5Config,
  write: Callable[..., str],
) -> dict[str, Any]:
  """Writes the checkpoint, with a progress bar; returns the counts."""
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
  """Returns what writes a folder, given that and `written`.

  Raises:
    InputError: if the optimizer's state cannot be carried.
  """
  read_state = formats.FORMATS[found.format].optimizer
  if carry and (read_state is None or to == "hf"):
    raise InputError(
      "a folder of Hugging Face's holds no optimizer state, it cannot be "
      "carried: use --optimizer reset"
    )
  if to == "hf":
    return functools.partial(hf.write, params=params, **hf_options)
  if carry and found.format == to == "native":
    # The state need not be understood: it stays as it is.
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
        f"{where}: {name} is {value.dtype}, expected one of "
        f"{', '.join(tensor.DTYPES)}"
      )


def _vocabulary(
  found: formats.Checkpoint, given: str | os.PathLike[str] | None
) -> Path | None:
  """Returns the vocabulary's file: the one given, or the source's own."""
  if given is not None:
    if not Path(given).is_file():
      raise InputError(f"no vocabulary at {given}: expected a file")
    return Path(given)
  own = found.folder / hf.VOCABULARY_FILE
  return Path(own) if found.format == "hf" and own.exists() else None


def _fingerprint(found: formats.Checkpoint) -> dict[str, Any]:
  """Returns what says that a checkpoint is still the same one.

  Weights are large: of local files, size and time of change stand for their
  contents, of a bucket's, its name does.
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
