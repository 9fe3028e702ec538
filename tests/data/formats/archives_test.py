import gzip
import io
import shutil
import tarfile
import zipfile

import pytest

from instructrec_jax import artifacts
from instructrec_jax.data import normalize
from instructrec_jax.data.formats import archives
from instructrec_jax.data.sources import finding
from instructrec_jax.errors import InputError
from tests.data.raw_files import read_tables


def _zip(path, folder, top=""):
  with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
    for file in sorted(folder.iterdir()):
      archive.write(file, f"{top}{file.name}")
      archive.writestr(f"__MACOSX/{top}._{file.name}", b"\0\5\x16\7")
  return path


def _tar(path, folder, mode, top="./"):
  with tarfile.open(path, mode) as archive:
    for file in sorted(folder.iterdir()):
      archive.add(file, f"{top}{file.name}")
  return path


def _gzip_each(path, folder):
  path.mkdir()
  for file in folder.iterdir():
    (path / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))


def _tar_in_zip(path, folder):
  _tar(inner := path.with_name("ml.tar"), folder, "w:gz")
  with zipfile.ZipFile(path, "w") as archive:
    archive.write(inner, "ML JSON/ml.tar")
  inner.unlink()


_PACKED = {
  "plain": lambda raw, folder: shutil.copytree(folder, raw / "x"),
  "gz": lambda raw, folder: _gzip_each(raw / "x", folder),
  "zip": lambda raw, folder: _zip(raw / "ml-32m.zip", folder, "ml-32m/"),
  "kaggle": lambda raw, folder: _zip(raw / "archive.zip", folder),
  "tar.gz": lambda raw, folder: _tar(raw / "ml.tar.gz", folder, "w:gz"),
  "tgz": lambda raw, folder: _tar(raw / "ml.TGZ", folder, "w:gz", "ml/"),
  # Gzipped all the same, as one of the sources is.
  "tar": lambda raw, folder: _tar(raw / "ml.tar", folder, "w:gz"),
  "tar_in_zip": lambda raw, folder: _tar_in_zip(raw / "ml.zip", folder),
}


@pytest.mark.parametrize("packed", _PACKED)
def test_the_tables_are_the_same_however_the_files_are_packed(
  packed, ml_csv, tmp_path
):
  def tables(raw, data):
    normalize.normalize("movielens/32m", raw, data, k_core=1)
    return read_tables(data, "ml_32m")

  want = tables(ml_csv, tmp_path / "want")
  raw = tmp_path / "raw"
  raw.mkdir()
  _PACKED[packed](raw, ml_csv)
  got = tables(raw / "x" if (raw / "x").is_dir() else raw, tmp_path / "got")
  for name, table in want.items():
    assert got[name].equals(table), name
  written = {p.name for p in (tmp_path / "got/tables/ml_32m").iterdir()}
  assert written == {p + ".parquet" for p in want} | {artifacts.MANIFEST}


def test_an_archive_may_be_given_by_itself(ml_csv, tmp_path):
  path = _zip(tmp_path / "some.zip", ml_csv, "ml-32m/")
  found, read = finding.locate("movielens/32m", path, {})
  assert found["items"] == archives.File(path, "ml-32m/movies.csv")
  assert read(tmp_path / "scratch").interactions.height == 12
  assert not list((tmp_path / "scratch").iterdir())


def test_plain_files_come_before_gz_and_those_before_archives(tmp_path):
  (tmp_path / "x.csv").write_text("plain")
  (tmp_path / "x.csv.gz").write_bytes(b"")
  _zip(tmp_path / "named.zip", tmp_path, "a/")
  _zip(tmp_path / "other.zip", tmp_path, "b/")

  def found():
    return list(
      map(str, archives.Folder(tmp_path).find(["x.csv"], ["named.zip"]))
    )

  assert found() == [f"{tmp_path}/x.csv"]
  (tmp_path / "x.csv").unlink()
  assert found() == [f"{tmp_path}/x.csv.gz"]
  (tmp_path / "x.csv.gz").unlink()
  assert found() == [f"{tmp_path}/named.zip (a/x.csv)"]
  (tmp_path / "named.zip").rename(tmp_path / "renamed.zip")
  assert found() == [
    f"{tmp_path}/other.zip (b/x.csv)",
    f"{tmp_path}/renamed.zip (a/x.csv)",
  ]


def test_members_are_told_apart_by_the_archive_as_if_by_its_folder(tmp_path):
  (folder := tmp_path / "f").mkdir()
  (folder / "x.tsv").write_text("1")
  for part in ("train", "dev"):
    _zip(tmp_path / f"{part}.zip", folder)
  folder = archives.Folder(tmp_path)
  assert len(folder.find(["x.tsv"])) == 2
  assert folder.find(["dev/x.tsv"]) == [
    archives.File(tmp_path / "dev.zip", "x.tsv")
  ]


