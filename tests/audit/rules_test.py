"""Each rule on requests where its ranking is known by hand."""

import numpy as np
import pytest

from instructrec_jax.audit import rules
from instructrec_jax.data import ragged
from tests.audit import made_up

# Ids go the other way than rows: item 0 has the highest.
_SHOP = {
  "item_id": ["50", "40", "30", "20", "10"],
  "title": ["Red car", "Red bus", "A very long blue train", "Car", "Red car"],
  "train_count": [5, 0, 2, 2, 9],
  "price": [1.0, None, 2.0, None, 3.0],
  "brand": ["x", "", None, "y", "z"],
  "categories": [["a", "b"], [], None, ["a"], ["a", "b", "c"]],
}


def _ranked(name, candidates, history, **further):
  """Returns the candidates from the best; equal ones stay in order."""
  facts = made_up.facts(
    [candidates[0]], [candidates], [history], **(_SHOP | further)
  )
  scores = rules.RULES[name].score(facts)
  if scores is None:
    return None
  order = np.argsort(-scores[0], kind="stable")
  return [candidates[place] for place in order]


@pytest.mark.parametrize(
  ("name", "candidates", "history", "expected"),
  [
    # From id 30 upwards: 40, 50, and then again from 10.
    ("next id", [0, 1, 3, 4], [4, 2], [1, 0, 4, 3]),
    ("previous id", [0, 1, 3, 4], [4, 2], [3, 4, 0, 1]),
    ("nearest id", [0, 1, 4], [2, 3], [4, 1, 0]),
    ("nearest id to any item", [0, 2, 3], [4, 1], [0, 2, 3]),
    ("nearest id to any item", [4, 3, 2], [0, 1], [2, 3, 4]),
    ("lowest id", [0, 1, 3], [], [3, 1, 0]),
    ("highest id", [3, 1, 0], [], [0, 1, 3]),
    ("next row", [0, 1, 3, 4], [0, 2], [3, 4, 0, 1]),
    ("lowest row", [3, 1, 0], [], [0, 1, 3]),
    ("first candidate", [3, 1, 0], [], [3, 1, 0]),
    ("last candidate", [3, 1, 0], [], [0, 1, 3]),
    ("longest title", [3, 1, 2], [], [2, 1, 3]),
    ("shortest title", [2, 1, 3], [], [3, 1, 2]),
    # "red" and "car" stand in three titles, the other words in one.
    ("rarest words", [3, 0, 1, 2], [], [2, 1, 3, 0]),
    ("commonest words", [2, 1, 0], [], [0, 1, 2]),
    ("title stands twice", [1, 0, 2, 4], [], [0, 4, 1, 2]),
    ("title of the history", [1, 2, 0], [3, 4], [0, 1, 2]),
    # Of "Red bus" one word of two, of "Car" the only one.
    ("words of the history", [2, 1, 3], [0], [3, 1, 2]),
    ("has a price", [1, 3, 0], [], [0, 1, 3]),
    ("lacks a price", [0, 1, 3], [], [1, 3, 0]),
    ("has a brand", [1, 2, 0], [], [0, 1, 2]),
    ("has labels", [1, 2, 3], [], [3, 1, 2]),
    ("most labels", [1, 0, 4], [], [4, 0, 1]),
    ("fewest labels", [4, 0, 2], [], [2, 0, 4]),
    ("rarest", [4, 0, 1], [], [1, 0, 4]),
  ],
)
def test_a_rule_by_hand(name, candidates, history, expected):
  assert _ranked(name, candidates, history) == expected


@pytest.mark.parametrize("name", rules.TEXTS)
def test_words_of_a_text_by_hand(name):
  facts = made_up.facts(
    [2, 2], [[2, 0, 1]] * 2, [[], []], {name: ["My CAR is red!", ""]}, **_SHOP
  )
  shares = rules.words_of_text(name, facts)
  np.testing.assert_allclose(shares[0], [0, 1, 0.5])
  # A request without the text is not asked.
  assert np.isnan(shares[1]).all()
  short = rules.TEXTS[name]
  np.testing.assert_array_equal(
    rules.RULES[f"words of {short}"].score(facts), shares
  )


@pytest.mark.parametrize(
  ("name", "further"),
  [
    ("has a year", {}),  # No such column.
    ("has a price", {"price": [1.0] * 5}),  # Everything has one.
    ("words of I1", {}),
    # Rows that follow ids tell nothing new.
    ("next row", {"item_id": list("abcde")}),
    ("title stands twice", {"title": list("abcde")}),
    ("title of the history", {"title": list("abcde")}),
  ],
)
def test_a_rule_that_has_nothing_to_look_at_is_not_asked(name, further):
  assert _ranked(name, [0, 1, 2], [3], **further) is None


@pytest.mark.parametrize(
  "name", ["next id", "nearest id to any item", "words of the history"]
)
def test_a_request_without_a_history_is_guessed(name):
  facts = made_up.facts([0, 0], [[0, 1, 2]] * 2, [[], [4]], **_SHOP)
  scores = rules.RULES[name].score(facts)
  assert len(set(scores[0].tolist())) == 1
  assert len(set(scores[1].tolist())) > 1


def test_nearest_to_any_item_by_all_distances():
  facts = made_up.random_world(seed=1, n=50)
  places = facts.id_places
  expected = [
    [-abs(places[history] - places[item]).min() for item in row]
    for row, history in zip(facts.items, facts.requests.histories, strict=True)
  ]
  scores = rules.RULES["nearest id to any item"].score(facts)
  np.testing.assert_array_equal(scores, expected)


def test_words_of_the_history_by_sets():
  facts = made_up.random_world(seed=2, n=50)
  titles = [set(t.split()) for t in facts.catalogue["title"]]
  expected = [
    [
      len(titles[item] & set().union(*(titles[h] for h in history)))
      / len(titles[item])
      for item in row
    ]
    for row, history in zip(facts.items, facts.requests.histories, strict=True)
  ]
  scores = rules.RULES["words of the history"].score(facts)
  np.testing.assert_allclose(scores, expected)


def test_every_rule_gives_a_score_to_every_candidate():
  facts = made_up.random_world(seed=3)
  for name, rule in rules.RULES.items():
    scores = rule.score(facts)
    if scores is not None:
      assert scores.shape == facts.items.shape, name
      assert scores.dtype == np.float64, name


def test_every_remedy_is_used():
  used = {rule.remedy for rule in rules.RULES.values()}
  assert used == {*rules.REMEDIES, None}
  # What shows a taste is seen: it would otherwise be held against popularity.
  assert all(r.seen for r in rules.RULES.values() if r.remedy is None)


def test_editions_by_hand():
  facts = made_up.facts([0, 1], [[0, 4, 1], [1, 0, -1]], [[3], [4]], **_SHOP)
  assert rules.twice(facts).tolist() == [[True, True, False], [False] * 3]
  assert rules.had(facts).tolist() == [[False] * 3, [False, True, False]]
  assert ragged.places(facts.history_rows, 2).tolist() == [0, 0]
