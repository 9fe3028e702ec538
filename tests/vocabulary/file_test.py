"""Which file is the run's vocabulary."""

import pathlib

import gin
import pytest

from instructrec_jax.errors import InputError
from instructrec_jax.vocabulary import file, run_vocabulary


@pytest.fixture
def bind():
  yield lambda where: gin.bind_parameter("vocabulary.location", where)
  gin.clear_config()


def test_t5_s_is_in_the_public_bucket(bind):
  bind("t5")
  assert file.path() == file.T5_VOCABULARY


def test_a_path_is_taken_as_it_is(bind, tmp_path):
  model = tmp_path / "own.model"
  bind(str(model))
  with pytest.raises(InputError, match=r"own\.model does not exist"):
    file.path()
  model.touch()
  assert file.path() == str(model)


def test_a_dataset_has_one_beside_its_records(small):
  found = file.path()
  assert found.startswith(str(small / "records" / "instructrec_small"))
  assert found.endswith(f"/{file.FILE_NAME}")


def test_a_run_evaluated_in_another_folder_finds_its_file(
  bind, tmp_path, monkeypatch
):
  (tmp_path / "here").mkdir()
  (tmp_path / "there").mkdir()
  model = tmp_path / "here" / "own.model"
  model.touch()
  bind("own.model")
  monkeypatch.chdir(tmp_path / "there")
  file.use_kept(None)
  where = (tmp_path / "there" / "own.model").resolve()
  with pytest.raises(InputError, match=f"{where} does not exist"):
    file.path()
  file.use_kept(str(model))
  assert file.path() == str(model)


def test_a_file_that_is_found_is_not_replaced(bind, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  (tmp_path / "own.model").touch()
  for where in (
    "own.model",
    "t5",
    "gs://b/x.model",
    str(tmp_path / "no.model"),
  ):
    bind(where)
    file.use_kept("/elsewhere/x.model")
    assert file.setting() == where


def test_the_file_is_described_by_its_whole_path(small, monkeypatch):
  with gin.unlock_config():
    path = file.path()
    monkeypatch.chdir(small)
    bound = str(pathlib.Path(path).relative_to(small))
    gin.bind_parameter("vocabulary.location", bound)
  assert run_vocabulary.describe()["file"] == path
