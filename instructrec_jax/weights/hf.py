"""Hugging Face's T5 folders: config.json, and weights in one file or shards."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from etils import epath

from instructrec_jax import artifacts, paths
from instructrec_jax.errors import InputError
from instructrec_jax.model import network
from instructrec_jax.weights import (
  names,
  safetensors_file,
  shapes,
  tensor,
  torch_file,
)

CONFIG_FILE = "config.json"
VOCABULARY_FILE = "spiece.model"
MAX_SHARD_BYTES = 5 * 10**9
_ROWS_AT_A_TIME = 1024
# The reader of each file of weights. The index of shards is <file>.index.json.
_FILES = {
  "model.safetensors": safetensors_file.read,
  "pytorch_model.bin": torch_file.read,
}
# Fields of config.json: the required value, and Hugging Face's default.
_ARCHITECTURE = {
  "model_type": ("t5", None),
  "feed_forward_proj": ("gated-gelu", "relu"),
  "layer_norm_epsilon": (1e-6, 1e-6),
  "relative_attention_num_buckets": (32, 32),
  "relative_attention_max_distance": (128, 128),
}
# Fields of config.json, and the fields of T5Config.
_SIZES = {
  "vocab_size": "vocab_size",
  "d_model": "emb_dim",
  "num_heads": "num_heads",
  "d_kv": "head_dim",
  "d_ff": "mlp_dim",
  "num_layers": "num_encoder_layers",
  "num_decoder_layers": "num_decoder_layers",
}
# Larger than those of any T5, so that a wrong number costs neither time nor
# memory.
_LAYERS = ("num_layers", "num_decoder_layers")
_MOST_LAYERS, _MOST = 1000, 2**24
# The other fields of T5ForConditionalGeneration's configuration.
_FIXED = {
  "architectures": ["T5ForConditionalGeneration"],
  "classifier_dropout": 0.0,
  "decoder_start_token_id": 0,
  "dense_act_fn": "gelu_new",
  "dropout_rate": 0.1,
  "eos_token_id": 1,
  "initializer_factor": 1.0,
  "is_encoder_decoder": True,
  "is_gated_act": True,
  "n_positions": 512,
  "output_past": True,
  "pad_token_id": 0,
  "scale_decoder_outputs": False,
  "tie_word_embeddings": False,
  "use_cache": True,
}
_GENERATION = ("decoder_start_token_id", "eos_token_id", "pad_token_id")


def steps(folder: epath.Path) -> dict[int | None, epath.Path]:
  """Returns the folder if it has Hugging Face's format."""
  return {None: folder} if (folder / CONFIG_FILE).is_file() else {}


def params(folder: epath.Path) -> dict[str, tensor.Tensor]:
  """Returns the weights of a folder, unread, under T5X's names.

  Raises:
    InputError: The folder is not local, the architecture is another, a file is
      missing, or a weight is missing, unexpected or of another shape.
  """
  paths.local(folder, "copy it to one first")
  config = _config(folder)
  expected = shapes.parameters_of(config)
  found = _tensors(folder)
  for copy, original in names.COPIES.items():
    if copy in found:
      _check_copy(folder, copy, found.pop(copy), original, found)
  theirs = names.hf_names(config.num_encoder_layers, config.num_decoder_layers)
  wanted = {
    theirs[name]: shape[::-1] if names.is_transposed(name) else shape
    for name, shape in expected.items()
  }
  differs = shapes.difference(shapes.table(found), wanted, "weight")
  if differs:
    raise InputError(f"{folder} does not match its {CONFIG_FILE}: {differs}")
  return {name: _turned(name, found[theirs[name]]) for name in expected}


def _turned(name: str, value: tensor.Tensor) -> tensor.Tensor:
  return value.T if names.is_transposed(name) else value


def _config(folder: epath.Path) -> network.T5Config:
  """Checks the architecture in config.json, and returns the sizes."""
  path = folder / CONFIG_FILE
  try:
    config = json.loads(path.read_bytes())
  except (ValueError, RecursionError) as error:
    raise InputError(f"{path} is not JSON ({error!s:.100})") from None
  if not isinstance(config, dict):
    raise InputError(f"{path}: expected a JSON object, got {config!r:.80}")
  for field, (expected, default) in _ARCHITECTURE.items():
    came = config.get(field, default)
    if came != expected:
      raise InputError(_other(path, field, came, expected))
  # Transformers 5 writes that any T5 is tied. Another field tells whether its
  # outputs are scaled, as those of tied models are.
  tied = "tie_word_embeddings"
  if "scale_decoder_outputs" in config:
    tied = "scale_decoder_outputs"
  if config.get(tied, True):
    raise InputError(_other(path, tied, config.get(tied, True), False))
  config.setdefault("num_decoder_layers", config.get("num_layers"))
  sizes = {ours: config.get(theirs) for theirs, ours in _SIZES.items()}
  for theirs, ours in _SIZES.items():
    most = _MOST_LAYERS if theirs in _LAYERS else _MOST
    if type(sizes[ours]) is not int or not 1 <= sizes[ours] <= most:
      wanted = f"a whole number from 1 to {most}"
      raise InputError(_other(path, theirs, sizes[ours], wanted))
  return network.T5Config(**sizes)


def _other(path: epath.Path, field: str, came: Any, expected: Any) -> str:
  return (
    f"{path}: {field} is {json.dumps(came):.80}, expected "
    f"{json.dumps(expected)}: only T5.1.1 (gated GELU, output not tied to the "
    "embedding) is supported, such as google/flan-t5-small to -xxl"
  )


