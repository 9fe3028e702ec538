"""Names of datasets, and what follows from them."""

import pathlib

import pytest

from instructrec_jax.data import names
from instructrec_jax.errors import InputError


@pytest.mark.parametrize(
  ("name", "near"),
  [
    ("Video Games", "'video_games'"),
    ("2nd-hand", "'data_2nd_hand'"),
    ("", "'my_data'"),
    ("_x", "'x'"),
  ],
)
def test_a_name_that_cannot_be_gets_one_that_can(name, near):
  with pytest.raises(InputError, match=f"such as {near}"):
    names.check_dataset(name)
  assert names.check_dataset(near.strip("'")) == near.strip("'")


def test_folders_follow_from_the_name(tmp_path):
  assert names.tables_dir(tmp_path, "games") == tmp_path / "tables" / "games"
  assert names.annotations_dir(tmp_path, "games") == (
    tmp_path / "annotations" / "games"
  )
  assert names.records_name("games", "hard") == "instructrec_games_hard"
  where = names.records_dir(tmp_path, "games", "hard")
  assert pathlib.Path(where) == (
    tmp_path / "records" / "instructrec_games_hard" / "1.0.0"
  )


def test_tables_are_on_this_machine():
  with pytest.raises(InputError, match="gs://b"):
    names.tables_dir("gs://b/data", "games")


def test_streams_differ_by_name_and_seed_and_by_nothing_else():
  def drawn(*of):
    return names.generator(*of).integers(0, 2**62, 4).tolist()

  assert drawn(0, "a", "b") == drawn(0, "a", "b")
  others = [drawn(1, "a", "b"), drawn(0, "b", "a"), drawn(0, "a")]
  assert drawn(0, "a", "b") not in others
