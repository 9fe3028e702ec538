"""A source's files are found, or what is there is shown."""

import dataclasses
import gzip
import shutil
import zipfile

import polars as pl
import pytest

from instructrec_jax.data import sources
from instructrec_jax.data.sources import finding
from instructrec_jax.errors import InputError

_NAMES = [name.replace(sources.CATEGORY, "Books") for name in sources.SOURCES]


@pytest.mark.parametrize("name", _NAMES)
def test_every_source_says_where_it_is_from_and_what_it_needs(name, tmp_path):
  source = sources.find(name)
  assert source.homepage
  assert source.licence
  assert "interactions" in source.files
  with pytest.raises(InputError) as error:
    finding.locate(name, tmp_path, {})
  for file in source.files.values():
    assert file in str(error.value)
  assert "Found: nothing" in str(error.value)


def test_unknown_source_and_option_show_near_names(tmp_path):
  with pytest.raises(InputError, match="Did you mean 'movielens/100k'"):
    sources.find("movielens/10k")
  with pytest.raises(InputError, match="Did you mean 'user_column'"):
    finding.locate("table", tmp_path, {"user_colum": "u"})


def test_missing_files_show_what_is_there_and_near(ml_1m):
  with pytest.raises(InputError) as error:
    finding.locate("movielens/1m", ml_1m.parent, {})
  assert "Found: ml-1m/" in str(error.value)
  assert f"Did you mean {ml_1m}?" in str(error.value)
  with pytest.raises(InputError, match="is not a folder"):
    finding.locate("movielens/1m", ml_1m / "movies.dat", {})


_LOG = "user_id,item_id,timestamp\nu1,i1,1500000000\n"
_ITEMS = "item_id,title\ni1,One\n"


def _shop(folder, events="interactions.csv"):
  folder.mkdir(parents=True, exist_ok=True)
  (folder / events).write_text(_LOG)
  (folder / "items.csv").write_text(_ITEMS)
  return folder


@pytest.mark.parametrize("name", ["[2023] shop", "what?", "a*", "{a,b}"])
@pytest.mark.parametrize("ending", [".csv", ".parquet", ".csv.gz", "/"])
def test_a_folder_s_name_is_no_pattern(name, ending, tmp_path):
  for other in ("2 shop", "whats", "ab", "a", "b"):
    _shop(tmp_path / other)
  raw = _shop(tmp_path / name)
  whole = raw / "interactions.csv"
  if ending == ".parquet":
    pl.read_csv(whole.read_bytes()).write_parquet(raw / "interactions.parquet")
  elif ending == "/":
    (raw / "interactions" / "month=1").mkdir(parents=True)
    shutil.copy(whole, raw / "interactions" / "month=1" / "part[0].csv")
  if ending != ".csv":
    whole.unlink()
  if ending == ".csv.gz":
    (raw / "interactions.csv.gz").write_bytes(gzip.compress(_LOG.encode()))
  _, read = finding.locate("table", raw, {})
  assert read().interactions.height == 1


@pytest.mark.parametrize("packed", [False, True])
def test_a_name_that_a_person_gave_is_no_pattern(packed, tmp_path):
  raw = tmp_path / "raw"
  for name in ("orders [2024].csv", "orders 2.csv", "orders 0.csv"):
    _shop(raw, name)
  if packed:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
      for file in sorted(raw.iterdir()):
        archive.write(file, f"in/{file.name}")
    raw = tmp_path / "x.zip"
  for name in ("orders [2024].csv", "in/orders [2024].csv")[: 1 + packed]:
    found, read = finding.locate("table", raw, {"interactions_file": name})
    assert found["interactions"].name == "orders [2024].csv"
    assert read(tmp_path / "scratch").interactions.height == 1
  with pytest.raises(InputError, match=r"has no orders \*\.csv"):
    finding.locate("table", raw, {"interactions_file": "orders *.csv"})


def test_raw_may_be_below_the_home_folder(tmp_path, monkeypatch):
  monkeypatch.setenv("HOME", str(tmp_path))
  _shop(tmp_path / "raw")
  _, read = finding.locate("table", "~/raw", {})
  assert read().interactions.height == 1


def test_what_a_reader_did_not_foresee_names_the_files(tmp_path, monkeypatch):
  _shop(tmp_path)
  source = sources.SOURCES["table"]
  for error in (
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    pl.exceptions.ComputeError("odd"),
    pl.exceptions.PanicException("odd"),
    EOFError("odd"),
  ):

    def fails(*_, error=error, **__):
      raise error

    monkeypatch.setitem(
      sources.SOURCES, "table", dataclasses.replace(source, reader=fails)
    )
    _, read = finding.locate("table", tmp_path, {})
    with pytest.raises(
      InputError, match=r"interactions\.csv, .*items\.csv can"
    ):
      read()
