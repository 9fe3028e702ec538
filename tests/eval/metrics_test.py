"""Ranking metrics against hand-worked figures and three public libraries."""

import subprocess
import sys
import time

import numpy as np
import pytest
import pytrec_eval
import ranx
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from instructrec_jax.errors import InputError
from instructrec_jax.eval import metrics, resampling

KS = (1, 3, 5, 10)
NAMES = [*(f"{m}@{k}" for m in metrics.AT_K for k in KS), *metrics.WHOLE]
# What the others call it; they have no AUC with ties against us.
TREC = {
  "hr": "success_{}",
  "precision": "P_{}",
  "recall": "recall_{}",
  "ndcg": "ndcg_cut_{}",
  "mrr": "recip_rank",
  "map": "map",
}
RANX = {
  "hr": "hit_rate@{}",
  "precision": "precision@{}",
  "recall": "recall@{}",
  "ndcg": "ndcg@{}",
  "mrr": "mrr",
  "map": "map",
}


def named(table):
  """Returns another library's name of each of ours that it has."""
  parsed = {name: metrics.parse(name) for name in NAMES}
  return {
    name: table[family].format(k)
    for name, (family, k) in parsed.items()
    if family in table
  }


def draw(n, width, ties, relevant=1, grades=1, seed=7):
  """Random requests: scores and gains [n, width], 1 to `relevant` a row."""
  rng = np.random.default_rng(seed)
  if ties:
    scores = rng.integers(0, 3, (n, width)).astype(np.float64)
  else:
    scores = rng.standard_normal((n, width))
  count = rng.integers(1, min(relevant, width) + 1, n)
  place = rng.random((n, width)).argsort(axis=1).argsort(axis=1)
  gains = np.where(
    place < count[:, None], rng.integers(1, grades + 1, (n, width)), 0
  )
  return scores, gains.astype(np.float64)


def against_us(scores, gains):
  """Moves what is relevant just below whatever has the same score.

  Other tools break a tie by the name or place of a document. With the tie
  already decided in the scores they have nothing left to decide.
  """
  return scores - 1e-6 * gains


def runs(scores, gains):
  names = [f"d{c:03d}" for c in range(scores.shape[1])]
  qrels = {
    f"q{b:05d}": {names[c]: int(row[c]) for c in np.flatnonzero(row)}
    for b, row in enumerate(gains)
  }
  run = {
    f"q{b:05d}": dict(zip(names, map(float, row), strict=True))
    for b, row in enumerate(scores)
  }
  return qrels, run


def measure(scores, gains, names=NAMES, **more):
  outcomes = metrics.Outcomes.of(np.asarray(scores), np.asarray(gains), **more)
  return metrics.measure(outcomes, names)


@pytest.mark.parametrize(
  ("scores", "rank"),
  [
    ([3.0, 2.0, 1.0], 1),
    ([1.0, 2.0, 3.0], 3),
    ([2.0, 2.0, 1.0], 2),  # a tie with the positive is above it
    ([0.0, 0.0, 0.0], 3),  # so a constant scorer is last
    ([2.0, np.nan, 1.0], 2),  # another's NaN is above it
    ([-np.inf, np.nan, -np.inf], 3),
    ([np.nan, 0.0, -1.0], 3),  # its own NaN puts it last
    ([-np.inf, 0.0, -np.inf], 3),
    ([np.inf, 0.0, np.inf], 2),
    ([np.inf, np.nan, 0.0], 2),
  ],
)
def test_rank_of_first_candidate_by_hand(scores, rank):
  outcomes = metrics.Outcomes.of(np.array([scores]), np.array([[1, 0, 0]]))
  assert outcomes.ranks.tolist() == [rank]


@pytest.mark.parametrize(
  ("scores", "gains", "ranks", "gains_by_rank"),
  [
    ([4, 3, 2, 1], [1, 0, 1, 0], [1, 3], [1, 1]),
    ([2, 2, 2, 1], [1, 0, 1, 0], [2, 3], [1, 1]),  # ties behind what is not
    ([2, 2, 2, 1], [3, 0, 1, 0], [2, 3], [1, 3]),  # the lesser gain first
    ([2, np.nan, 1, 0], [1, 1, 0, 2], [1, 3, 4], [1, 2, 1]),  # NaN is last
    ([0, 0, 0, 0], [2, 1, 3, 0.5], [1, 2, 3, 4], [0.5, 1, 2, 3]),
  ],
)
def test_several_relevant_by_hand(scores, gains, ranks, gains_by_rank):
  found = metrics.Outcomes.of(np.array([scores], float), np.array([gains]))
  assert found.ranks.tolist() == ranks
  assert found.gains.tolist() == gains_by_rank


