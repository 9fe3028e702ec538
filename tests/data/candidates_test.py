import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from instructrec_jax.data import candidates
from instructrec_jax.data.names import generator
from instructrec_jax.errors import InputError


def _draw(histories, num_items, num_negatives=9, seed=0, copies=1):
  """Draws lists for the last item of every history."""
  user = np.repeat(np.arange(len(histories)), [len(h) for h in histories])
  item = np.concatenate(histories)
  users = np.tile(np.arange(len(histories)), copies)
  targets = np.tile([h[-1] for h in histories], copies)
  lists = candidates.draw(
    generator(seed, "test"),
    users,
    targets,
    (user.astype(np.uint32), item.astype(np.uint32)),
    num_items,
    num_negatives,
  )
  return users, targets, lists


_HISTORIES = st.lists(
  st.lists(st.integers(0, 19), min_size=1, max_size=11, unique=True),
  min_size=1,
  max_size=20,
)


# Twenty items less eleven met leave exactly the nine negatives.
@given(histories=_HISTORIES, seed=st.integers(0, 2**32))
def test_the_target_once_and_nothing_else_the_user_met(histories, seed):
  users, targets, lists = _draw(histories, 20, seed=seed)
  assert lists.shape == (len(histories), 10)
  for user, target, row in zip(users, targets, lists, strict=True):
    assert sorted(row) == sorted(set(row))
    assert set(row) & set(histories[user]) == {target}
    assert min(row) >= 0
    assert max(row) < 20


def test_the_seed_decides():
  histories = [[i, i + 1, i + 2] for i in range(50)]
  first, again, other = (_draw(histories, 200, seed=s)[2] for s in (1, 1, 2))
  assert (first == again).all()
  assert (first != other).any(axis=1).mean() > 0.9


def test_negatives_and_places_are_uniform():
  copies = 4000
  _, targets, lists = _draw([[0, 3, 5]], 15, num_negatives=4, copies=copies)
  place = np.argmax(lists == targets[:, None], axis=1)
  assert stats.chisquare(np.bincount(place, minlength=5)).pvalue > 1e-3
  negatives = lists[lists != targets[:, None]]
  times = np.bincount(negatives, minlength=15)
  allowed = np.delete(times, [0, 3, 5])
  assert times[[0, 3, 5]].sum() == 0
  # Without replacement within a list, so less spread than chi-square allows:
  # a p-value near one is right, one near zero is not.
  assert stats.chisquare(allowed).pvalue > 1e-3
  assert allowed.sum() == 4 * copies


def test_pairs_are_uniform_where_few_items_are_left():
  # Two of the three items 3, 4, 5: each pair in a third of the lists.
  _, targets, lists = _draw([[0, 1, 2]], 6, num_negatives=2, copies=6000)
  sums = np.where(lists == targets[:, None], 0, lists).sum(axis=1)
  assert stats.chisquare(np.bincount(sums)[[7, 8, 9]]).pvalue > 1e-3


def test_too_few_items():
  with pytest.raises(InputError) as error:
    _draw([[0, 1], [0, 1, 2, 3]], 12)
  said = str(error.value)
  assert "9 negatives cannot be drawn for 1 of 2 lists" in said
  assert "user 1 has met 4 of 12 items, which leaves 8" in said
  assert "num_negatives of at most 8" in said
