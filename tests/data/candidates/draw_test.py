import collections
import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from instructrec_jax.data.candidates import draw
from instructrec_jax.data.candidates.files import Lists
from instructrec_jax.data.names import generator
from instructrec_jax.errors import InputError


def _asked(histories, copies=1):
  """Returns users, targets (their last items), and all that they met."""
  user = np.repeat(np.arange(len(histories)), [len(h) for h in histories])
  item = np.concatenate(histories)
  users = np.tile(np.arange(len(histories)), copies)
  targets = np.tile([h[-1] for h in histories], copies)
  return users, targets, (user.astype(np.uint32), item.astype(np.uint32))


def _draw(
  histories, num_items, num_negatives=9, seed=0, copies=1, weights=None
):
  """Draws lists for the last item of every history."""
  asked = _asked(histories, copies)
  lists, _ = draw.draw(
    generator(seed, "test"), *asked, num_items, num_negatives, weights
  )
  return *asked[:2], lists


def _ranked(lists):
  return Lists(
    np.concatenate([np.asarray(row, np.int64) for row in lists]),
    np.cumsum([0, *map(len, lists)]),
    Path("ranked.jsonl"),
    np.arange(len(lists)) + 1,
    "line",
  )


def _hardest(histories, ranked, num_items, num_negatives, among, seed=0):
  copies = len(ranked) // len(histories)
  asked = _asked(histories, copies)
  lists, _ = draw.hardest(
    generator(seed, "test"),
    *asked,
    num_items,
    num_negatives,
    _ranked(ranked),
    among,
  )
  return *asked[:2], lists


def _check(histories, users, targets, lists, num_items):
  """Asserts the target once, no repeat, and nothing else the user met."""
  for user, target, row in zip(users, targets, lists, strict=True):
    assert sorted(row) == sorted(set(row))
    assert set(row) & set(histories[user]) == {target}
    assert min(row) >= 0
    assert max(row) < num_items


_HISTORIES = st.lists(
  st.lists(st.integers(0, 19), min_size=1, max_size=11, unique=True),
  min_size=1,
  max_size=20,
)


# Twenty items less eleven met leave exactly the nine negatives.
@given(
  histories=_HISTORIES,
  seed=st.integers(0, 2**32),
  heaviest=st.sampled_from([None, 1, 10**6]),
  rounds=st.sampled_from([0, 1, draw._ROUNDS]),
)
@settings(deadline=None)
def test_the_target_once_and_nothing_else_the_user_met(
  histories, seed, heaviest, rounds
):
  weights = None
  if heaviest is not None:
    weights = np.geomspace(1, heaviest, 20).astype(np.int64)
  with pytest.MonkeyPatch.context() as patch:
    # However soon the whole catalogue is looked at.
    patch.setattr(draw, "_ROUNDS", rounds)
    users, targets, lists = _draw(histories, 20, seed=seed, weights=weights)
  assert lists.shape == (len(histories), 10)
  _check(histories, users, targets, lists, 20)


@given(
  histories=_HISTORIES,
  seed=st.integers(0, 2**32),
  among=st.integers(3, 12),
)
@settings(deadline=None)
def test_the_hardest_are_the_first_that_the_user_has_not_met(
  histories, seed, among
):
  rng = np.random.default_rng(seed)
  ranked = [rng.permutation(20) for _ in histories]
  users, targets, lists = _hardest(histories, ranked, 20, 3, among, seed)
  assert lists.shape == (len(histories), 4)
  _check(histories, users, targets, lists, 20)
  for user, target, row in zip(users, targets, lists, strict=True):
    new = [item for item in ranked[user] if item not in histories[user]]
    assert set(row) - {target} <= set(new[:among])


@given(
  histories=_HISTORIES,
  seed=st.integers(0, 2**32),
  rounds=st.sampled_from([0, 1, draw._ROUNDS]),
  titles=st.lists(st.integers(0, 19), min_size=24, max_size=24),
)
@settings(deadline=None)
def test_no_negative_has_the_title_of_an_item_of_the_user(
  histories, seed, rounds, titles
):
  # The titles of items from 24 on are their own.
  titles = np.array([*titles, *range(24, 40)])
  asked = _asked(histories)
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(draw, "_ROUNDS", rounds)
    drawn, _ = draw.draw(generator(seed, "test"), *asked, 40, 9, titles=titles)
  ranked = _ranked([np.random.default_rng(seed).permutation(40)] * len(drawn))
  hard, _ = draw.hardest(
    generator(seed, "test"), *asked, 40, 9, ranked, 12, titles=titles
  )
  for lists in (drawn, hard):
    _check(histories, *asked[:2], lists, 40)
    for history, target, row in zip(histories, asked[1], lists, strict=True):
      others = titles[row[row != target]]
      assert not {*others} & {*titles[history]}