def _tensors(folder: epath.Path) -> dict[str, tensor.Tensor]:
  """Returns the tensors of the folder's weights, under their own names."""
  for file, read in _FILES.items():
    if (folder / file).exists():
      return read(folder / file)
    index = folder / f"{file}.index.json"
    if index.exists():
      return _sharded(index, read)
  there = ", ".join(sorted(child.name for child in folder.iterdir()))
  raise InputError(
    f"{folder} has no weights: expected {' or '.join(_FILES)}, or an "
    f".index.json of one with its shards; found {there}"
  )


def _sharded(
  index: epath.Path, read: Callable[[epath.Path], dict[str, tensor.Tensor]]
) -> dict[str, tensor.Tensor]:
  where = {}
  try:
    where = json.loads(index.read_bytes())["weight_map"]
    # The names of files beside the index, and no paths.
    fits = all(Path(shard).name == shard for shard in where.values())
  except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
    fits = False
  if not fits:
    raise InputError(
      f"{index}: expected an index with a weight_map, which has the name of a "
      "file for each weight"
    )
  found: dict[str, tensor.Tensor] = {}
  for shard in sorted(set(where.values())):
    path = index.parent / shard
    if not path.exists():
      there = sorted(
        child.name for child in path.parent.glob(f"*{path.suffix}")
      )
      raise InputError(
        f"{index.parent} has no shard {shard}, which {index.name} lists; found "
        f"{', '.join(there) or 'none'}"
      )
    found |= read(path)
  missing = [name for name in where if name not in found]
  if missing:
    raise InputError(
      f"{index.parent / where[missing[0]]} has no {missing[0]}, which "
      f"{index.name} lists there; {len(missing)} weights are missing"
    )
  return found


def _check_copy(
  folder: epath.Path,
  copy: str,
  value: tensor.Tensor,
  original: str,
  found: Mapping[str, tensor.Tensor],
) -> None:
  """Raises InputError unless a weight is a copy of another."""
  if original not in found:
    return  # The comparison of all weights reports that.
  table = found[original]
  same = value.shape == table.shape and value.dtype == table.dtype
  for start in range(0, table.shape[0], _ROWS_AT_A_TIME):
    rows = (slice(start, start + _ROWS_AT_A_TIME), slice(None))
    # Compare bytes, because a NaN does not equal itself.
    same = same and value.slices(rows).tobytes() == table.slices(rows).tobytes()
  if not same:
    raise InputError(
      f"{folder}: {copy} differs from {original}: expected the same token "
      "table for encoder and decoder"
    )


def write(
  folder: Path,
  params: Mapping[str, tensor.Tensor],
  config: network.T5Config,
  written: Callable[[int], None],
  vocabulary: Path | None = None,
  max_shard_bytes: int = MAX_SHARD_BYTES,
) -> str:
  """Writes a folder that `T5ForConditionalGeneration.from_pretrained` loads.

  Args:
    folder: An empty folder.
    params: Parameters by T5X's names.
    config: Their sizes.
    written: Called with the bytes of each tensor.
    vocabulary: A SentencePiece file to put beside them, if any.
    max_shard_bytes: The most bytes of tensors in a file.

  Returns:
    "", because the folder itself is the checkpoint.
  """
  theirs = names.hf_names(config.num_encoder_layers, config.num_decoder_layers)
  turned = {
    theirs[name]: _turned(name, value) for name, value in params.items()
  }
  shards = _shards(turned, max_shard_bytes)
  where = {}
  for n, shard in enumerate(shards, start=1):
    file = "model.safetensors"
    if len(shards) > 1:
      file = f"model-{n:05}-of-{len(shards):05}.safetensors"
    safetensors_file.write(folder / file, shard, written)
    where |= dict.fromkeys(shard, file)
  if len(shards) > 1:
    size = sum(value.nbytes for value in turned.values())
    index = {"metadata": {"total_size": size}, "weight_map": where}
    _write_json(folder / "model.safetensors.index.json", index)
  sizes = {field: getattr(config, ours) for field, ours in _SIZES.items()}
  dtype = next(iter(params.values())).dtype.name
  architecture = {field: value for field, (value, _) in _ARCHITECTURE.items()}
  _write_json(
    folder / CONFIG_FILE, _FIXED | architecture | sizes | {"torch_dtype": dtype}
  )
  _write_json(
    folder / "generation_config.json",
    {"_from_model_config": True} | {key: _FIXED[key] for key in _GENERATION},
  )
  if vocabulary is not None:
    shutil.copyfile(vocabulary, folder / VOCABULARY_FILE)
  return ""


def _shards(
  tensors: Mapping[str, tensor.Tensor], max_bytes: int
) -> list[dict[str, tensor.Tensor]]:
  """Splits the tensors, in their order, into groups of at most `max_bytes`."""
  shards: list[dict[str, tensor.Tensor]] = [{}]
  size = 0
  for name, value in tensors.items():
    if shards[-1] and size + value.nbytes > max_bytes:
      shards.append({})
      size = 0
    shards[-1][name] = value
    size += value.nbytes
  return shards


def _write_json(path: Path, value: Any) -> None:
  artifacts.atomic_write_text(
    path, json.dumps(value, indent=2, sort_keys=True) + "\n"
  )
