"""Damaged files of every source: read, or refused in one clear message."""

import gzip
import io
import tarfile
import zipfile

import polars as pl
import pytest

from instructrec_jax.data import cleaning
from instructrec_jax.data.sources import finding
from tests import fuzz
from tests.data.sources.every_line_test import CASES, File

_ROWS = 12
# Many formats share one reader, so each is damaged less often.
_EACH = 2000 if fuzz.THOROUGH else 3
_TABLE = CASES["csv"]


def _whole(file: File) -> bytes:
  lines = [] if file.header is None else [file.header]
  lines += [file.line(i) for i in range(_ROWS)]
  return "\n".join([*lines, ""]).encode()


def _reader(source, folder, options):
  def read(_):
    scratch = folder / "scratch"
    _, reader = finding.locate(source, folder, options)
    raw = reader(scratch=scratch)
    return cleaning.clean(raw, 1)

  return read


def _check(name, case, folder, damaged, count=_EACH):
  """Damages one file of a case; the others are whole."""
  for file in case.files:
    (folder / file.name).write_bytes(_whole(file))
  read = _reader(case.source, folder, case.options)

  def read_again(path):
    # A spool wants an empty folder.
    for left in sorted(folder.rglob("scratch/*"), reverse=True):
      left.unlink() if left.is_file() else left.rmdir()
    for left in sorted(folder.glob("scratch*")):
      left.rmdir()
    return read(path)

  path = folder / damaged.name
  fuzz.check(f"{name}: {damaged.name}", path.read_bytes(), read_again, path,
             count)  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_damaged_files_of_a_source(name, tmp_path):
  case = CASES[name]
  for place, file in enumerate(case.files):
    folder = tmp_path / f"{place}"
    folder.mkdir()
    _check(name, case, folder, file, max(1, _EACH // len(case.files)))


def _zipped(method=zipfile.ZIP_DEFLATED):
  stream = io.BytesIO()
  with zipfile.ZipFile(stream, "w", method) as archive:
    for file in _TABLE.files:
      archive.writestr(file.name, _whole(file))
  return stream.getvalue()


def _tarred(mode):
  stream = io.BytesIO()
  with tarfile.open(fileobj=stream, mode=mode) as archive:
    for file in _TABLE.files:
      info = tarfile.TarInfo(file.name)
      info.size = len(_whole(file))
      archive.addfile(info, io.BytesIO(_whole(file)))
  return stream.getvalue()


_ARCHIVES = {
  "x.zip": _zipped,
  "stored.zip": lambda: _zipped(zipfile.ZIP_STORED),
  "bzip2.zip": lambda: _zipped(zipfile.ZIP_BZIP2),
  "lzma.zip": lambda: _zipped(zipfile.ZIP_LZMA),
  "x.tar": lambda: _tarred("w"),
  "x.tar.gz": lambda: _tarred("w:gz"),
}


@pytest.mark.parametrize("name", _ARCHIVES)
def test_damaged_archives(name, tmp_path):
  read = _reader("table", tmp_path, _TABLE.options)
  fuzz.check(name, _ARCHIVES[name](), read, tmp_path / name)


def test_a_damaged_gz(tmp_path):
  for file in _TABLE.files[1:]:
    (tmp_path / file.name).write_bytes(_whole(file))
  read = _reader("table", tmp_path, _TABLE.options)
  whole = gzip.compress(_whole(_TABLE.files[0]))
  fuzz.check("csv.gz", whole, read, tmp_path / "interactions.csv.gz")


@pytest.mark.parametrize("compression", ["zstd", "snappy", "uncompressed"])
def test_damaged_parquet(compression, tmp_path):
  for file in _TABLE.files[1:]:
    (tmp_path / file.name).write_bytes(_whole(file))
  stream = io.BytesIO()
  pl.read_csv(_whole(_TABLE.files[0])).with_columns(
    tags=pl.concat_list("user_id", "item_id")
  ).write_parquet(stream, compression=compression)
  read = _reader("table", tmp_path, _TABLE.options)
  path = tmp_path / "interactions.parquet"
  fuzz.check(f"parquet, {compression}", stream.getvalue(), read, path)
