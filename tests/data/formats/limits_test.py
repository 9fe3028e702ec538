"""Files that unpack to a thousand times their size."""

import gzip
import io
import resource
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest

from instructrec_jax.data import normalize
from instructrec_jax.data.formats import archives, blocks, limits
from instructrec_jax.errors import InputError
from tests import programs

_LINE = b"user,item,1500000000\n"
_MIB = 1 << 20
_REFUSED = (
  r"unpack to .* bytes, more than 200 times as many.* give --allow_large"
)


def _constant(size, line=_LINE):
  return line * (size // len(line))


def _zip_bomb(path, size):
  """Writes a small zip file whose member claims, and has, so many bytes."""
  with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
    with archive.open("interactions.csv", "w") as member:
      chunk = _constant(4 * _MIB)
      for _ in range(size // len(chunk)):
        member.write(chunk)
    archive.writestr("items.csv", "item_id,title\n")


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path):
  path = tmp_path / "bomb.zip"
  _zip_bomb(path, 150 * _MIB)
  # The directory of the archive may claim any size: 1.5 GB.
  data = bytearray(path.read_bytes())
  at = data.index(b"PK\1\2") + 24
  data[at : at + 4] = (1_500_000_000).to_bytes(4, "little")
  path.write_bytes(data)
  before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
  start = time.monotonic()
  with pytest.raises(InputError, match=_REFUSED):
    normalize.normalize("table", path, tmp_path / "data", "x")
  assert time.monotonic() - start < 1
  assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 65_536
  assert not (tmp_path / "data" / "tables" / "x").exists()


def _read(path):
  return sum(len(block) for block in blocks.of_lines(path))


@pytest.mark.parametrize("packed", ["gzip", "zstd"])
def test_a_packed_stream_ends_when_it_is_too_large(packed, tmp_path):
  path = tmp_path / "bomb.csv"
  with pa.CompressedOutputStream(pa.OSFile(str(path), "wb"), packed) as stream:
    for _ in range(18):
      stream.write(_constant(8 * _MIB, b"a\n"))
  start = time.monotonic()
  with pytest.raises(InputError, match=_REFUSED) as error:
    _read(path)
  assert str(path) in str(error.value)
  assert time.monotonic() - start < 3
  with limits.lifted(True):
    assert _read(path) == 144 * _MIB


def test_logs_that_shrink_to_a_hundredth_are_read(tmp_path):
  rows = "".join(
    f"u{i // 400},same_item,1500000000\n" for i in range(2_000_000)
  )
  path = tmp_path / "log.csv.gz"
  path.write_bytes(gzip.compress(rows.encode(), 9))
  assert len(rows) / path.stat().st_size > 100
  assert _read(path) == len(rows)


def test_an_archive_is_measured_while_it_is_listed_and_unpacked(tmp_path):
  path = tmp_path / "bomb.tar.gz"
  with tarfile.open(path, "w:gz") as archive:
    for name in ("a.csv", "b.csv"):
      info = tarfile.TarInfo(name)
      info.size = 50 * _MIB
      archive.addfile(info, io.BytesIO(bytes(info.size)))
  folder = archives.Folder(tmp_path)
  assert folder.find(["a.csv"]) == []
  (error,) = folder.damaged
  assert "more than 200 times as many" in str(error)


def test_a_file_of_holes_is_no_gift(tmp_path):
  path = tmp_path / "sparse.tar"
  holes = tmp_path / "a.csv"
  with holes.open("wb") as file:
    file.truncate(1 << 30)
  subprocess.run(
    ["tar", "--sparse", "-cf", path, "-C", tmp_path, "a.csv"], check=True
  )
  holes.unlink()
  assert path.stat().st_size < _MIB
  found = {"x": archives.File(path, "a.csv")}
  with (
    pytest.raises(InputError, match=_REFUSED),
    archives.unpacked(found, tmp_path / "scratch"),
  ):
    pass


def test_what_the_disk_cannot_hold_is_said(tmp_path, monkeypatch):
  with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
    archive.writestr("a.csv", bytes(1000))
  free = type("Usage", (), {"free": 999})
  monkeypatch.setattr(limits.shutil, "disk_usage", lambda _: free)
  found = {"x": archives.File(tmp_path / "x.zip", "a.csv")}
  with (
    pytest.raises(InputError, match="1,000 bytes to unpack, but the disk of"),
    archives.unpacked(found, tmp_path / "scratch"),
  ):
    pass


def test_memory_that_ends_is_said(monkeypatch):
  free = iter([100, 60, 40])
  monkeypatch.setattr(limits, "free_memory", lambda: next(free))
  memory = limits.Memory(Path("x.csv"))
  memory.check(1, 5)  # Little was read.
  memory.check(1 << 30, 50)
  with pytest.raises(
    InputError, match=r"x\.csv: memory ends at line 70: 100 by"
  ):
    memory.check(1 << 30, 70)
  with limits.lifted(True):
    memory.check(1 << 30, 70)


def test_free_memory_is_known():
  free = limits.free_memory()
  assert free is None or free > _MIB


@pytest.mark.thorough
def test_a_bomb_of_one_and_a_half_gigabytes_costs_no_memory(tmp_path):
  path = tmp_path / "bomb.zip"
  _zip_bomb(path, 1_500_000_000)
  assert path.stat().st_size < 8 * _MIB
  program = (
    "import resource, sys\n"
    "from instructrec_jax import cli\n"
    "status = cli.main(sys.argv[1:])\n"
    "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)\n"
    "sys.exit(status)\n"
  )
  data = f"--data_dir={tmp_path}/data"
  done = subprocess.run(
    [sys.executable, "-c", program, "normalize", "table", f"--raw={path}",
     "--dataset=x", "--user_column=user", data],
    env=programs.environment(), capture_output=True, text=True,
  )  # fmt: skip
  assert done.returncode == 1
  assert "more than 200 times" in done.stderr
  assert int(done.stdout) < 500
