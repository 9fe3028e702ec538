"""Folders of a bucket are not taken for local ones named gs:."""

import json
from pathlib import Path

import pytest

from instructrec_jax import artifacts, paths
from instructrec_jax.errors import InputError
from instructrec_jax.train import writers
from tests import bucket


@pytest.fixture
def at(tmp_path, monkeypatch):
  """The local folder that stands for gs://b; nothing else may be written."""
  monkeypatch.chdir(tmp_path)
  bucket.make(tmp_path / "buckets", monkeypatch)
  yield tmp_path / "buckets" / "b"
  assert {path.name for path in tmp_path.iterdir()} <= {"buckets"}


def test_names(monkeypatch, tmp_path):
  monkeypatch.chdir(tmp_path)
  assert str(paths.absolute("gs://b/run")) == "gs://b/run"
  assert str(paths.absolute("run")) == f"{tmp_path}/run"
  (tmp_path / "link").symlink_to(tmp_path / "run")
  assert str(paths.absolute(Path("link"))) == f"{tmp_path}/run"
  assert paths.local("run", "") == Path("run")
  with pytest.raises(InputError, match=r"gs://b/x is not a local.*: copy it"):
    paths.local("gs://b/x", "copy it")
  with pytest.raises(InputError, match="ftp://b/x: expected a local path or"):
    paths.anywhere("ftp://b/x")


def test_a_tilde_is_the_home_folder(monkeypatch, tmp_path):
  monkeypatch.setenv("HOME", str(tmp_path))
  assert paths.local("~/x", "") == tmp_path / "x"
  assert str(paths.anywhere("~/x")) == f"{tmp_path}/x"
  assert str(paths.absolute("~/x")) == f"{tmp_path}/x"
  assert str(paths.anywhere("gs://b/~/x")) == "gs://b/~/x"
  assert paths.expanded("a/~") == "a/~"
  with pytest.raises(
    InputError, match=r"there is no user 'nobody_here'.*\./~n"
  ):
    paths.local("~nobody_here/x", "")


def test_names_are_no_patterns(tmp_path):
  folder = tmp_path / "[1]*"
  for name in ("a-train-0", "a-train-1", "b/a-train-2", "c[0]"):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("")

  def found(pattern):
    return [str(p.relative_to(folder)) for p in paths.matching(folder, pattern)]

  assert found("*-train-*") == ["a-train-0", "a-train-1"]
  assert found("*/a-*") == ["b/a-train-2"]
  assert found("a-train-0") == ["a-train-0"]
  assert found("c[0]") == []
  assert found("no/*") == []
  with pytest.raises(InputError, match=r"Orbax takes '\[' for a pattern"):
    paths.check_plain(folder, "Orbax")
  paths.check_plain("plain", "Orbax")


def test_places_that_cannot_be_written_are_named(tmp_path):
  (tmp_path / "file").write_text("")
  (tmp_path / "link").symlink_to("nowhere")
  paths.check_writable(tmp_path / "new" / "er")
  paths.check_writable(tmp_path / "file", is_file=True)
  paths.check_writable("gs://b/x")
  for path, is_file, message in (
    ("file", False, "file is a file: expected a folder"),
    ("file/x", True, "file is a file: expected a folder, to write .*file/x"),
    ("file/x/y", False, "file is a file"),
    ("", True, "is a folder: expected a file"),
    ("link/x", False, "link is a link that leads nowhere"),
  ):
    with pytest.raises(InputError, match=message):
      paths.check_writable(tmp_path / path, is_file)


def test_a_folder_that_may_not_be_written_is_named(tmp_path, monkeypatch):
  # The tests may run as root, who may write everywhere.
  monkeypatch.setattr(paths.os, "access", lambda *_: False)
  with pytest.raises(
    InputError, match=r"cannot be written, so .*/a/b cannot be"
  ):
    paths.check_writable(tmp_path / "a" / "b")


def test_what_goes_wrong_with_a_bucket_is_said_of_the_bucket():
  with (
    pytest.raises(InputError, match=r"cannot read gs://b: no way\..*\[gcs\]"),
    paths.reading("gs://b"),
  ):
    raise RuntimeError("no way")
  with pytest.raises(RuntimeError), paths.reading("here"):
    raise RuntimeError


def test_files_are_written_whole_and_manifests_read(at):
  artifacts.atomic_write_text("gs://b/run/notes", "ä")
  assert (at / "run" / "notes").read_text(encoding="utf-8") == "ä"
  manifest = {"stage": "build", "fingerprint": "f", "inputs": {}}
  manifest |= {"options": {}, "counts": {}}
  (at / "run" / "manifest.json").write_text(json.dumps(manifest))
  assert artifacts.read_manifest("gs://b/run", "build") == manifest
  with pytest.raises(InputError, match="gs://b/no holds no finished"):
    artifacts.read_manifest("gs://b/no", "build")


def test_stages_are_local(at):
  with pytest.raises(InputError, match="gs://b/out is not a local folder"):
    artifacts.run_stage(
      "build", "gs://b/out", lambda _: {}, inputs={}, options={}
    )


def _steps(at):
  lines = (at / "metrics.jsonl").read_text().splitlines()
  return [json.loads(line)["step"] for line in lines]


def test_figures_are_in_the_bucket_when_a_checkpoint_is(at, monkeypatch):
  now = 1000.0
  monkeypatch.setattr(writers.time, "monotonic", lambda: now)
  path = paths.anywhere("gs://b/metrics.jsonl")
  writer = writers.JsonLinesWriter(path)
  writer.flush()
  assert not at.exists()  # Untouched before the first line.
  for step in (1, 2, 3):
    writer.write_scalars(step, {"loss": 2.5})
  assert _steps(at) == [1]  # An object is not written with every line,
  writer.flush()
  assert _steps(at) == [1, 2, 3]  # but before each checkpoint,
  now += 59
  writer.write_scalars(4, {"loss": 2.5})
  assert _steps(at) == [1, 2, 3]
  now += 1
  writer.write_scalars(5, {"loss": 2.5})
  assert _steps(at) == [1, 2, 3, 4, 5]  # and every minute.
  again = writers.JsonLinesWriter(path)
  again.write_scalars(4, {"loss": 2.5})  # The checkpoint was that of step 3.
  assert _steps(at) == [1, 2, 3, 4]
