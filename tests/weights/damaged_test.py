"""Damaged weights of other programs: read, or refused in a clear message."""

import collections
import io
import json
import pickle
import shutil
import zipfile

import numpy as np
import pytest

from instructrec_jax.errors import InputError
from instructrec_jax.weights import formats, safetensors_file, torch_file
from instructrec_jax.weights.tensor import Tensor
from tests import fuzz

_ARRAYS = {
  "encoder.weight": np.arange(24, dtype=np.float32).reshape(4, 6),
  "bias": np.ones(3, np.float32),
}


def _read_all(tensors):
  for each in tensors.values():
    each.read()


def test_damaged_safetensors(tmp_path):
  path = tmp_path / "model.safetensors"
  tensors = {name: Tensor.of(array) for name, array in _ARRAYS.items()}
  safetensors_file.write(path, tensors, lambda _: None)

  def read(path):
    _read_all(safetensors_file.read(path))

  fuzz.check("safetensors", path.read_bytes(), read, path)


class _Storage:
  """What torch.save writes of a storage: a pointer to bytes of the archive."""

  def __init__(self, key, size):
    self.pid = ("storage", _Named("torch", "FloatStorage"), key, "cpu", size)


class _Named:
  """A name in a pickle, of a module that is not installed."""

  def __init__(self, module, name):
    self.module, self.name = module, name


class _Rebuilt:
  """A tensor, as torch.save pickles it."""

  def __init__(self, array, key):
    strides = tuple(n // 4 for n in array.strides)
    self.arguments = (
      _Storage(key, array.size), 0, array.shape, strides, False,
      collections.OrderedDict(),
    )  # fmt: skip


class _Pickler(pickle._Pickler):
  """Writes names of PyTorch without it, so in Python."""

  def persistent_id(self, obj):
    return obj.pid if isinstance(obj, _Storage) else None

  def save(self, obj, save_persistent_id=True):
    if isinstance(obj, _Named):
      self.write(f"c{obj.module}\n{obj.name}\n".encode())
    elif isinstance(obj, _Rebuilt):
      self.write(b"ctorch._utils\n_rebuild_tensor_v2\n")
      self.save(obj.arguments)
      self.write(b"R")
    else:
      super().save(obj, save_persistent_id)


def _torch_file(protocol=2):
  pickled = io.BytesIO()
  state = {n: _Rebuilt(a, f"{i}") for i, (n, a) in enumerate(_ARRAYS.items())}
  _Pickler(pickled, protocol).dump(state)
  stream = io.BytesIO()
  with zipfile.ZipFile(stream, "w") as archive:
    archive.writestr("model/data.pkl", pickled.getvalue())
    archive.writestr("model/byteorder", b"little")
    for i, array in enumerate(_ARRAYS.values()):
      archive.writestr(f"model/data/{i}", array.tobytes())
  return stream.getvalue()


def test_a_damaged_file_of_torch(tmp_path):
  path = tmp_path / "pytorch_model.bin"

  def read(path):
    _read_all(torch_file.read(path))

  path.write_bytes(_torch_file())
  found = torch_file.read(path)
  np.testing.assert_array_equal(
    found["encoder.weight"].read(), _ARRAYS["encoder.weight"]
  )
  fuzz.check("torch .bin", _torch_file(), read, path)


@pytest.mark.parametrize(
  "pickled",
  [
    b"\x80\x02cos\nsyst\xff\xfem\n.",  # A name that is not UTF-8.
    b"\x80\x02\x82\x01.",  # An extension.
    b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00id\x85R.",
    b"\x80\x02" + b"]" * 100_000 + b".",
    b"\x80\x02(I1\nI2\nd.",
    b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
    b"",
  ],
)
def test_odd_pickles_are_refused_in_a_line(pickled, tmp_path):
  path = tmp_path / "pytorch_model.bin"
  with zipfile.ZipFile(path, "w") as archive:
    archive.writestr("model/data.pkl", pickled)
  with pytest.raises(InputError, match=r"pytorch_model\.bin") as error:
    torch_file.read(path)
  assert "\n" not in str(error.value)


def test_a_pickle_that_unpacks_to_a_thousand_times_is_refused(tmp_path):
  path = tmp_path / "pytorch_model.bin"
  with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
    archive.writestr("model/data.pkl", bytes(200 << 20))
  with pytest.raises(InputError, match=r"data\.pkl has 209,715,200 bytes"):
    torch_file.read(path)


def _folder(where, hf_tiny):
  (where / "config.json").write_bytes((hf_tiny / "config.json").read_bytes())
  for file in sorted(hf_tiny.iterdir()):
    (where / file.name).write_bytes(file.read_bytes())


def test_a_damaged_folder_of_hugging_face(hf_tiny, tmp_path):
  _folder(tmp_path, hf_tiny / "sharded")

  def read(_):
    formats.find(tmp_path).params()

  (index,) = tmp_path.glob("*.index.json")
  for file in (tmp_path / "config.json", index):
    whole = file.read_bytes()
    fuzz.check(f"hf: {file.name}", whole, read, file)
    file.write_bytes(whole)
    assert json.loads(file.read_text())


def test_a_damaged_file_of_t5x(t5x_tiny, tmp_path):
  (whole,) = [p for p in t5x_tiny.rglob("checkpoint") if p.is_file()][:1]
  shutil.copytree(whole.parent, tmp_path / "checkpoint_0")

  def read(_):
    found = formats.find(tmp_path / "checkpoint_0")
    _read_all(found.params())
    formats.FORMATS["t5x"].optimizer(found.folder, found.params())

  path = tmp_path / "checkpoint_0" / "checkpoint"
  fuzz.check("t5x checkpoint", whole.read_bytes(), read, path, fuzz.COUNT // 2)
