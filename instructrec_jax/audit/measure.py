"""Scores of the rules on requests, and which of them are leaks.

Dimension letters: B requests, C candidates.
"""

import dataclasses
import math
from collections.abc import Mapping

import numpy as np

from instructrec_jax.audit import rules
from instructrec_jax.audit.facts import Facts
from instructrec_jax.audit.rules import Rule
from instructrec_jax.data.names import generator
from instructrec_jax.eval import chance, metrics, resampling
from instructrec_jax.eval.metrics import Outcomes

METRICS = ("hr@1", "hr@5", "ndcg@5")
# What leaks are decided by.
DECIDED_BY = METRICS[0]
# A leak is above what it is held against by at least this part of chance.
MARGIN = 0.5
# The chance, at most, that any of the rules is named on requests without leaks.
FALSE_ALARMS = 0.01


@dataclasses.dataclass(frozen=True)
class Score:
  """What a rule scores.

  Attributes:
    rule: its name, a key of `rules.RULES`.
    n: the number of requests that it was asked on.
    metrics: each of `METRICS` with its 95 % interval.
    chance: HR@1 of guessing, on the same requests.
    popularity: HR@1 of popularity, on the same requests.
    leak: whether it is clearly above what it is held against.
  """

  rule: str
  n: int
  metrics: dict[str, resampling.Estimate]
  chance: float
  popularity: float
  leak: bool


@dataclasses.dataclass(frozen=True)
class GivenAway:
  """How much of titles a text of the instruction gives away.

  Attributes:
    text: a feature of records.
    n: the number of requests with the text.
    target: the mean share of the target's title words that stand in it.
    others: the same for the other candidates.
  """

  text: str
  n: int
  target: resampling.Estimate
  others: float


@dataclasses.dataclass(frozen=True)
class Audit:
  """The audit of a split.

  Attributes:
    dataset: its short name.
    variant: of the records, a key of `variants.VARIANTS`.
    split: "validation" or "test".
    n: the number of requests audited.
    chance: each of `METRICS` for guessing.
    popularity: each of `METRICS` for popularity, with its 95 % interval.
    scores: the rules that could be asked, in the order of `rules.RULES`.
    not_asked: the names of the others.
    given_away: the texts of the instructions.
    lists: shares of requests, by what is the matter with their titles.
    order: what the tables' manifest tells of the order of events.
  """

  dataset: str
  variant: str
  split: str
  n: int
  chance: dict[str, float]
  popularity: dict[str, resampling.Estimate]
  scores: tuple[Score, ...]
  not_asked: tuple[str, ...]
  given_away: tuple[GivenAway, ...]
  lists: dict[str, resampling.Estimate]
  order: Mapping[str, object]

  @property
  def leaks(self) -> tuple[Score, ...]:
    """The rules that are leaks, the strongest first."""
    found = [score for score in self.scores if score.leak]
    return tuple(sorted(found, key=lambda s: -s.metrics[DECIDED_BY].value))


def audit(
  facts: Facts,
  dataset: str,
  variant: str,
  split: str,
  order: Mapping[str, object],
  seed: int,
) -> Audit:
  """Asks every rule on the requests.

  Args:
    facts: the requests and what rules look at.
    dataset: its short name.
    variant: of the records.
    split: of the requests.
    order: see `Audit`.
    seed: seed of draws and intervals.
  """
  whole = np.arange(len(facts.requests))
  every = rank(rules.popularity(facts), facts, whole, "popularity", seed)
  popular = metrics.measure(every, METRICS)
  scores = {}
  for name, rule in rules.RULES.items():
    given = rule.score(facts)
    if given is not None:
      scores[name] = _score(name, rule, given, facts, popular, seed)
  return Audit(
    dataset,
    variant,
    split,
    len(facts.requests),
    chance.expected(every, METRICS),
    resampling.estimates(popular, seed),
    tuple(scores.values()),
    tuple(name for name in rules.RULES if name not in scores),
    tuple(_given_away(facts, seed)),
    _lists(facts, seed),
    order,
  )


