"""Vectors are made once, checked, and are those of their items."""

import sys
import types

import numpy as np
import pytest

from instructrec_jax.data.records import read
from instructrec_jax.errors import InputError
from instructrec_jax.vectors import stage


def test_a_stage_is_made_once(small_data, tmp_path):
  made = stage.make("small", small_data, out=tmp_path / "v")
  assert not made["reused"]
  assert stage.make("small", small_data, out=tmp_path / "v")["reused"]
  with pytest.raises(InputError, match="--overwrite"):
    stage.make("small", small_data, fields=["brand"], out=tmp_path / "v")
  items = read.load_catalogue(small_data, "small")
  vectors = stage.load(
    tmp_path / "v", "small", items.height, read.digest(items)
  )
  np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
  with pytest.raises(InputError, match="vectors of other items than those of"):
    stage.load(tmp_path / "v", "small", items.height, "0" * 16)


def test_fields_make_a_text(small_data):
  items = read.load_catalogue(small_data, "small")
  [first, *_] = stage.texts(items, ("title", "brand", "categories"))
  row = items.row(0, named=True)
  assert first == ". ".join(
    [row["title"], row["brand"], ", ".join(row["categories"])]
  )


def test_a_sentence_encoder_is_asked(small_data, tmp_path, monkeypatch):
  class Encoder:
    def __init__(self, folder, local_files_only):
      assert (folder, local_files_only) == (str(tmp_path), True)

    def encode(self, texts, **_):
      return [[len(text), 1.0] for text in texts]

  monkeypatch.setitem(
    sys.modules,
    "sentence_transformers",
    types.SimpleNamespace(SentenceTransformer=Encoder),
  )
  made = stage.make("small", small_data, str(tmp_path), out=tmp_path / "v")
  assert made["counts"]["width"] == 2
  assert made["options"]["encoder"] == tmp_path.name


def test_a_missing_library_is_told(small_data, tmp_path, monkeypatch):
  monkeypatch.setitem(sys.modules, "sentence_transformers", None)
  with pytest.raises(InputError, match=r"install instructrec-jax\[vectors\]"):
    stage.make("small", small_data, str(tmp_path), out=tmp_path / "v")
  assert not (tmp_path / "v").exists()


@pytest.mark.parametrize(
  ("array", "told"),
  [
    (np.ones((47, 3), np.float32), "has 47 rows, but there are 48 items"),
    (np.ones((48, 3), int), "expected floating-point numbers .* got int64"),
    (np.ones(48), r"got float64 \[48\]"),
    (np.full((48, 2), np.nan), "row 0: expected finite numbers, got nan"),
  ],
)
def test_a_file_is_checked(small_data, tmp_path, array, told):
  path = tmp_path / "mine.npy"
  np.save(path, array)
  with pytest.raises(InputError, match=told):
    stage.make("small", small_data, str(path), out=tmp_path / "v")


@pytest.mark.parametrize(
  "content", [b"", b"no array", b"\x93NUMPY\x01\x00v\x00"]
)
def test_a_damaged_file_is_told(tmp_path, content):
  path = tmp_path / "mine.npy"
  path.write_bytes(content)
  with pytest.raises(InputError, match=r"is no \.npy file of numbers"):
    stage.load(path, "small", 3, "")


@pytest.mark.parametrize(
  ("settings", "told"),
  [
    ({"fields": ["name"]}, "unknown field of an item's text 'name'"),
    ({"fields": ["description"]}, "has no 'description' of items: choose of"),
    ({"encoder": "nowhere"}, "--encoder=nowhere: expected 'hashing', a folder"),
  ],
)
def test_settings_are_checked(small_data, tmp_path, settings, told):
  with pytest.raises(InputError, match=told):
    stage.make("small", small_data, out=tmp_path / "v", **settings)
