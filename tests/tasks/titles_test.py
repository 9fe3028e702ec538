"""What a run says of titles that its vocabulary cannot write."""

import gin
import pytest
import seqio

from instructrec_jax.errors import InputError
from instructrec_jax.tasks import titles
from instructrec_jax.vocabulary import run_vocabulary, training


def _tasks(*families):
  return [seqio.TaskRegistry.get(f"instructrec_small_{f}") for f in families]


def test_titles_that_can_be_written_are_not_told_of(small):
  assert not list(titles.told(_tasks("p1_i0_t2", "search_p0_i2_t3")))


def test_most_titles_are_told_of_and_refused_for_ranking(small, tmp_path):
  file = tmp_path / "digits.model"
  training.train(["0123", "4567", "89"] * 9, 24, file)
  with gin.unlock_config():
    gin.bind_parameter("vocabulary.location", str(file))
  run_vocabulary.RUN_VOCABULARY.forget()
  [line] = titles.told(_tasks("item_to_i2"))
  assert line.startswith("small: 48 of 48 titles hold only unknown pieces")
  with pytest.raises(InputError, match=r"^small cannot be ranked with the voc"):
    list(titles.told(_tasks("item_to_i2", "p1_i0_t3")))
