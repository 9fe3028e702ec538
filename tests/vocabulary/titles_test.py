"""Titles that a vocabulary cannot write."""

import pytest

from instructrec_jax.errors import InputError
from instructrec_jax.vocabulary import titles, training


@pytest.fixture(scope="module")
def model(tmp_path_factory):
  file = tmp_path_factory.mktemp("vocabulary") / "vocabulary.model"
  training.train(["Emma", "Dune", "Ulysses 1", "Solaris"] * 9, 60, file)
  return file.read_bytes()


def test_titles_that_cannot_be_told_apart_are_found(model):
  found = titles.unwritable(
    # NFKC makes the last but one that of its neighbour.
    [
      "Emma",
      "孔 子",
      "Dune",
      "Dune",
      "Emma 孟",
      "Emma 老",
      "Emma \uff11",
      "Emma 1",
    ],
    model,
  )
  assert found.items == 8
  assert found.unknown == ["孔 子"]
  assert found.alike == ["Emma 孟", "Emma 老", "Emma \uff11", "Emma 1"]
  assert found.repeated == 2
  assert found.counts() == {
    "titles_of_unknown_pieces": 1,
    "titles_of_the_same_tokens": 4,
  }
  first, second, third = found.lines()
  assert first.startswith("1 of 8 titles hold only unknown pieces")
  assert first.endswith(": '孔 子'")
  assert "4 of 8 titles have the same tokens" in second
  assert second.endswith("and 1 more")
  assert third.startswith("2 of 8 items have the title of another item")


def test_most_titles_are_refused_and_a_few_are_not(model):
  few = titles.unwritable(["Emma", "Dune", "孔", "孟"], model)
  few.check("shop", "t5")
  most = titles.unwritable(["Emma", "老", "孔", "孟"], model)
  with pytest.raises(InputError, match=r"^shop cannot be ranked with the voca"):
    most.check("shop", "t5")
  # Items of one title are the catalogue's, not the vocabulary's.
  titles.unwritable(["Emma", "Emma", "Emma", "Dune"], model).check("shop", "t5")
