import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from instructrec_jax.data import splits


def test_by_hand():
  user = np.repeat([0, 1, 2, 3], [5, 3, 2, 1])
  parts = splits.leave_one_out(user)
  # User 0 has rows 0-4, user 1 rows 5-7; 2 and 3 are too short to evaluate.
  assert parts["train"].target.tolist() == [1, 2, 9]
  assert parts["train"].first.tolist() == [0, 0, 8]
  assert parts["validation"].target.tolist() == [3, 6]
  assert parts["test"].target.tolist() == [4, 7]
  assert parts["test"].first.tolist() == [0, 5]
  assert np.flatnonzero(splits.train_rows(user)).tolist() == [
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
    trained_on = splits.train_rows(user)[part.target]
    assert trained_on.all() if split == "train" else not trained_on.any()
