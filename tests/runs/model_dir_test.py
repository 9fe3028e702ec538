"""A run is what it was made of, and its folder is its own."""

import errno
import fcntl
import json
import os
import types

import pytest
from etils import epath

from instructrec_jax.errors import InputError
from instructrec_jax.files import locks
from instructrec_jax.runs import model_dir
from instructrec_jax.weights import native


def test_a_run_of_other_data_is_another(tmp_path):
  (tmp_path / "manifest.json").write_text(
    json.dumps({"made_of": {"mixture": "a", "seed": 0}})
  )
  folder = epath.Path(tmp_path)
  model_dir.check_same(folder, {"mixture": "a", "later": 3})
  with pytest.raises(InputError, match=r"mixture a, but .* b: choose another"):
    model_dir.check_same(folder, {"mixture": "b"})


def test_checkpoints_without_a_manifest_are_of_nobody_knows_what(tmp_path):
  folder = epath.Path(tmp_path)
  assert model_dir.check_same(folder, {"mixture": "b"}) == {}
  (tmp_path / "checkpoints").mkdir()  # As a run leaves it that was killed.
  assert model_dir.check_same(folder, {"mixture": "b"}) == {}
  (tmp_path / "checkpoints/3/params").mkdir(parents=True)
  with pytest.raises(
    InputError, match=r"has checkpoints but no manifest\.json"
  ):
    model_dir.check_same(folder, {"mixture": "b"})


@pytest.mark.parametrize("text", ["{", "[]", '{"made_of": 3}', "\udcff"])
def test_a_damaged_manifest_is_named(tmp_path, text):
  path = tmp_path / "manifest.json"
  path.write_bytes(text.encode(errors="surrogateescape"))
  with pytest.raises(InputError, match=rf"^{path} is no"):
    model_dir.manifest(epath.Path(tmp_path))


def test_a_vocabulary_has_no_more_pieces_than_the_model_rows():
  model = types.SimpleNamespace(config=types.SimpleNamespace(vocab_size=320))
  model_dir.check_rows(model, {"file": "v.model", "pieces": 320})
  with pytest.raises(InputError, match="bind VOCAB_SIZE to 321 or more"):
    model_dir.check_rows(model, {"file": "v.model", "pieces": 321})


def test_another_stage_s_folder_is_no_place_to_train(tmp_path):
  folder = epath.Path(tmp_path)
  model_dir.check_kind(folder / "new")
  model_dir.check_kind(folder)
  for stage, held in {
    "normalize": "the output of `instructrec normalize`",
    "cache": "the output of `instructrec cache`",
  }.items():
    (tmp_path / "manifest.json").write_text(json.dumps({"stage": stage}))
    with pytest.raises(InputError, match=f"^MODEL_DIR = .* holds {held}: exp"):
      model_dir.check_kind(folder)
  for stage in ("train", "convert"):
    (tmp_path / "manifest.json").write_text(json.dumps({"stage": stage}))
    model_dir.check_kind(folder)
  (tmp_path / "metrics.json").write_text("{}")
  with pytest.raises(InputError, match="holds results of"):
    model_dir.check_kind(folder)


def test_a_folder_that_cannot_be_written_is_told_before_the_work(
  tmp_path, monkeypatch
):
  model_dir.check_writable(tmp_path / "a/b", "MODEL_DIR")
  assert not (tmp_path / "a").exists()
  (tmp_path / "file").write_text("")
  for place in ("file", "file/run"):
    with pytest.raises(InputError, match=r"^--out: .*file is a file"):
      model_dir.check_writable(tmp_path / place, "--out")
  (tmp_path / "link").symlink_to(tmp_path / "gone")
  with pytest.raises(InputError, match="link is a link that leads nowhere"):
    model_dir.check_writable(tmp_path / "link/run", "--out")
  # Root may write anywhere, but not on a disk that is mounted to be read.
  monkeypatch.setattr(os, "access", lambda *_: False)
  with pytest.raises(InputError, match=rf"{tmp_path} cannot be written"):
    model_dir.check_writable(tmp_path / "a", "--out")
  model_dir.check_writable("gs://bucket/run", "--out")


def test_one_process_trains_in_a_folder(tmp_path):
  folder = epath.Path(tmp_path / "a/run")
  with model_dir.locked(folder):
    with (
      pytest.raises(InputError, match="another process trains in MODEL_DIR"),
      model_dir.locked(folder),
    ):
      pass
    (folder / "config.gin").write_text("")
  with model_dir.locked(folder):
    pass
  assert os.listdir(folder) == ["config.gin"]


def test_a_refused_run_leaves_no_empty_folder(tmp_path):
  with pytest.raises(ZeroDivisionError), model_dir.locked(tmp_path / "run"):
    raise ZeroDivisionError
  assert not (tmp_path / "run").exists()


def test_a_disk_without_locks_is_used_and_said(tmp_path, monkeypatch, capsys):
  def refuse(*_):
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

  monkeypatch.setattr(fcntl, "flock", refuse)
  monkeypatch.setattr(locks, "_said", set())
  with model_dir.locked(epath.Path(tmp_path)):
    pass
  assert "this file system has no locks (No locks available)" in (
    capsys.readouterr().err
  )


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
  (tmp_path / "file").write_text("")
  with (
    pytest.raises(InputError, match=r"MODEL_DIR: .*file is a file: expected"),
    model_dir.locked(epath.Path(tmp_path / "file/run")),
  ):
    pass


def test_the_newest_step_is_that_of_a_folder_of_a_number(tmp_path):
  assert model_dir.last_step(epath.Path(tmp_path)) is None
  for name in ("3", "12", "x", ".removed"):
    (tmp_path / native.CHECKPOINTS / name).mkdir(parents=True)
  assert model_dir.last_step(epath.Path(tmp_path)) == 12
