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
  manifest = {"stage": "build", "fingerprint": "f"}
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
