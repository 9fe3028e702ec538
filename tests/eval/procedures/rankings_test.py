"""From inputs to rankings of requests, through the metric function."""

import itertools

import numpy as np
import pytest
import sklearn.metrics

from instructrec_jax.errors import InputError
from instructrec_jax.eval.recording import evaluator

_COUNTS = (4, 3, 5)


def requests(form):
  """Requests of several sizes; the target of each stands at column 1."""
  rng = np.random.default_rng(0)
  return [
    {
      "instance": 20 - row,
      "user": row,
      "target": 10 * row + 1,
      "candidates": np.arange(10 * row, 10 * row + count),
      "form": form,
      "odds": rng.normal(size=count),
    }
    for row, count in enumerate(_COUNTS)
  ]


def inputs(form, width):
  """Inputs in a shuffled order, with two scores each."""
  asked = [
    {**request, "asked": np.array(columns)}
    for request in requests(form)
    for columns in itertools.combinations(
      range(len(request["candidates"])), width
    )
  ]
  np.random.default_rng(1).shuffle(asked)
  scores = np.zeros((len(asked), 2))
  for row, target in enumerate(asked):
    odds = target["odds"][target["asked"]]
    scores[row] = [odds[0] - 3, -3 if width == 1 else odds[1] - 3]
  return asked, scores


def ranks_by_odds():
  return {
    r["instance"]: int((r["odds"] >= r["odds"][1]).sum()) for r in requests("")
  }


@pytest.mark.parametrize(
  ("form", "width", "names"),
  [("t0", 1, ["pointwise"]), ("t1", 2, ["bradley_terry", "copeland"])],
)
@pytest.mark.parametrize("padding", [0, 8])
def test_inputs_become_the_ranking_of_their_requests(
  form, width, names, padding
):
  targets, scores = inputs(form, width)
  # In a mixture another task may have more candidates.
  scores = np.pad(scores, [(0, 0), (0, padding)], constant_values=-np.inf)
  rankings = evaluator.rankings_from(targets, scores)
  assert list(rankings) == names
  for ranking in rankings.values():
    found = evaluator.predictions_from(ranking.targets, ranking.scores)
    ranks = dict(
      zip(found.instances.tolist(), found.outcomes.ranks, strict=True)
    )
    assert ranks == ranks_by_odds()
  measured = evaluator.ranking_metric_fn(targets, scores)
  assert measured["n"] == 3
  assert measured["mrr"] == pytest.approx(
    np.mean([1 / rank for rank in ranks_by_odds().values()])
  )
  if form == "t1":
    assert measured["copeland/mrr"] == measured["mrr"]


def test_pointwise_figures_are_scikit_learns():
  targets, scores = inputs("t0", 1)
  measured = evaluator.ranking_metric_fn(targets, scores)
  odds = np.concatenate([r["odds"] for r in requests("t0")])
  labels = np.concatenate([np.arange(c) == 1 for c in _COUNTS])
  assert measured["log_loss"] == pytest.approx(
    sklearn.metrics.log_loss(labels, 1 / (1 + np.exp(-odds)))
  )
  assert measured["pooled_auc"] == pytest.approx(
    sklearn.metrics.roc_auc_score(labels, odds)
  )


def test_figures_of_pairs():
  targets, scores = inputs("t1", 2)
  measured = evaluator.ranking_metric_fn(targets, scores)
  assert measured["comparisons"] == np.mean([6, 3, 10])
  right = [r["odds"][1] > np.delete(r["odds"], 1) for r in requests("t1")]
  assert measured["pair_accuracy"] == np.concatenate(right).mean()
  first = [np.subtract(*t["odds"][t["asked"]]) > 0 for t in targets]
  assert measured["first_wins"] == pytest.approx(np.mean(first))


def test_a_scorer_that_cannot_tell_comes_last():
  for form, width in (("t0", 1), ("t1", 2)):
    targets, scores = inputs(form, width)
    for ranking in evaluator.rankings_from(targets, 0 * scores).values():
      found = evaluator.predictions_from(ranking.targets, ranking.scores)
      np.testing.assert_array_equal(found.outcomes.ranks, found.sizes)


@pytest.mark.parametrize(
  ("change", "message"),
  [
    (lambda t, s: (t[:-1], s[:-1]), r"to be asked about once, got"),
    (lambda t, s: ([*t, t[0]], np.concatenate([s, s[:1]])), "about once, got"),
    (lambda t, s: (t, s[:, :1]), r"at least two for each of .* \[\d+, 1\]"),
    (
      lambda t, s: ([{**t[0], "asked": t[0]["asked"] + 9}, *t[1:]], s),
      "columns of its candidates for each input",
    ),
  ],
)
@pytest.mark.parametrize(("form", "width"), [("t0", 1), ("t1", 2)])
def test_half_a_request_is_no_request(form, width, change, message):
  targets, scores = inputs(form, width)
  with pytest.raises(InputError, match=message):
    evaluator.ranking_metric_fn(*change(targets, scores))
