import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from instructrec_jax.data import splits


def _rows(user, split=None):
  rows = pl.DataFrame({"user": user})
  return rows if split is None else rows.with_columns(split=pl.Series(split))


def test_by_hand():
  user = np.repeat([0, 1, 2, 3], [5, 3, 2, 1])
  parts = splits.leave_one_out(user)
  # User 0 has rows 0-4, user 1 rows 5-7; 2 and 3 are too short to evaluate.
  assert parts["train"].target.tolist() == [1, 2, 9]
  assert parts["train"].first.tolist() == [0, 0, 8]
  assert parts["validation"].target.tolist() == [3, 6]
  assert parts["test"].target.tolist() == [4, 7]
  assert parts["test"].first.tolist() == [0, 5]
  assert np.flatnonzero(splits.train_rows(_rows(user))).tolist() == [
    0,
    1,
    2,
    5,
    8,
    9,
    10,
  ]


@given(st.lists(st.integers(1, 12), min_size=1, max_size=30))
def test_each_row_is_a_target_once_or_starts_a_user(lengths):
  user = np.repeat(np.arange(len(lengths)), lengths)
  parts = splits.leave_one_out(user)
  targets = np.concatenate([p.target for p in parts.values()])
  assert len(set(targets)) == targets.size
  starts = np.flatnonzero(np.diff(user, prepend=-1))
  unused = set(range(user.size)) - set(targets)
  # Of three interactions the first is history, the others are held out.
  assert unused == set(starts)
  for split, part in parts.items():
    assert (part.first < part.target).all()
    assert (user[part.first] == user[part.target]).all()
    trained_on = splits.train_rows(_rows(user))[part.target]
    assert trained_on.all() if split == "train" else not trained_on.any()


def test_a_split_of_the_source_by_hand():
  user = [0, 0, 0, 0, 0, 1, 1, 2, 2]
  split = [0, 0, 1, 2, 2, 2, 2, 0, 1]
  parts = splits.by_user(_rows(user, split))
  # A user's first row has no history; user 0 has two test targets.
  assert parts["train"].target.tolist() == [1]
  assert parts["validation"].target.tolist() == [2, 8]
  assert parts["validation"].first.tolist() == [0, 7]
  assert parts["test"].target.tolist() == [3, 4, 6]
  assert parts["test"].first.tolist() == [0, 0, 5]
  trained = splits.train_rows(_rows(user, split))
  assert np.flatnonzero(trained).tolist() == [0, 1, 7]


@given(st.lists(st.integers(1, 12), min_size=1, max_size=30))
def test_leave_one_out_given_as_a_split_is_leave_one_out(lengths):
  user = np.repeat(np.arange(len(lengths)), lengths)
  given_split = np.zeros(user.size, np.uint8)
  want = splits.by_user(_rows(user))
  for number, name in enumerate(splits.SPLITS):
    given_split[want[name].target] = number
  got = splits.by_user(_rows(user, given_split))
  for name in splits.SPLITS:
    assert got[name].target.tolist() == want[name].target.tolist()
    assert got[name].first.tolist() == want[name].first.tolist()
