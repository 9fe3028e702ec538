"""Requests of a split, against the columns that they are read from."""

import numpy as np
import pytest

from instructrec_jax.data.records import read
from instructrec_jax.data.records.requests import Requests
from instructrec_jax.errors import InputError


def test_histories_are_those_of_the_columns(small_data):
  columns = read.load_split(small_data, "small", "test")
  requests = Requests.load(small_data, "small", "test")
  offsets = columns["history_offsets"]
  assert len(requests) == len(requests.histories) == len(columns["user"]) > 1
  for row, history in enumerate(requests.histories):
    expected = columns["history"][offsets[row] : offsets[row + 1]]
    np.testing.assert_array_equal(history, expected)
  assert [one.tolist() for one in requests.relevant_items] == (
    columns["target"][:, None].tolist()
  )


def test_some_of_them_keep_what_is_theirs():
  requests = Requests(
    instance=np.arange(3),
    user=np.arange(3),
    target=np.array([7, 8, 9]),
    candidates=np.arange(6).reshape(3, 2),
    history=np.array([1, 2, 3, 4]),
    history_offsets=np.array([0, 1, 1, 4]),
    history_length=np.array([1, 0, 3]),
    relevant=np.array([7, 6, 8, 9]),
    relevant_offsets=np.array([0, 2, 3, 4]),
  )
  some = requests.between(1, 3)
  assert some.instance.tolist() == [1, 2]
  assert [one.tolist() for one in some.histories] == [[], [2, 3, 4]]
  assert [one.tolist() for one in some.relevant_items] == [[8], [9]]
  assert some.candidates.tolist() == [[2, 3], [4, 5]]
  assert len(requests.between(3, 3)) == 0


def test_there_must_be_records(tmp_path):
  with pytest.raises(InputError, match="run `instructrec build` first"):
    Requests.load(tmp_path, "small", "test")