def test_a_member_s_fingerprint_is_its_archive_s(ml_csv, tmp_path):
  path = _zip(tmp_path / "ml-32m.zip", ml_csv)
  found, _ = finding.locate("movielens/32m", tmp_path, {})
  prints = archives.fingerprints(found)
  whole = artifacts.file_fingerprint(path)
  assert prints == {
    "interactions": whole | {"member": "ratings.csv"},
    "items": whole | {"member": "movies.csv"},
  }


@pytest.mark.parametrize(
  ("name", "packed"), [("ml-32m.zip", "zip"), ("ml.tar.gz", "tar.gz")]
)
@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_a_truncated_archive_is_named(name, packed, part, ml_csv, tmp_path):
  raw = tmp_path / "raw"
  raw.mkdir()
  with (ml_csv / "ratings.csv").open("a") as f:
    f.writelines(f"9,{i},3.0,{i * i}\n" for i in range(20_000))
  _PACKED[packed](raw, ml_csv)
  whole = (raw / name).read_bytes()
  (raw / name).write_bytes(whole[: int(len(whole) * part)])
  with pytest.raises(InputError) as error:
    normalize.normalize("movielens/32m", raw, tmp_path / "data")
  assert f"{name} is cut off or damaged" in str(error.value)
  assert "Fetch it again" in str(error.value)
  # It is no matter where the files lie beside it.
  shutil.copy(ml_csv / "ratings.csv", raw)
  shutil.copy(ml_csv / "movies.csv", raw)
  found, _ = finding.locate("movielens/32m", raw, {})
  assert not any(file.member for file in found.values())


def test_a_damaged_member_is_found_when_it_is_unpacked(ml_csv, tmp_path):
  path = _zip(tmp_path / "ml-32m.zip", ml_csv)
  data = bytearray(path.read_bytes())
  at = data.index(b"movies.csv") + 40
  data[at : at + 4] = b"\0\0\0\0"
  path.write_bytes(data)
  with pytest.raises(InputError, match=r"ml-32m\.zip is cut off or damaged"):
    normalize.normalize("movielens/32m", tmp_path, tmp_path / "data")
  assert not (tmp_path / "data/tables/ml_32m").exists()


def test_errors_in_a_member_name_the_archive(ml_csv, tmp_path):
  (ml_csv / "ratings.csv").write_text("user,film\n1,2\n")
  path = _zip(tmp_path / "ml-32m.zip", ml_csv)
  with pytest.raises(InputError) as error:
    normalize.normalize("movielens/32m", tmp_path, tmp_path / "data")
  assert f"unknown column of {path} (ratings.csv) 'userId'" in str(error.value)


def test_what_is_missing_or_ambiguous_in_archives_is_said(ml_csv, tmp_path):
  raw = tmp_path / "raw"
  raw.mkdir()
  for name in ("a.zip", "b.zip"):
    _zip(raw / name, ml_csv, f"{name}/")
  with pytest.raises(InputError) as error:
    finding.locate("movielens/32m", raw, {})
  assert "2 files could be the interactions" in str(error.value)
  assert "a.zip (a.zip/ratings.csv), b.zip (b.zip/" in str(error.value)
  found, _ = finding.locate(
    "movielens/32m",
    raw,
    {
      "interactions_file": "b/b.zip/ratings.csv",
      "items_file": "a/a.zip/movies.csv",
    },
  )
  assert [f.path.name for f in found.values()] == ["b.zip", "a.zip"]
  with pytest.raises(InputError) as error:
    finding.locate("movielens/1m", raw, {})
  assert "has no ratings.dat" in str(error.value)
  assert "plain, as .gz or in ml-1m.zip" in str(error.value)
  assert "Found: a.zip (2 files), b.zip (2 files)." in str(error.value)


def test_an_archive_with_a_password_is_said(tmp_path):
  stream = io.BytesIO()
  with zipfile.ZipFile(stream, "w") as archive:
    archive.writestr("ratings.csv", "x")
    archive.writestr("movies.csv", "x")
  data = bytearray(stream.getvalue())
  # The bit of a header that says that its member is encrypted.
  for start, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
    at = -1
    while (at := data.find(start, at + 1)) >= 0:
      data[at + flags] |= 1
  (tmp_path / "archive.zip").write_bytes(data)
  with pytest.raises(InputError, match="password required"):
    normalize.normalize("movielens/32m", tmp_path, tmp_path / "data")
