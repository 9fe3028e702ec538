"""Names are looked up, and near ones are offered."""

import pytest

from instructrec_jax import tasks
from instructrec_jax.batches import from_records
from instructrec_jax.errors import InputError
from instructrec_jax.tasks import lookup

_LENGTHS = {"inputs": 160, "targets": 16}


def test_an_unknown_mixture_gets_near_names(small):
  with pytest.raises(InputError) as error:
    from_records.train_batches("instructrec_smal", _LENGTHS, batch_size=4)
  assert "Did you mean 'instructrec_small'" in str(error.value)


def _refused(name, call=lookup.task_or_mixture):
  with pytest.raises(InputError) as error:
    call(name)
  assert "\n" not in str(error.value)
  return str(error.value)


def test_the_folder_and_what_is_built_there_are_named(small):
  told = _refused("instructrec_smal")
  assert f"Built in {small}/records: small" in told
  # No dataset of the sources that nobody built.
  assert "yelp" not in _refused("instructrec_yel")


def test_a_mixture_without_records_says_how_to_build_them(small):
  told = _refused("instructrec_games")
  assert "Build them with `instructrec build games`" in told
  assert f"Built in {small}/records: small" in told
  told = _refused("itdr", lookup.train_rates)
  assert f"Built in {small}/records: small" in told


def test_the_folder_above_leads_to_the_records(small):
  tasks.use_records(small)
  told = _refused("instructrec_small_history")
  assert f"Built in {small}: nothing" in told
  assert f"--tfds_data_dir={small}/records" in told
  tasks.use_records(small / "records")
  assert lookup.task_or_mixture("instructrec_small_history")
