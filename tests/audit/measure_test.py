"""Scores by hand, leaks that are planted, and worlds without any."""

import dataclasses

import numpy as np
import pytest

from instructrec_jax.audit import measure, rules
from instructrec_jax.eval import metrics
from instructrec_jax.eval.resampling import Estimate
from tests.audit import made_up


def _audit(facts, seed=0):
  return measure.audit(facts, "shop", "", "test", {}, seed)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("n", [5, 40, 400])
def test_a_world_of_chance_has_no_leak(seed, n):
  audit = _audit(made_up.random_world(seed, n=n))
  assert len(audit.scores) > 25
  assert [score.rule for score in audit.leaks] == []


def _planted(name, seed=0, n=300):
  """Returns a world of chance in which a rule finds half of the targets."""
  facts = made_up.random_world(seed, n=n)
  first = np.argmax(rules.RULES[name].score(facts), axis=1)
  chosen = facts.items[np.arange(n), first]
  half = np.arange(n) % 2 == 0
  facts.requests.target[half] = chosen[half]
  return facts


@pytest.mark.parametrize(
  "name",
  [
    "next id", "previous id", "nearest id", "nearest id to any item",
    "lowest id", "highest row", "first candidate", "last candidate",
    "longest title", "rarest words", "rarest", "words of I1", "words of I2",
  ],
)  # fmt: skip
def test_a_planted_leak_is_found(name):
  assert name in [score.rule for score in _audit(_planted(name)).leaks]


def test_what_is_told_by_a_missing_price_is_found():
  facts = made_up.random_world(0)
  has = facts.catalogue["price"].is_not_null().to_numpy()[facts.items]
  columns = np.argmax(has, axis=1)
  facts.requests.target[:] = facts.items[np.arange(len(columns)), columns]
  found = {score.rule: score for score in _audit(facts).scores}
  assert found["has a price"].leak
  # Half of the candidates have one, so one in about five is found.
  expected = (1 / has.sum(axis=1)[has.any(axis=1)]).mean()
  value = found["has a price"].metrics["hr@1"].value
  assert value == pytest.approx(expected, abs=0.06)
  assert not found["lacks a price"].leak


def test_taste_is_no_leak():
  facts = _planted("words of the history")
  found = {score.rule: score for score in _audit(facts).scores}
  assert found["words of the history"].metrics["hr@1"].value > 0.3
  assert not found["words of the history"].leak


def test_what_a_model_does_not_see_must_beat_popularity():
  facts = _planted("lowest id")
  facts = dataclasses.replace(
    facts,
    # The lower the id, the more popular: the rule tells nothing new.
    catalogue=facts.catalogue.with_columns(train_count=1000 - facts.id_places),
  )
  audit = _audit(facts)
  found = {score.rule: score for score in audit.scores}
  assert found["lowest id"].metrics["hr@1"].value > 0.4
  assert not found["lowest id"].leak
  assert found["lowest id"].popularity == audit.popularity["hr@1"].value


def test_popularity_and_chance_by_hand():
  facts = made_up.facts(
    [0, 1, 1],
    [[0, 1, 2, -1], [1, 2, 0, 3], [1, 0, -1, -1]],
    [[], [], []],
    train_count=[9, 5, 2, 1],
  )
  audit = _audit(facts)
  assert audit.popularity["hr@1"].value == pytest.approx(1 / 3)
  assert audit.chance["hr@1"] == pytest.approx((1 / 3 + 1 / 4 + 1 / 2) / 3)
  assert audit.popularity["hr@5"].value == 1


def test_equal_scores_are_guessed():
  facts = made_up.random_world(0, n=4_000, items=12, width=8)
  scores = np.zeros(facts.items.shape)
  at = np.arange(len(scores))
  outcomes = measure.rank(scores, facts, at, "a rule", seed=3)
  ranks = np.bincount(outcomes.first_ranks)[1:]
  # Five standard deviations of a count.
  assert abs(ranks - 500).max() < 5 * np.sqrt(500)
  again = measure.rank(scores, facts, at, "a rule", seed=3)
  np.testing.assert_array_equal(outcomes.ranks, again.ranks)


def test_unequal_scores_are_ranked_as_everywhere():
  facts = made_up.random_world(0, n=200)
  scores = np.random.default_rng(0).random(facts.items.shape)
  ours = measure.rank(scores, facts, np.arange(200), "a rule", seed=0)
  theirs = metrics.Outcomes.of(scores, facts.relevant.astype(float))
  np.testing.assert_array_equal(ours.ranks, theirs.ranks)


@pytest.mark.parametrize(
  ("hits", "n", "leak"),
  [
    (2, 2, False),  # One in a hundred pairs of guesses.
    (5, 5, True),
    (10, 40, False),
    (20, 40, True),
    # So many requests tell .12 from .1, which is no leak to speak of.
    (12_000, 100_000, False),
    (16_000, 100_000, True),
    (0, 50, False),
  ],
)
def test_the_criterion_is_not_fooled_by_few_requests(hits, n, leak):
  assert measure.above_guessing(np.arange(n) < hits, 0.1) == leak


@pytest.mark.parametrize(
  ("value", "low", "above"),
  [(0.5, 0.45, True), (0.5, 0.39, False), (0.43, 0.42, False)],
)
def test_above_popularity(value, low, above):
  found = Estimate(value, low, value + 0.05)
  assert measure.above_popularity(found, 0.4, 0.1) == above


def test_what_a_text_gives_away_by_hand():
  facts = made_up.facts(
    [0, 1, 0],
    [[0, 1, 2], [0, 1, 2], [0, 1, -1]],
    [[], [], []],
    {"vague_intention": ["a red car", "", "no bus"]},
    title=["Red car", "Red bus", "Train"],
  )
  (given,) = _audit(facts).given_away
  assert (given.text, given.n) == ("vague_intention", 2)
  assert given.target.value == pytest.approx((1 + 0) / 2)
  assert given.others == pytest.approx((0.25 + 0.5) / 2)


def test_titles_of_lists_by_hand():
  facts = made_up.facts(
    [0, 2, 2, 1],
    [[0, 3, 1], [2, 0, 3], [2, 1, 0], [1, 0, 2]],
    [[], [4], [], [3]],
    title=["Red car", "Bus", "Train", "red car", "TRAIN"],
  )
  twice, again, had = (e.value for e in _audit(facts).lists.values())
  assert (twice, again, had) == (0.25, 0.25, 0.25)