def test_one_relevant_by_hand():
  scores = -np.tile(np.arange(11.0), (5, 1))
  gains = np.eye(11)[[0, 1, 2, 3, 10]]
  values = measure(scores, gains)
  assert values["hr@1"].tolist() == [1, 0, 0, 0, 0]
  assert values["hr@3"].tolist() == [1, 1, 1, 0, 0]
  # 1 / log2(2), 1 / log2(3), 1 / log2(4)
  np.testing.assert_allclose(
    values["ndcg@3"], [1, 0.63092975, 0.5, 0, 0], rtol=1e-7
  )
  np.testing.assert_allclose(values["mrr"], [1, 1 / 2, 1 / 3, 1 / 4, 1 / 11])
  np.testing.assert_array_equal(values["map"], values["mrr"])
  np.testing.assert_allclose(values["auc"], [1, 0.9, 0.8, 0.7, 0])
  np.testing.assert_allclose(values["precision@3"], values["hr@3"] / 3)
  np.testing.assert_array_equal(values["recall@3"], values["hr@3"])


def test_graded_by_hand():
  # Gains 3, 0, 1, 2 in the order of their ranks.
  values = measure([[4.0, 3.0, 2.0, 1.0]], [[3.0, 0.0, 1.0, 2.0]])
  # (3 + 1 / 2) / (3 + 2 / log2(3) + 1 / 2)
  assert values["ndcg@3"].item() == pytest.approx(3.5 / 4.76185951)
  assert values["map"].item() == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)
  assert values["auc"].item() == pytest.approx(1 / 3)
  assert values["precision@5"].item() == pytest.approx(3 / 5)
  assert values["recall@1"].item() == pytest.approx(1 / 3)


