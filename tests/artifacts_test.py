import hashlib
import json
import os
import signal
import subprocess
import sys
import textwrap

import pytest

from instructrec_jax import artifacts
from instructrec_jax.errors import InputError
from tests import fuzz


def _run(folder, write=None, **kwargs):
  def default(staging):
    (staging / "a.txt").write_text("a")
    return {"rows": 1}

  kwargs = {"inputs": {"raw": "x"}, "options": {"k": 5}} | kwargs
  return artifacts.run_stage("build", folder, write or default, **kwargs)


def test_a_finished_folder_has_its_manifest_and_nothing_beside_it(tmp_path):
  manifest = _run(tmp_path / "out", seed=3, libraries=("numpy",))
  assert not manifest["reused"]
  on_disk = json.loads((tmp_path / "out/manifest.json").read_text())
  assert on_disk == {k: v for k, v in manifest.items() if k != "reused"}
  assert on_disk["options"] == {"k": 5}
  assert on_disk["seed"] == 3
  assert on_disk["counts"] == {"rows": 1}
  assert set(on_disk["versions"]) == {"instructrec_jax", "numpy"}
  assert [p.name for p in tmp_path.iterdir()] == ["out"]
  assert artifacts.read_manifest(tmp_path / "out", "build") == on_disk


def test_the_same_stage_is_not_run_again(tmp_path):
  first = _run(tmp_path / "out")
  again = _run(tmp_path / "out", write=lambda staging: pytest.fail("ran"))
  assert again == first | {"reused": True}


def test_the_manifest_has_the_size_and_the_hash_of_each_file(tmp_path):
  def write(staging):
    (staging / "deep").mkdir()
    (staging / "deep" / "b.bin").write_bytes(b"")
    (staging / "a.txt").write_text("a")
    return {}

  assert _run(tmp_path / "out", write)["outputs"] == {
    name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    for name, data in (("a.txt", b"a"), ("deep/b.bin", b""))
  }


_DAMAGES = {
  "emptied": (
    lambda path: path.write_text(""),
    "its size was 1 bytes and is 0",
  ),
  "longer": (lambda path: path.write_text("ab"), "was 1 bytes and is 2"),
  "removed": (lambda path: path.unlink(), "a.txt is missing"),
}
_CHANGED = lambda path: path.write_text("b"), "its SHA-256 was ca978112ca1bb"


@pytest.mark.parametrize("damage", [*_DAMAGES.values(), _CHANGED])
def test_damage_is_seen_before_the_output_is_used_again(tmp_path, damage):
  change, said = damage
  _run(tmp_path / "out")
  change(tmp_path / "out" / "a.txt")
  with pytest.raises(InputError, match=said) as error:
    _run(tmp_path / "out", write=lambda staging: pytest.fail("ran"))
  assert f"Remove {tmp_path / 'out'}, and make it again by `instructrec" in str(
    error.value
  )
  assert "\n" not in str(error.value)
  assert not _run(tmp_path / "out", overwrite=True)["reused"]
  assert _run(tmp_path / "out")["reused"]


@pytest.mark.parametrize("damage", _DAMAGES.values(), ids=_DAMAGES)
def test_damage_is_seen_by_the_next_stage(tmp_path, damage):
  change, said = damage
  _run(tmp_path / "out")
  artifacts.read_manifest(tmp_path / "out", "build")
  change(tmp_path / "out" / "a.txt")
  with pytest.raises(InputError, match=said):
    artifacts.read_manifest(tmp_path / "out", "build")


def test_folders_of_earlier_versions_are_used_unchecked(tmp_path):
  _run(tmp_path / "out")
  path = tmp_path / "out" / "manifest.json"
  manifest = json.loads(path.read_text())
  del manifest["outputs"]
  path.write_text(json.dumps(manifest))
  (tmp_path / "out" / "a.txt").write_text("other")
  assert artifacts.read_manifest(tmp_path / "out") == manifest
  assert _run(tmp_path / "out")["reused"]