def rank(
  scores: np.ndarray, facts: Facts, at: np.ndarray, name: str, seed: int
) -> Outcomes:
  """Ranks candidates; equal scores are ordered by a draw.

  Ties count against a system elsewhere, so a rule such as "has a price" would
  score 0. What can be scored with it is what it scores by guessing among equal
  ones.

  Args:
    scores: [B, C].
    facts: B requests.
    at: [n], the requests to rank.
    name: the rule, which has a random stream of its own.
    seed: seed of the draw.
  """
  mask = facts.mask[at]
  draw = generator(seed, "audit", name).random(scores.shape)[at]
  order = np.lexsort((draw, -np.where(mask, scores[at], -np.inf)), axis=1)
  places = np.argsort(order, axis=1)
  gains = facts.relevant[at].astype(np.float64)
  return Outcomes.of(-places.astype(np.float64), gains, mask)


def _score(
  name: str,
  rule: Rule,
  given: np.ndarray,
  facts: Facts,
  popular: Mapping[str, np.ndarray],
  seed: int,
) -> Score:
  at = np.flatnonzero(~np.isnan(given).any(axis=1))
  outcomes = rank(given, facts, at, name, seed)
  values = metrics.measure(outcomes, METRICS)
  guessed = chance.expected(outcomes, (DECIDED_BY,))[DECIDED_BY]
  found = resampling.estimates(values, seed)
  popularity = float(popular[DECIDED_BY][at].mean())
  leak = rule.remedy is not None and above_guessing(values[DECIDED_BY], guessed)
  if not rule.seen:
    leak = leak and above_popularity(found[DECIDED_BY], popularity, guessed)
  return Score(name, len(at), found, guessed, popularity, leak)


def above_guessing(hits: np.ndarray, guessed: float) -> bool:
  """Returns whether hits [n], 0 or 1, are clearly more than by guessing.

  A share of n is no accident if Chernoff's bound of the binomial tail,
  exp(-n KL(share || guessed)), is small. It holds for any n, also if lists
  differ in length (Hoeffding, 1963). The allowed false alarms are divided among
  the rules (Bonferroni).

  Args:
    hits: whether a rule's first candidate is a target.
    guessed: the mean of hits that is expected of guessing.
  """
  share = float(hits.mean())
  if share <= guessed or share < (1 + MARGIN) * guessed:
    return False
  divergence = share * math.log(share / guessed)
  if share < 1:
    divergence += (1 - share) * math.log((1 - share) / (1 - guessed))
  return -len(hits) * divergence <= math.log(FALSE_ALARMS / len(rules.RULES))


def above_popularity(
  found: resampling.Estimate, popularity: float, guessed: float
) -> bool:
  """Returns whether a rule is clearly above popularity.

  Args:
    found: HR@1 of the rule.
    popularity: HR@1 of popularity, on the same requests.
    guessed: that of guessing.
  """
  return found.low > popularity and found.value >= popularity + MARGIN * guessed


def _given_away(facts: Facts, seed: int):
  """Yields how much each text gives away of targets, and of the others."""
  for name in rules.TEXTS:
    shares = rules.words_of_text(name, facts)
    if shares is None:
      continue
    at = np.flatnonzero(~np.isnan(shares).any(axis=1))
    relevant, others = facts.relevant[at], (facts.mask & ~facts.relevant)[at]
    target = _mean(shares[at], relevant)
    yield GivenAway(
      name,
      len(at),
      resampling.estimates({"share": target}, seed)["share"],
      float(_mean(shares[at], others).mean()),
    )


def _mean(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
  """Returns the mean of the marked values of each row, [n]."""
  return (values * mask).sum(axis=1) / np.maximum(mask.sum(axis=1), 1)


def _lists(facts: Facts, seed: int) -> dict[str, resampling.Estimate]:
  twice, had = rules.twice(facts), rules.had(facts)
  cases = {
    "the target's title stands twice among the candidates": (
      twice & facts.relevant
    ),
    "the target has the title of a history item": had & facts.relevant,
    "another candidate has the title of a history item": had & ~facts.relevant,
  }
  values = {
    name: marked.any(axis=1).astype(np.float64)
    for name, marked in cases.items()
  }
  return resampling.estimates(values, seed)
