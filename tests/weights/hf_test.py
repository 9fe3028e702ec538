"""Hugging Face's folders, as PyTorch and Hugging Face themselves wrote them."""

import importlib.util
import json
import shutil
import subprocess
import sys

import jax
import ml_dtypes
import numpy as np
import pytest
from etils import epath

from instructrec_jax.errors import InputError
from instructrec_jax.model import ranking_model, sharding
from instructrec_jax.train import checkpoint
from instructrec_jax.weights import (
  convert,
  formats,
  safetensors_file,
  shapes,
  tensor,
)

KINDS = {
  "safetensors": np.float32,
  "sharded": np.float32,
  "bin": np.float32,
  "bin_sharded": ml_dtypes.bfloat16,
}


@pytest.fixture(scope="session")
def golden(hf_tiny):
  return dict(np.load(hf_tiny / "params.npz"))


@pytest.fixture
def copy(hf_tiny, tmp_path):
  """Returns a copy of a folder that a test may break."""

  def make(kind):
    return epath.Path(shutil.copytree(hf_tiny / kind, tmp_path / kind))

  return make


def edit(path, **changes):
  config = json.loads(path.read_text())
  config |= changes
  path.write_text(json.dumps({k: v for k, v in config.items() if v != "gone"}))


def assert_same(params, golden, dtype=np.float32):
  assert params.keys() == golden.keys()
  for name, value in params.items():
    assert value.dtype == dtype
    value = value.read() if isinstance(value, tensor.Tensor) else value
    np.testing.assert_array_equal(
      np.asarray(value), golden[name].astype(dtype), err_msg=name
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_is_read_to_the_bit(hf_tiny, golden, kind):
  found = formats.find(hf_tiny / kind)
  assert (found.format, found.step) == ("hf", None)
  assert_same(found.params(), golden, KINDS[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_weights_load_where_each_belongs(hf_tiny, golden, kind):
  sizes = shapes.config_of(shapes.table(golden), "golden")
  expected = ranking_model.RankingModel(sizes).parameter_shapes()
  mesh = sharding.make_mesh(2)
  places = sharding.tree_shardings(mesh, expected, expected)
  like = sharding.placed(expected, places)
  params = checkpoint.load_params(hf_tiny / kind, like)
  assert jax.tree.map(lambda x: x.sharding, params) == places
  flat = {
    sharding.path_name(path): value
    for path, value in jax.tree_util.tree_leaves_with_path(params)
  }
  rounded = {n: x.astype(KINDS[kind]) for n, x in golden.items()}
  assert_same(flat, rounded)


@pytest.mark.parametrize(("shard_gb", "shards"), [(5, 1), (3e-6, 3)])
def test_round_trip_keeps_every_bit(
  hf_tiny, golden, tmp_path, shard_gb, shards
):
  convert.convert(hf_tiny / "bin", tmp_path / "a", "native")
  convert.convert(tmp_path / "a", tmp_path / "b", "hf", max_shard_gb=shard_gb)
  files = list((tmp_path / "b").glob("*.safetensors"))
  assert len(files) == shards
  for file in files:
    found = safetensors_file.read(file).values()
    assert sum(value.nbytes for value in found) <= shard_gb * 1e9
  assert (tmp_path / "b" / "model.safetensors.index.json").exists() == (
    shards > 1
  )
  assert_same(formats.find(tmp_path / "b").params(), golden)


def test_bfloat16_stays_bfloat16_or_becomes_what_is_asked(
  hf_tiny, golden, tmp_path
):
  convert.convert(hf_tiny / "bin_sharded", tmp_path / "a", "native")
  convert.convert(tmp_path / "a", tmp_path / "b", "hf")
  found = formats.find(tmp_path / "b").params()
  assert_same(found, golden, ml_dtypes.bfloat16)
  convert.convert(tmp_path / "b", tmp_path / "c", "hf", dtype="float32")
  rounded = {n: x.astype(ml_dtypes.bfloat16) for n, x in golden.items()}
  assert_same(formats.find(tmp_path / "c").params(), rounded)


def test_its_vocabulary_goes_along(copy, tmp_path):
  folder = copy("safetensors")
  (folder / "spiece.model").write_bytes(b"pieces")
  convert.convert(folder, tmp_path / "b", "hf", dtype="bfloat16")
  assert (tmp_path / "b" / "spiece.model").read_bytes() == b"pieces"


@pytest.mark.parametrize(
  ("changes", "message"),
  [
    ({"model_type": "llama"}, 'model_type is "llama", expected "t5"'),
    (
      {"feed_forward_proj": "relu"},
      'feed_forward_proj is "relu", expected "gated-gelu"',
    ),
    ({"feed_forward_proj": "gone"}, 'feed_forward_proj is "relu", expected'),
    (
      {"tie_word_embeddings": True, "scale_decoder_outputs": "gone"},
      "tie_word_embeddings is true, expected false",
    ),
    (
      {"tie_word_embeddings": False, "scale_decoder_outputs": True},
      "scale_decoder_outputs is true, expected false",
    ),
    (
      {"relative_attention_num_buckets": 16},
      "relative_attention_num_buckets is 16, expected 32",
    ),
    ({"d_kv": None}, 'd_kv is null, expected "a whole number from 1'),
    ({"num_layers": 3}, "9 weights missing: encoder.block.2"),
    (
      {"d_ff": 16},
      r"wi_0.weight is expected to be \[16, 8\], found \[12, 8\]",
    ),
    ({"vocab_size": 24}, r"shared.weight is expected to be \[24, 8\]"),
  ],
)
def test_another_architecture_is_named(copy, tmp_path, changes, message):
  folder = copy("safetensors")
  edit(folder / "config.json", **changes)
  with pytest.raises(InputError, match=message):
    convert.convert(folder, tmp_path / "out", "native")
  assert not (tmp_path / "out").exists()


def test_what_transformers_5_says_of_an_untied_t5_is_understood(copy, golden):
  folder = copy("safetensors")
  edit(folder / "config.json", tie_word_embeddings=True)
  assert_same(formats.find(folder).params(), golden)


def test_a_missing_shard_is_named(copy):
  folder = copy("sharded")
  (folder / "model-00002-of-00003.safetensors").unlink()
  with pytest.raises(
    InputError,
    match=r"no shard model-00002-of-00003.safetensors.*found model-00001",
  ):
    formats.find(folder).params()


def test_a_folder_without_weights_lists_what_is_expected(copy):
  folder = copy("bin")
  (folder / "pytorch_model.bin").rename(folder / "tf_model.h5")
  with pytest.raises(
    InputError, match=r"model.safetensors or pytorch_model.bin.*tf_model.h5"
  ):
    formats.find(folder).params()


@pytest.mark.parametrize("kind", ["safetensors", "bin"])
def test_a_file_that_is_cut_off_is_named(copy, kind):
  (file,) = copy(kind).glob("*model.[sb]*")
  file.write_bytes(file.read_bytes()[:-1000])
  with pytest.raises(InputError, match=f"{file.name}.* is .*cut off"):
    formats.find(file.parent).params()


def rewrite(folder, change):
  """Changes the tensors of a .safetensors file."""
  path = folder / "model.safetensors"
  found = {
    name: tensor.Tensor.of(value.read())
    for name, value in safetensors_file.read(path).items()
  }
  change(found)
  safetensors_file.write(path, found, lambda _: None)


def test_a_weight_too_few_or_too_many_is_named(copy):
  folder = copy("safetensors")

  def rename(found):
    found["extra.bias"] = found.pop("lm_head.weight")

  rewrite(folder, rename)
  with pytest.raises(
    InputError,
    match=r"1 weights missing: lm_head.weight; 1 weights unexpected: extra.bi",
  ):
    formats.find(folder).params()


def test_token_tables_must_be_one(copy):
  folder = copy("safetensors")
  name = "decoder.embed_tokens.weight"

  def add(found, by):
    value = found["shared.weight"].read() + np.float32(by)
    found[name] = tensor.Tensor.of(value)

  rewrite(folder, lambda found: add(found, 0))
  assert formats.find(folder).params()
  rewrite(folder, lambda found: add(found, 1))
  with pytest.raises(InputError, match=f"{name} differs from shared.weight"):
    formats.find(folder).params()


# In a process of its own: PyTorch's compiler and TensorFlow's do not get along.
LOGITS = """
import sys
import torch, transformers

torch.set_num_threads(1)
tokens = torch.tensor([[5, 9, 3, 1], [7, 1, 0, 0]])
logits = [
  transformers.T5ForConditionalGeneration.from_pretrained(folder)
  .eval()(input_ids=tokens, decoder_input_ids=tokens)
  .logits
  for folder in sys.argv[1:]
]
assert len(logits) == 3 and logits[0].std() > 0.1
assert all(torch.equal(logits[0], other) for other in logits[1:])
"""


def test_transformers_loads_what_we_write(hf_tiny, tmp_path):
  for name in ("torch", "transformers"):
    if importlib.util.find_spec(name) is None:
      pytest.skip(f"{name} is not installed")
  convert.convert(hf_tiny / "bin", tmp_path / "a", "native")
  convert.convert(tmp_path / "a", tmp_path / "b", "hf")
  convert.convert(tmp_path / "a", tmp_path / "c", "hf", max_shard_gb=3e-6)
  folders = [hf_tiny / "safetensors", tmp_path / "b", tmp_path / "c"]
  subprocess.run([sys.executable, "-c", LOGITS, *folders], check=True)


def test_the_configuration_is_as_transformers_writes_it(hf_tiny, tmp_path):
  convert.convert(hf_tiny / "bin", tmp_path / "a", "hf")
  ours = json.loads((tmp_path / "a" / "config.json").read_text())
  theirs = json.loads((hf_tiny / "bin" / "config.json").read_text())
  theirs |= {"dropout_rate": 0.1}  # Which the test data has turned off.
  same = ours.keys() & theirs.keys()
  assert {k: ours[k] for k in same} == {k: theirs[k] for k in same}
  assert theirs.keys() - same == {"dtype", "is_decoder", "transformers_version"}


def test_there_is_no_optimizer_to_carry(hf_tiny, tmp_path):
  with pytest.raises(InputError, match=r"no optimizer state.*reset"):
    convert.convert(
      hf_tiny / "bin", tmp_path / "a", "native", optimizer="carry"
    )