def test_negatives_drawn_again_for_their_titles_are_counted():
  # Every other item has the title of one that the user had.
  titles = np.repeat(np.arange(50), 2)
  histories = [list(range(0, 60, 2))] * 200
  asked = _asked(histories)
  lists, again = draw.draw(generator(0, "t"), *asked, 100, 9, titles=titles)
  assert (titles[lists] >= 30).sum() == 9 * 200
  # 30 of 100 draws are such an item, and 40 of 100 are kept.
  assert again == pytest.approx(9 * 200 * 30 / 40, rel=0.15)


def _chances(weights, count):
  """Returns the chance of each set drawn one after the other, by definition."""
  chances = collections.Counter()
  for order in itertools.permutations(range(len(weights)), count):
    chance, left = 1.0, sum(weights)
    for item in order:
      chance *= weights[item] / left
      left -= weights[item]
    chances[frozenset(order)] += chance
  return chances


@pytest.mark.parametrize("rounds", [0, 1, draw._ROUNDS])
def test_popularity_is_drawn_without_replacement(rounds, monkeypatch):
  monkeypatch.setattr(draw, "_ROUNDS", rounds)
  weights = [5, 50, 1, 9, 2, 30, 0]  # Of which 1 and 5 are met.
  copies = 20_000
  _, targets, lists = _draw(
    [[1, 5]], 7, num_negatives=2, copies=copies, weights=np.array(weights)
  )
  negatives = [frozenset(map(int, row)) - {5} for row in lists]
  expected = _chances([5, 0, 1, 9, 2, 0, 0], 2)
  expected = {s: c for s, c in expected.items() if c}
  times = collections.Counter(negatives)
  assert times.keys() == expected.keys()
  assert (
    stats.chisquare(
      [times[s] for s in expected], [copies * c for c in expected.values()]
    ).pvalue
    > 1e-3
  )
  # Neither the target's place nor the negatives' say what is popular.
  for item in (5, 3):
    place = np.argmax(lists == item, axis=1)[(lists == item).any(axis=1)]
    assert stats.chisquare(np.bincount(place, minlength=3)).pvalue > 1e-3
  assert (targets == 5).all()


def test_hard_negatives_are_uniform_among_the_first():
  copies = 6000
  ranked = [[4, 0, 9, 2, 8, 6, 7]] * copies  # 0 and 2 are met.
  _, _, lists = _hardest([[0, 2]], ranked, 10, 2, among=3)
  pairs = collections.Counter(frozenset(map(int, row)) - {2} for row in lists)
  assert pairs.keys() == {frozenset(pair) for pair in ((4, 9), (4, 8), (9, 8))}
  assert stats.chisquare(list(pairs.values())).pvalue > 1e-3
  for item in (2, 4):
    place = np.argmax(lists == item, axis=1)[(lists == item).any(axis=1)]
    assert stats.chisquare(np.bincount(place, minlength=3)).pvalue > 1e-3
  _, _, lists = _hardest([[0, 2]], ranked, 10, 2, among=2)
  assert {frozenset(map(int, row)) for row in lists} == {frozenset((2, 4, 9))}


def test_a_retriever_that_ranked_too_few():
  with pytest.raises(InputError) as error:
    _hardest([[0, 2], [1]], [[0, 3, 2, 5], [1, 4]], 9, 2, among=2)
  said = str(error.value)
  assert "ranked.jsonl, line 2: expected at least 2 items" in said
  assert "got 1 of 2; there are too few for 1 of 2 requests" in said


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
  assert "num_negatives to at most 8" in said


def test_too_few_popular_items():
  with pytest.raises(InputError, match="has met 1 of 3 items taken in train"):
    _draw([[0, 3]], 5, num_negatives=3, weights=np.array([7, 1, 0, 0, 2]))
