"""A source's files are found, or what is there is shown."""

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
