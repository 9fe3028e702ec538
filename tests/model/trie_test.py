"""The tree holds the titles and nothing else, and says what it cannot hold."""

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from instructrec_jax.errors import InputError
from instructrec_jax.model import trie

VOCABULARY = 9
TITLES = st.lists(
  st.lists(st.integers(2, VOCABULARY - 1), min_size=1, max_size=5).map(tuple),
  min_size=1,
  max_size=40,
)


def build(titles, **options):
  return trie.from_titles(titles, lambda texts: texts, VOCABULARY, **options)


def paths(tree):
  """Returns each leaf's item by its tokens, and each node's tokens."""
  starts = {0: ()}
  for node in range(len(tree.token)):
    for child in range(tree.first_child[node], tree.first_child[node + 1]):
      starts[child] = (*starts[node], int(tree.token[child]))
  leaves = [n for n in starts if tree.first_child[n] == tree.first_child[n + 1]]
  return {starts[n]: tree.item[tree.low[n]] for n in leaves}, starts


@hypothesis.given(TITLES.filter(lambda titles: len({*titles}) == len(titles)))
def test_leaves_are_the_titles(titles):
  tree = build(titles)
  by_title, starts = paths(tree)
  assert by_title == {(*title, 1): n for n, title in enumerate(titles)}
  assert len(starts) == len({*starts.values()}) == len(tree.token)
  assert tree.length == max(map(len, titles)) + 1
  # In order, and of each node the run of titles that start with it.
  ordered = sorted(by_title)
  assert [by_title[title] for title in ordered] == tree.item.tolist()
  assert tree.item[tree.title].tolist() == list(range(len(titles)))
  for node, start in starts.items():
    below = ordered[tree.low[node] : tree.high[node]]
    assert below == [t for t in ordered if t[: len(start)] == start]


@hypothesis.given(TITLES)
def test_a_title_may_stand_for_the_first_of_its_items(titles):
  tree = build(titles, same_title="first")
  by_title, starts = paths(tree)
  assert by_title == {(*title, 1): titles.index(title) for title in titles}
  assert tree.item[tree.title].tolist() == [titles.index(t) for t in titles]
  for node, start in starts.items():
    starting = {t for t in by_title if t[: len(start)] == start}
    assert tree.high[node] - tree.low[node] == len(starting)


def test_children_are_in_order_and_the_end_comes_first():
  tree = build([(3, 4), (3,), (3, 2), (8,)])
  assert tree.token.tolist() == [0, 3, 8, 1, 2, 4, 1, 1, 1]
  assert tree.first_child.tolist() == [1, 3, 6, 7, 7, 8, 9, 9, 9, 9]
  assert tree.item.tolist() == [1, 2, 0, 3]


@pytest.mark.parametrize(
  ("titles", "options", "message"),
  [
    ([], {}, "expected at least one title"),
    ([(3,), (), (4,), ()], {}, r"title of item 1 .*, item 3 .*has no tokens"),
    (
      [(3,), (4, 5), (2,), (4, 5)],
      {},
      r"item 1 \(4, 5\) and item 3 \(4, 5\) .* \(same_title: error, first\)",
    ),
    ([(2,)] * 2 + [(3,)] * 2, {}, "and 1 more"),
    ([(3,)], {"same_title": "last"}, r"unknown same_title 'last'.*first"),
    ([(3, 9)], {}, r"item 0 \(3, 9\): expected tokens from 2 to 8 .*, got 9: "),
    ([(3,), (4, 1, 4)], {}, r"item 1 .* got 1: "),
    (
      [(3,), (2, 3, 4), (5,)],
      {"max_length": 3},
      r"at most 3 tokens .* longest has 4; too long: item 1 \(2, 3, 4\)",
    ),
    (
      [(2,) * n for n in range(1, 8)],
      {"max_length": 3},
      r"item 2 .*, item 3 .*, item 4 .* and 2 more",
    ),
  ],
)
def test_what_makes_no_tree_is_named(titles, options, message):
  with pytest.raises(InputError, match=message):
    build(titles, **options)


def test_lengths_must_be_those_of_the_tokens():
  with pytest.raises(InputError, match=r"add up to 3 tokens.*sum of 4"):
    trie.build(np.array([3, 4, 5]), np.array([2, 2]), VOCABULARY)