def test_a_damaged_manifest_is_read_or_refused(tmp_path):
  _run(tmp_path / "out", seed=3, libraries=("numpy",))
  path = tmp_path / "out" / "manifest.json"

  def read(_):
    artifacts.read_manifest(tmp_path / "out", "build")
    _run(tmp_path / "out", seed=3)

  fuzz.check("manifest.json", path.read_bytes(), read, path)


@pytest.mark.parametrize(
  ("field", "value"),
  [
    ("counts", []),
    ("options", None),
    ("fingerprint", 3),
    ("outputs", []),
    ("outputs", {"a.txt": 3}),
    ("outputs", {"../a.txt": {"bytes": 1, "sha256": ""}}),
    ("outputs", {"/a.txt": {"bytes": 1, "sha256": ""}}),
  ],
)
def test_a_field_of_a_manifest_is_named(tmp_path, field, value):
  _run(tmp_path / "out")
  path = tmp_path / "out" / "manifest.json"
  path.write_text(json.dumps(json.loads(path.read_text()) | {field: value}))
  with pytest.raises(InputError, match=f"manifest.json: {field}: expected"):
    artifacts.read_manifest(tmp_path / "out")


@pytest.mark.parametrize(
  ("field", "value"),
  [("options", {"k": 6}), ("inputs", {}), ("seed", 1), ("stage", "train")],
)
def test_a_changed_manifest_is_seen(tmp_path, field, value):
  _run(tmp_path / "out")
  path = tmp_path / "out" / "manifest.json"
  path.write_text(json.dumps(json.loads(path.read_text()) | {field: value}))
  with pytest.raises(InputError, match="expected the fingerprint of its input"):
    artifacts.read_manifest(tmp_path / "out")


def test_a_folder_may_be_a_link_to_another_disk(tmp_path):
  disk = tmp_path / "disk"
  disk.mkdir()
  link = tmp_path / "tables" / "shop"
  link.parent.mkdir()
  link.symlink_to(disk / "shop")
  for seed in range(2):
    assert not _run(link, seed=seed, overwrite=True)["reused"]
    assert link.is_symlink()
    assert [path.name for path in disk.iterdir()] == ["shop"]
    assert (disk / "shop" / "a.txt").read_text() == "a"
  assert [path.name for path in link.parent.iterdir()] == ["shop"]


def test_a_link_to_itself_is_named(tmp_path):
  (tmp_path / "out").symlink_to("out")
  with pytest.raises(InputError, match="out: "):
    _run(tmp_path / "out")


def test_what_killed_writers_of_a_file_left_is_cleared(tmp_path):
  mine = tmp_path / ".x.md.original"
  old = tmp_path / ".x.md.a_b1c2d3.partial"
  for path in (mine, old):
    path.write_text("")
  with artifacts.atomic_open(tmp_path / "x.md") as living:
    living.write(b"first")
    # The other writer lives, so its file stays.
    artifacts.atomic_write_text(tmp_path / "x.md", "second")
    assert not old.exists()
  assert (tmp_path / "x.md").read_text() == "first"
  assert {path.name for path in tmp_path.iterdir()} == {mine.name, "x.md"}


@pytest.mark.parametrize(
  ("change", "said"),
  [
    ({"options": {"k": 3}}, "options.k: was 5, is now 3"),
    ({"options": {"k": 5, "n": 1}}, "options.n: was absent, is now 1"),
    ({"inputs": {"raw": "y"}}, 'inputs.raw: was "x", is now "y"'),
    ({"seed": 1}, "seed: was null, is now 1"),
  ],
)
def test_another_make_is_named_and_only_replaced_on_demand(
  tmp_path, change, said
):
  _run(tmp_path / "out")
  with pytest.raises(InputError) as error:
    _run(tmp_path / "out", **change)
  lines = str(error.value).splitlines()
  assert lines[1:-1] == [f"  {said}"]
  assert "--overwrite" in lines[-1]

  def write(staging):
    (staging / "b.txt").write_text("b")
    return {}

  _run(tmp_path / "out", write, overwrite=True, **change)
  assert {p.name for p in (tmp_path / "out").iterdir()} == {
    "b.txt",
    "manifest.json",
  }


def test_a_failing_stage_leaves_nothing(tmp_path):
  def write(staging):
    (staging / "half.txt").write_text("half")
    raise InputError("bad row")

  with pytest.raises(InputError, match="bad row"):
    _run(tmp_path / "out", write)
  assert list(tmp_path.iterdir()) == []


