"""Ranking metrics against hand-worked figures and four public libraries."""

import subprocess
import sys
import time

import numpy as np
import pytest
import pytrec_eval
import ranx
import scipy.stats
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from instructrec_jax.errors import InputError
from instructrec_jax.eval import metrics

TREC_NAMES = {
  **{f"hr@{k}": f"success_{k}" for k in (1, 3, 5, 10)},
  **{f"ndcg@{k}": f"ndcg_cut_{k}" for k in (3, 5, 10)},
  "mrr": "recip_rank",
}
RANX_NAMES = {
  **{f"hr@{k}": f"hit_rate@{k}" for k in (1, 3, 5, 10)},
  **{f"ndcg@{k}": f"ndcg@{k}" for k in (3, 5, 10)},
  "mrr": "mrr",
}


def draw(n, width, ties, seed=7):
  """Random requests: scores [n, width], and the positive of each."""
  rng = np.random.default_rng(seed)
  if ties:
    scores = rng.integers(0, 3, (n, width)).astype(np.float64)
  else:
    scores = rng.standard_normal((n, width))
  return scores, rng.integers(0, width, n)


def against_us(scores, positive):
  """Moves the positive just below whatever has the same score.

  Other tools break a tie by the name or place of a document. With the tie
  already decided in the scores they have nothing left to decide.
  """
  scores = scores.copy()
  scores[np.arange(len(scores)), positive] -= 1e-6
  return scores


def runs(scores, positive):
  names = [f"d{c:03d}" for c in range(scores.shape[1])]
  qrels = {f"q{b:05d}": {names[p]: 1} for b, p in enumerate(positive)}
  run = {
    f"q{b:05d}": dict(zip(names, map(float, row), strict=True))
    for b, row in enumerate(scores)
  }
  return qrels, run


@pytest.mark.parametrize(
  ("scores", "rank"),
  [
    ([3.0, 2.0, 1.0], 1),
    ([1.0, 2.0, 3.0], 3),
    ([2.0, 2.0, 1.0], 2),  # a tie with the positive is above it
    ([0.0, 0.0, 0.0], 3),  # so a constant scorer is last
    ([2.0, np.nan, 1.0], 2),  # another's NaN is above it
    ([np.nan, 0.0, -1.0], 3),  # its own NaN puts it last
    ([-np.inf, 0.0, -np.inf], 3),
    ([np.inf, 0.0, np.inf], 2),
  ],
)
def test_rank_of_first_candidate_by_hand(scores, rank):
  ranks = metrics.ranks_from_scores(np.array([scores]), np.array([0]))
  assert ranks.tolist() == [rank]


def test_metrics_by_hand():
  values = metrics.ranking_metrics(np.array([1, 2, 3, 4, 11]))
  assert values["hr@1"].tolist() == [1, 0, 0, 0, 0]
  assert values["hr@3"].tolist() == [1, 1, 1, 0, 0]
  # 1 / log2(2), 1 / log2(3), 1 / log2(4)
  np.testing.assert_allclose(
    values["ndcg@3"], [1, 0.63092975, 0.5, 0, 0], rtol=1e-7
  )
  np.testing.assert_allclose(values["mrr"], [1, 1 / 2, 1 / 3, 1 / 4, 1 / 11])


def test_chance_of_ten_candidates_is_the_papers():
  counts = metrics.RankCounts.of(np.ones(1, int), 10)
  chance = counts.chance()
  assert chance["hr@1"] == pytest.approx(0.1)
  assert chance["hr@3"] == pytest.approx(0.3)
  assert chance["hr@5"] == pytest.approx(0.5)
  # Both as the paper of InstructRec implies them for one positive and nine.
  assert chance["ndcg@3"] == pytest.approx(0.2131, abs=5e-5)
  assert chance["ndcg@5"] == pytest.approx(0.2948, abs=5e-5)


