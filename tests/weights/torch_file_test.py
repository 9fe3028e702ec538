"""PyTorch's files, read without PyTorch."""

import pickle
import zipfile

import numpy as np
import pytest

from instructrec_jax.errors import InputError
from instructrec_jax.weights import (
  torch_file,
)


class _Calls:
  """Pickles to a call of `print`."""

  def __reduce__(self):
    return print, ("the pickle was run",)


def test_a_pickle_that_calls_something_is_refused(tmp_path, capsys):
  path = tmp_path / "pytorch_model.bin"
  with zipfile.ZipFile(path, "w") as archive:
    archive.writestr("model/data.pkl", pickle.dumps({"x": _Calls()}, 2))
  with pytest.raises(InputError, match=r"asks for __builtin__.print, which"):
    torch_file.read(path)
  assert not capsys.readouterr().out


def test_a_file_of_old_pytorch_is_named(tmp_path):
  path = tmp_path / "pytorch_model.bin"
  path.write_bytes(pickle.dumps(0x1950A86A20F9469CFC6C, 2))
  with pytest.raises(InputError, match=r"since PyTorch 1.6"):
    torch_file.read(path)


def test_views_of_a_storage_are_read(tmp_path):
  torch = pytest.importorskip("torch", reason="PyTorch is not installed")
  table = torch.arange(24.0).reshape(4, 6)
  state = {
    "whole": table,
    "turned": table.t(),
    "part": table[1:, 2:4],
    "halves": table.to(torch.bfloat16),
    "parameter": torch.nn.Parameter(table),
  }
  torch.save(state, tmp_path / "x.bin")
  found = torch_file.read(tmp_path / "x.bin")
  for name, value in state.items():
    np.testing.assert_array_equal(
      found[name].read().astype(np.float32), value.detach().float().numpy()
    )
  np.testing.assert_array_equal(
    found["turned"].slices((slice(1, 3), slice(None))), table.t()[1:3].numpy()
  )