def test_a_failing_replacement_keeps_what_was_there(tmp_path):
  first = _run(tmp_path / "out")
  with pytest.raises(ZeroDivisionError):
    _run(tmp_path / "out", lambda s: 1 // 0, seed=1, overwrite=True)
  assert _run(tmp_path / "out") == first | {"reused": True}


def test_folders_of_others_are_never_replaced(tmp_path):
  (tmp_path / "out").mkdir()
  (tmp_path / "out/thesis.tex").write_text("years of work")
  with pytest.raises(InputError, match="not written by this program"):
    _run(tmp_path / "out", overwrite=True)
  assert (tmp_path / "out/thesis.tex").read_text() == "years of work"


def test_two_processes_do_not_write_one_folder(tmp_path):
  def write(staging):
    with pytest.raises(InputError, match="another process is writing"):
      _run(tmp_path / "out")
    return {}

  assert not _run(tmp_path / "out", write)["reused"]


def test_a_file_in_the_way_of_the_folder_is_named(tmp_path):
  (tmp_path / "taken").write_text("")
  with pytest.raises(InputError, match="taken is a file: expected a folder"):
    _run(tmp_path / "taken" / "tables" / "shop")


def test_a_killed_stage_is_not_taken_for_finished(tmp_path):
  script = textwrap.dedent("""
    import os, signal, sys
    from instructrec_jax import artifacts
    def write(staging):
      (staging / "a.txt").write_text("hal")
      (staging / "stale.txt").write_text("stale")
      os.kill(os.getpid(), signal.SIGKILL)
    artifacts.run_stage(
      "build", sys.argv[1], write, inputs={"raw": "x"}, options={"k": 5}
    )
  """)
  done = subprocess.run(
    [sys.executable, "-c", script, str(tmp_path / "out")],
    env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    check=False,
  )
  assert done.returncode == -signal.SIGKILL
  assert not (tmp_path / "out").exists()
  assert [p.name for p in tmp_path.iterdir()] == [".out.partial"]
  assert not _run(tmp_path / "out")["reused"]
  assert {p.name for p in (tmp_path / "out").iterdir()} == {
    "a.txt",
    "manifest.json",
  }
  assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_read_manifest_says_what_to_run(tmp_path):
  with pytest.raises(InputError, match="run `instructrec normalize` first"):
    artifacts.read_manifest(tmp_path / "absent", "normalize")
  _run(tmp_path / "out")
  with pytest.raises(InputError, match="written by `build`, not by"):
    artifacts.read_manifest(tmp_path / "out", "normalize")
  (tmp_path / "out/manifest.json").write_text("{")
  with pytest.raises(InputError, match="is not JSON"):
    artifacts.read_manifest(tmp_path / "out", "build")


def test_cloud_paths_are_refused(tmp_path):
  with pytest.raises(InputError, match="not a local folder"):
    _run("gs://bucket/out")


def test_fingerprint_follows_the_content(tmp_path):
  (tmp_path / "a").write_text("abc")
  # SHA-256 of "abc" by FIPS 180-2, appendix B.1.
  assert artifacts.file_fingerprint(tmp_path / "a") == {
    "name": "a",
    "bytes": 3,
    "sha256": "ba7816bf8f01cfea414140de5dae2223"
    "b00361a396177a9cb410ff61f20015ad",
  }


def test_atomic_write_is_whole_or_nothing(tmp_path, monkeypatch):
  path = tmp_path / "below/metrics.json"
  artifacts.atomic_write_text(path, "größer\n")
  assert path.read_bytes() == "größer\n".encode()
  umask = os.umask(0)
  os.umask(umask)
  assert path.stat().st_mode & 0o777 == 0o666 & ~umask

  def fail(*args):
    raise OSError("disk full")

  monkeypatch.setattr(os, "replace", fail)
  with pytest.raises(OSError, match="disk full"):
    artifacts.atomic_write_text(path, "other")
  assert path.read_text() == "größer\n"
  assert [p.name for p in path.parent.iterdir()] == ["metrics.json"]
