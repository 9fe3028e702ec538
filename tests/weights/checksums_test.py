"""A changed file is seen, and a checkpoint of earlier versions is not held."""

import json

import jax
import pytest
from etils import epath

from instructrec_jax.weights import checksums

_ITEMS = ("params", "data")


@pytest.fixture
def folder(tmp_path):
  for name in ("params/d/one", "params/_METADATA", "data/position"):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(name.encode())
  (tmp_path / "_CHECKPOINT_METADATA").write_text("{}")  # Of no item.
  return epath.Path(tmp_path)


def test_what_was_written_is_whole(folder):
  assert checksums.damage(folder, _ITEMS) is None  # It has no checksums yet.
  assert not checksums.lists(folder, "params")
  checksums.write(folder)
  assert checksums.damage(folder, _ITEMS) is None
  assert checksums.lists(folder, "params")
  assert not checksums.lists(folder, "optimizer")
  listed = json.loads((folder / "checksums/files.json").read_text())
  assert [*listed] == ["data/position", "params/_METADATA", "params/d/one"]
  assert listed["params/d/one"]["bytes"] == len("params/d/one")


def test_each_kind_of_damage_is_named(folder):
  checksums.write(folder)
  one = folder / "params/d/one"
  good = one.read_bytes()
  one.write_bytes(bytes([good[0] ^ 1]) + good[1:])
  assert checksums.damage(folder, _ITEMS) == (
    "params/d/one: its content has changed since it was saved"
  )
  assert checksums.damage(folder, ["data"]) is None
  one.write_bytes(good[:5])
  assert "expected 12 bytes, got 5" in str(checksums.damage(folder, _ITEMS))
  one.unlink()
  assert checksums.damage(folder, _ITEMS) == "params/d/one is missing"
  (folder / "checksums/files.json").write_text('{"params/d/one": 3')
  assert "checksums/files.json: " in str(checksums.damage(folder, _ITEMS))
  (folder / "checksums/files.json").write_text("[]")
  assert "checksums/files.json: " in str(checksums.damage(folder, _ITEMS))


def test_of_several_processes_one_hashes_and_all_compare_sizes(
  folder, monkeypatch
):
  checksums.write(folder)
  monkeypatch.setattr(jax, "process_index", lambda: 1)
  (folder / "data/position").write_bytes(b"Data/position")
  assert checksums.damage(folder, _ITEMS) is None
  (folder / "data/position").write_bytes(b"")
  assert "data/position: " in str(checksums.damage(folder, _ITEMS))