def test_chance_is_what_random_scores_reach():
  sizes = np.repeat([2, 5, 20], 20_000)
  ranks = np.random.default_rng(0).integers(1, sizes + 1)
  counts = metrics.RankCounts.of(ranks, sizes)
  means = counts.means()
  for name, value in counts.chance().items():
    assert means[name] == pytest.approx(value, abs=0.01), name


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("width", [2, 10, 37])
def test_agrees_with_trec_eval_and_ranx(width, ties):
  scores, positive = draw(300, width, ties)
  ours = metrics.ranking_metrics(metrics.ranks_from_scores(scores, positive))
  qrels, run = runs(against_us(scores, positive), positive)

  trec = pytrec_eval.RelevanceEvaluator(
    qrels, {"success.1,3,5,10", "ndcg_cut.3,5,10", "recip_rank"}
  ).evaluate(run)
  for name, theirs in TREC_NAMES.items():
    values = [trec[query][theirs] for query in sorted(trec)]
    np.testing.assert_allclose(ours[name], values, atol=1e-6, err_msg=name)

  ranx_run = ranx.Run(run)
  ranx.evaluate(ranx.Qrels(qrels), ranx_run, list(RANX_NAMES.values()))
  for name, theirs in RANX_NAMES.items():
    by_query = ranx_run.scores[theirs]
    values = [by_query[query] for query in sorted(qrels)]
    np.testing.assert_allclose(ours[name], values, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("k", [3, 5, 10])
def test_agrees_with_sklearns_ndcg(k):
  scores, positive = draw(200, 12, ties=False)
  ranks = metrics.ranks_from_scores(scores, positive)
  relevance = np.eye(12)[positive]
  assert metrics.RankCounts.of(ranks, 12).means()[f"ndcg@{k}"] == pytest.approx(
    sklearn.metrics.ndcg_score(relevance, scores, k=k)
  )


def test_masked_candidates_count_for_nothing():
  scores, positive = draw(200, 10, ties=True)
  mask = np.random.default_rng(1).random(scores.shape) < 0.6
  mask[np.arange(200), positive] = True
  expected = []
  for row, keep, place in zip(scores, mask, positive, strict=True):
    short = row[keep]
    index = np.array([keep[:place].sum()])
    expected += metrics.ranks_from_scores(short[None], index).tolist()
  scores[~mask] = np.nan
  ranks = metrics.ranks_from_scores(scores, positive, mask)
  assert ranks.tolist() == expected


def test_interval_is_scipys_percentile_bootstrap():
  # Both draw at random, so they agree within the noise of 10,000 resamples.
  scores, positive = draw(400, 10, ties=False)
  ranks = metrics.ranks_from_scores(scores, positive)
  counts = metrics.RankCounts.of(ranks, 10)
  ours = counts.estimates(seed=3, resamples=10_000)
  for name in ("hr@1", "ndcg@5", "mrr"):
    theirs = scipy.stats.bootstrap(
      (metrics.METRICS[name](ranks),),
      np.mean,
      n_resamples=10_000,
      method="percentile",
      random_state=np.random.default_rng(4),
      batch=1_000,
    )
    low, high = theirs.confidence_interval
    noise = 0.1 * theirs.standard_error
    assert ours[name].low == pytest.approx(low, abs=noise), name
    assert ours[name].high == pytest.approx(high, abs=noise), name
    assert ours[name].value == pytest.approx(ranks_mean(ranks, name))


def ranks_mean(ranks, name):
  return float(metrics.METRICS[name](ranks).mean())


def test_interval_holds_the_truth_95_times_in_100():
  shares = np.array([0.4, 0.3, 0.2, 0.1])
  truth = float(shares @ metrics.METRICS["mrr"](np.arange(1, 5)))
  rng = np.random.default_rng(0)
  inside = 0
  for seed in range(400):
    ranks = rng.choice(4, size=200, p=shares) + 1
    found = metrics.RankCounts.of(ranks, 4).estimates(seed)["mrr"]
    inside += found.low <= truth <= found.high
  # Four standard deviations of a binomial(400, .95) below its mean.
  assert inside >= 362


def test_interval_depends_on_the_seed_alone():
  counts = metrics.RankCounts.of(np.arange(1, 11).repeat(20), 10)
  assert counts.estimates(1) == counts.estimates(1)
  assert counts.estimates(1) != counts.estimates(2)


def test_blocks_of_resamples_cover_all(monkeypatch):
  counts = metrics.RankCounts.of(np.arange(1, 11).repeat(20), 10)
  whole = counts.estimates(1)
  monkeypatch.setattr(metrics, "_BLOCK", 70)  # seven resamples a block
  assert counts.estimates(1) == whole


def test_ranking_is_quick():
  scores, positive = draw(20_000, 100, ties=False)
  ranks = np.random.default_rng(0).integers(1, 11, 50_546)
  seconds = []
  for _ in range(3):
    start = time.perf_counter()
    metrics.ranking_metrics(metrics.ranks_from_scores(scores, positive))
    middle = time.perf_counter()
    metrics.RankCounts.of(ranks, 10).estimates(seed=0)
    seconds.append((middle - start, time.perf_counter() - middle))
  rank, bootstrap = np.min(seconds, axis=0)
  assert rank < 0.1
  assert bootstrap < 1.0


@st.composite
def requests(draw):
  width = draw(st.integers(1, 12))
  n = draw(st.integers(1, 20))
  scores = draw(
    hnp.arrays(
      np.float32,
      (n, width),
      # Few values, so that ties, infinities and NaN are common.
      elements=st.sampled_from([-np.inf, -1, 0, 1, np.inf, np.nan]),
    )
  )
  positive = draw(hnp.arrays(np.int64, n, elements=st.integers(0, width - 1)))
  return scores, positive


@given(requests(), st.randoms(use_true_random=False))
def test_order_of_candidates_changes_nothing(request_, random):
  scores, positive = request_
  order = list(range(scores.shape[1]))
  random.shuffle(order)
  moved = np.argsort(order)[positive]
  np.testing.assert_array_equal(
    metrics.ranks_from_scores(scores[:, order], moved),
    metrics.ranks_from_scores(scores, positive),
  )


@given(requests())
def test_a_worse_candidate_changes_nothing(request_):
  scores, positive = request_
  scores = np.where(np.isinf(scores), 0, scores)
  own = scores[np.arange(len(scores)), positive]
  # Nothing is worse than NaN, so give that positive a score.
  scores[np.arange(len(scores)), positive] = np.nan_to_num(own)
  worse = np.full((len(scores), 1), -np.inf)
  np.testing.assert_array_equal(
    metrics.ranks_from_scores(np.hstack([scores, worse]), positive),
    metrics.ranks_from_scores(scores, positive),
  )


@given(requests(), st.sampled_from([0.0, -np.inf, np.inf, np.nan]))
def test_a_constant_scorer_is_never_above_chance(request_, constant):
  scores, positive = request_
  ranks = metrics.ranks_from_scores(np.full_like(scores, constant), positive)
  counts = metrics.RankCounts.of(ranks, scores.shape[1])
  chance = counts.chance()
  for name, value in counts.means().items():
    assert value <= chance[name] + 1e-12, name


@given(st.tuples(requests(), requests(), requests()))
@settings(max_examples=50)
def test_hosts_merge_to_the_whole_exactly(shards):
  parts = [
    metrics.RankCounts.of(metrics.ranks_from_scores(*s), s[0].shape[1])
    for s in shards
  ]
  whole = metrics.RankCounts.of(
    np.concatenate([metrics.ranks_from_scores(*s) for s in shards]),
    np.concatenate([[s[0].shape[1]] * len(s[0]) for s in shards]),
  )
  for order in ((0, 1, 2), (2, 0, 1)):
    first, second, third = (parts[i] for i in order)
    merged = first + (second + third)
    np.testing.assert_array_equal(merged.by_rank, whole.by_rank)
    np.testing.assert_array_equal(merged.by_size, whole.by_size)
    assert merged.means() == whole.means()  # exactly, not nearly
    assert merged.estimates(0) == whole.estimates(0)


@pytest.mark.parametrize(
  ("scores", "positive", "mask", "message"),
  [
    (np.zeros(3), [0], None, r"scores: expected .* got float64 of shape \[3\]"),
    (np.zeros((1, 2), complex), [0], None, "scores: expected real numbers"),
    (np.zeros((2, 3)), [0], None, "positive: expected 2 integers"),
    (np.zeros((1, 3)), [0.5], None, "positive: expected 1 integers"),
    (np.zeros((2, 3)), [0, 3], None, "row 1: expected a column from 0 to 2"),
    (np.zeros((1, 2)), [0], [[True]], r"mask: expected .* got \[1, 1\]"),
    (np.zeros((1, 2)), [0], [[False, True]], "row 0: it is masked"),
  ],
)
def test_misfits_are_named(scores, positive, mask, message):
  with pytest.raises(InputError, match=message):
    metrics.ranks_from_scores(scores, np.array(positive), mask)


def test_a_rank_past_its_candidates_is_named():
  with pytest.raises(InputError, match="row 1: expected 1 to 4"):
    metrics.RankCounts.of(np.array([1, 5]), 4)


def test_no_request_is_an_error_not_nan():
  empty = metrics.RankCounts.of(np.zeros(0, int), 10)
  assert empty.n == 0
  for measure in (empty.means, empty.chance, lambda: empty.estimates(0)):
    with pytest.raises(InputError, match="no request"):
      measure()


def test_needs_no_tensorflow():
  script = (
    "import sys; import instructrec_jax.eval.metrics;"
    "import instructrec_jax.eval.results; import instructrec_jax.baselines;"
    "bad = {'tensorflow', 'seqio'} & set(sys.modules); assert not bad, bad"
  )
  subprocess.run([sys.executable, "-c", script], check=True)
