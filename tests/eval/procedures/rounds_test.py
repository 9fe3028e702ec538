import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instructrec_jax.errors import InputError
from instructrec_jax.eval.procedures import rounds


def played(values, counts, group_size):
  groups = []

  def rank(rows, columns):
    groups.extend(columns.tolist())
    order = np.argsort(-values[rows[:, None], columns], axis=1)
    return np.take_along_axis(columns, order, axis=1)

  levels, taken = rounds.play(np.array(counts), group_size, rank)
  return levels, taken, groups


def test_a_hundred_as_instructrec_ranks_them():
  values = np.random.default_rng(0).random((1, 100))
  levels, taken, groups = played(values, [100], 10)
  assert taken.tolist() == [11]
  assert [len(group) for group in groups] == [10] * 11
  # The ten winners, in the order of the last group; then the ten seconds.
  in_groups = values.reshape(10, 10)
  winners = np.sort(in_groups.max(axis=1))[::-1]
  ranked = np.argsort(-levels[0], kind="stable")
  np.testing.assert_array_equal(values[0, ranked[:10]], winners)
  for place in range(1, 10):
    level = levels[0, ranked[10 * place : 10 * place + 10]]
    assert len(set(level)) == 1  # Level: they were never compared.
    found = set(values[0, ranked[10 * place : 10 * place + 10]])
    assert found == set(np.sort(in_groups, axis=1)[:, 9 - place])


def test_by_hand():
  # Groups (0, 1), (2, 3, 4), as bounds are 0, 2, 5; winners 1 and 2; then 1.
  values = np.array([[1, 9, 7, 5, 6.0]])
  levels, taken, groups = played(values, [5], 3)
  assert groups == [[0, 1], [2, 3, 4], [1, 2]]
  assert taken.tolist() == [3]
  order = [1, 2, [0, 4], 3]  # 0 and 4 were second in their groups.
  found = [np.flatnonzero(levels[0] == v) for v in np.unique(levels)[::-1]]
  assert [f.tolist() for f in found] == [np.atleast_1d(o).tolist()
                                         for o in order]  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(
  counts=st.lists(st.integers(1, 60), min_size=1, max_size=5),
  group_size=st.integers(2, 12),
  seed=st.integers(0, 2**31),
)
def test_everyone_has_a_level_and_no_prompt_is_too_long(
  counts, group_size, seed
):
  values = np.random.default_rng(seed).random((len(counts), max(counts)))
  levels, taken, groups = played(values, counts, group_size)
  assert len(groups) == taken.sum()
  assert max(map(len, groups)) <= group_size
  for row, count in enumerate(counts):
    assert np.isfinite(levels[row, :count]).all()
    assert (levels[row, count:] == -np.inf).all()
    # The best of all wins every group; and who fits in one group is ranked.
    assert levels[row, :count].argmax() == values[row, :count].argmax()
    assert (levels[row, :count] == levels[row, :count].max()).sum() == 1
    if count <= group_size:
      np.testing.assert_array_equal(
        np.argsort(levels[row, :count]), np.argsort(values[row, :count])
      )
    # Another request changes nothing.
    alone, _, _ = played(values[row : row + 1], [count], group_size)
    np.testing.assert_array_equal(alone[0], levels[row, :count])


def test_groups_of_one():
  with pytest.raises(InputError, match="group_size = 1: expected 2 or more"):
    played(np.ones((1, 3)), [3], 1)
