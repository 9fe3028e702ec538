"""Which file is the run's vocabulary."""

import gin
import pytest

from instructrec_jax.errors import InputError
from instructrec_jax.vocabulary import file


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