def test_what_was_not_listed_is_last_of_the_catalogue():
  values = measure(
    [[0.0, -1.0, -np.inf], [0.0, -1.0, -np.inf]],
    [[0, 0, 1], [1, 0, 1]],
    sizes_B=np.array([1000, 1000]),
  )
  np.testing.assert_allclose(values["mrr"], [1 / 1000, 1])
  np.testing.assert_allclose(values["map"], [1 / 1000, (1 + 2 / 1000) / 2])
  assert values["hr@3"].tolist() == [0, 1]
  assert values["auc"].tolist() == [0, 0.5]


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(
  ("width", "relevant", "grades"), [(2, 1, 1), (10, 5, 1), (37, 20, 3)]
)
def test_agrees_with_trec_eval_and_ranx(width, relevant, grades, ties):
  scores, gains = draw(200, width, ties, relevant, grades)
  ours = measure(scores, gains)
  qrels, run = runs(against_us(scores, gains), gains)

  measures = {
    *(f"{name}.1,3,5,10" for name in ("success", "P", "recall", "ndcg_cut")),
    "recip_rank",
    "map",
  }
  trec = pytrec_eval.RelevanceEvaluator(qrels, measures).evaluate(run)
  for name, theirs in named(TREC).items():
    values = [trec[query][theirs] for query in sorted(trec)]
    np.testing.assert_allclose(ours[name], values, atol=1e-6, err_msg=name)

  ranx_run = ranx.Run(run)
  ranx.evaluate(ranx.Qrels(qrels), ranx_run, list(named(RANX).values()))
  for name, theirs in named(RANX).items():
    by_query = ranx_run.scores[theirs]
    values = [by_query[query] for query in sorted(qrels)]
    np.testing.assert_allclose(ours[name], values, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("ties", [False, True])
def test_agrees_with_sklearn(ties):
  scores, gains = draw(100, 12, ties, relevant=6, grades=3)
  ours = measure(scores, gains)
  # To sklearn, equal scores of two relevant ones are one step, not two.
  lowered = against_us(scores, gains) - 1e-9 * np.arange(12)
  for b in range(len(scores)):
    row, relevant = lowered[b], gains[b] > 0
    assert ours["auc"][b] == pytest.approx(
      sklearn.metrics.roc_auc_score(relevant, row)
    )
    assert ours["map"][b] == pytest.approx(
      sklearn.metrics.average_precision_score(relevant, row)
    )
    for k in (3, 10):
      assert ours[f"ndcg@{k}"][b] == pytest.approx(
        sklearn.metrics.ndcg_score(gains[b : b + 1], row[None], k=k)
      )


def test_masked_candidates_count_for_nothing():
  scores, gains = draw(200, 10, ties=True, relevant=4, grades=2)
  mask = np.random.default_rng(1).random(scores.shape) < 0.6
  mask |= gains == gains.max(axis=1, keepdims=True)
  gains = np.where(mask, gains, 0)
  ours = measure(np.where(mask, scores, np.nan), gains, mask_BxC=mask)
  for b, keep in enumerate(mask):
    alone = measure(scores[b : b + 1, keep], gains[b : b + 1, keep])
    for name, value in alone.items():
      assert ours[name][b] == value.item(), name  # exactly


def test_any_k():
  scores, gains = draw(50, 30, ties=False, relevant=3)
  wide = measure(scores, gains, ["recall@30", "hr@29", "ndcg@1000"])
  assert (wide["recall@30"] == 1).all()
  assert (wide["ndcg@1000"] <= 1).all()


@pytest.mark.parametrize("name", ["ndgc@5", "ndcg", "hr@0", "mrr@5", "hr@-1"])
def test_unknown_metrics(name):
  with pytest.raises(InputError, match=f"unknown metric '{name}'.*ndcg@K"):
    metrics.parse(name)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_all_metrics_are_quick(dtype):
  scores, gains = draw(20_000, 100, ties=False, relevant=5, grades=3)
  scores = scores.astype(dtype)
  seconds = []
  for _ in range(5):
    start = time.process_time()
    resampling.means(measure(scores, gains))
    seconds.append(time.process_time() - start)
  # 19 metrics; half a second leaves room for a machine that does other things.
  assert min(seconds) < 0.5


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
  gains = draw(
    hnp.arrays(np.float64, (n, width), elements=st.sampled_from([0, 0, 1, 2]))
  )
  gains[np.arange(n), draw(hnp.arrays(np.int64, n, elements=st.integers(
      0, width - 1)))] = 1  # fmt: skip
  return scores, gains


def same(left, right):
  for name in left:
    np.testing.assert_array_equal(left[name], right[name], err_msg=name)


@given(requests())
def test_ranks_are_those_of_a_sort(request_):
  scores, gains = request_
  found = metrics.Outcomes.of(scores, gains)
  for b, (row, worth) in enumerate(zip(scores, gains, strict=True)):

    def key(c, row=row, worth=worth):
      if np.isnan(row[c]):
        return (np.inf if worth[c] else -np.inf, worth[c])
      return (-row[c], worth[c])

    order = sorted(range(len(row)), key=key)
    here = found.requests == b
    expected = [r for r, c in enumerate(order, start=1) if worth[c]]
    assert found.ranks[here].tolist() == expected
    assert found.gains[here].tolist() == [worth[c] for c in order if worth[c]]


@given(requests(), st.randoms(use_true_random=False))
def test_order_of_candidates_changes_nothing(request_, random):
  scores, gains = request_
  order = list(range(scores.shape[1]))
  random.shuffle(order)
  same(measure(scores[:, order], gains[:, order]), measure(scores, gains))


@given(requests(), st.integers(1, 40))
def test_padding_changes_nothing(request_, more):
  scores, gains = request_
  pad = ((0, 0), (0, more))
  mask = np.pad(np.ones(scores.shape, bool), pad)
  padded = measure(np.pad(scores, pad), np.pad(gains, pad), mask_BxC=mask)
  same(padded, measure(scores, gains))


@given(requests())
def test_requests_do_not_depend_on_each_other(request_):
  scores, gains = request_
  whole = measure(scores, gains)
  rows = [measure(s[None], g[None]) for s, g in zip(scores, gains, strict=True)]
  same({m: np.concatenate([r[m] for r in rows]) for m in whole}, whole)


@given(requests())
def test_a_better_score_for_a_relevant_one_is_never_worse(request_):
  scores, gains = request_
  raised = np.where(gains == gains.max(), np.inf, scores)
  before, after = measure(scores, gains), measure(raised, gains)
  for name in NAMES:
    assert (after[name] >= before[name] - 1e-12).all(), name


@pytest.mark.parametrize(
  ("scores", "gains", "more", "message"),
  [
    (np.zeros(3), [1], {}, r"scores: expected .* got float64 of shape \[3\]"),
    (np.zeros((1, 2), complex), [[0, 1]], {}, "scores: expected real numbers"),
    (np.zeros((2, 3)), [[1, 0, 0]], {}, r"gains: .* \[2, 3\], got \[1, 3\]"),
    (np.zeros((1, 3)), [[1, -1, 0]], {}, "row 0, column 1: .* or more, got -1"),
    (np.zeros((1, 2)), [[1, np.nan]], {}, "column 1: .* 0 or more, got nan"),
    (np.zeros((1, 2)), [[np.inf, 0]], {}, "column 0: .* finite .* got inf"),
    (np.zeros((2, 2)), [[1, 0], [0, 0]], {}, "row 1: expected a relevant"),
    (np.zeros((1, 0)), [[]], {}, r"gains|row 0: expected a relevant"),
    (
      np.zeros((1, 2)),
      [[1, 0]],
      {"mask_BxC": np.ones((1, 1), bool)},
      r"mask: expected .* got \[1, 1\]",
    ),
    (
      np.zeros((1, 2)),
      [[1, 0]],
      {"mask_BxC": np.array([[False, True]])},
      "row 0, column 0: expected 0, because the mask",
    ),
    (
      np.zeros((1, 2)),
      [[1, 0]],
      {"sizes_B": np.array([1])},
      "size of row 0: expected at least its 2 candidates, got 1",
    ),
  ],
)
def test_misfits_are_named(scores, gains, more, message):
  with pytest.raises(InputError, match=message):
    metrics.Outcomes.of(scores, np.array(gains), **more)


def test_needs_no_tensorflow():
  script = (
    "import sys; import instructrec_jax.eval.metrics;"
    "import instructrec_jax.eval.recording.results;"
    "import instructrec_jax.baselines.rank;"
    "import instructrec_jax.report.command;"
    "bad = {'tensorflow', 'seqio'} & set(sys.modules); assert not bad, bad"
  )
  subprocess.run([sys.executable, "-c", script], check=True)
